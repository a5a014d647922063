"""The tutorial's own exercises: one script for each, every one studied with many seeds."""

SECTIONS = ("xavier", "adam", "weight_change", "depth", "width")
