"""The vanishing-gradient tutorial and its course, as scripts; `python -m tutorials` lists them."""

import os

# The scripts are written for TensorFlow; whoever asks for another backend is told so by the command line.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# What TensorFlow's C++ has to say (CPU features, the GPU it did not find) would bury what a reader looks for;
# its errors reach Python as exceptions all the same.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
