"""Importing this module loads TensorFlow without its start-up notices, which C++ prints past every Python setting."""

import os
import sys
from pathlib import Path

from tutorials.backend import wrong_backend

if _sentence := wrong_backend():
    sys.stderr.write(f"{_sentence}\n")
    sys.exit(2)

sys.stderr.flush()
_stderr = os.dup(2)
with Path(os.devnull).open("w") as _nowhere:
    os.dup2(_nowhere.fileno(), 2)
try:
    import tensorflow as tf

    tf.zeros(1) + 1  # the search for a GPU prints notices of its own
finally:
    os.dup2(_stderr, 2)
    os.close(_stderr)
