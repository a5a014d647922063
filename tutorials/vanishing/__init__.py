"""The vanishing-gradient tutorial: one script for each of its sections."""

SECTIONS = ("two_circles", "shallow_tanh", "deep_tanh", "deep_relu", "deeper_relu", "gradient_diagnosis")
