"""Importing this module loads TensorFlow without its start-up notices, or ends the process on another backend."""

import sys
import warnings

from tutorials.backend import wrong_backend

from callbacks.startup import import_tensorflow

if _sentence := wrong_backend():
    sys.stderr.write(f"{_sentence}\n")
    sys.exit(2)

import_tensorflow()

# tqdm warns in every notebook without ipywidgets, and its bars are text there, which is all right.
warnings.filterwarnings("ignore", "IProgress not found")
