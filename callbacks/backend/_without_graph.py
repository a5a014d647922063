"""What JAX and PyTorch have in common: a step that runs has its batch, and a model is built before its first step."""

import contextlib
from collections.abc import Sequence
from typing import Any

import keras

END_OF_DATA = (StopIteration,)
"""What a train function raises where its iterator ends."""

READS_TOGETHER = False
"""Whether the values of many small variables are read faster by one compiled function than one after another."""


def once_computed(tensors: Sequence[Any]) -> contextlib.AbstractContextManager:
    """Return a context that does nothing: a step that runs has its batch."""
    return contextlib.nullcontext()


def outside_the_step() -> contextlib.AbstractContextManager:
    """Return a context that does nothing: the model is built before its first step."""
    return contextlib.nullcontext()


def have_values(variables: Sequence[keras.Variable]) -> bool:
    """Return whether variables can be read: always, as models are built before their first step."""
    return True
