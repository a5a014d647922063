"""The tutorial's own exercises, a script each, every one over many seeds."""

SECTIONS = ("xavier", "adam", "weight_change", "depth", "width")
