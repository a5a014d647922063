"""The vanishing-gradient tutorial and its course, as scripts; `python -m tutorials` lists them."""

import os

# The scripts are written for TensorFlow; whoever asks for another backend is told so by the command line.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# TensorFlow's start-up notices (CPU features, oneDNN) would bury the first lines a reader sees.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
