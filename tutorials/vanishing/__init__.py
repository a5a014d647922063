"""The vanishing-gradient tutorial, a script a section."""

SECTIONS = ("two_circles", "shallow_tanh", "deep_tanh", "deep_relu", "deeper_relu", "gradient_diagnosis")
