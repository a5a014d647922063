"""What is behind the diagnosis: which advice helps, counted."""

SECTIONS = ("advice",)
