"""Which backend Keras runs on; asked before Keras is imported."""

import os


def wrong_backend() -> str | None:
    """Return a sentence if Keras is told to run on another backend than TensorFlow, else None."""
    backend = os.environ["KERAS_BACKEND"]  # set by the package unless the user has set it
    if backend == "tensorflow":
        return None
    return f"the tutorials need Keras on TensorFlow, but KERAS_BACKEND is {backend!r}: set it to tensorflow"
