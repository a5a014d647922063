"""Importing TensorFlow without its start-up notices, for commands whose output is read by people."""

import os
import sys
from pathlib import Path


def import_tensorflow() -> None:
    """Import TensorFlow with standard error closed for the time, as its C++ prints past every Python setting."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import tensorflow as tf

        tf.zeros(1) + 1  # the search for a GPU prints notices of its own
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
