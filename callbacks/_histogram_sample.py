"""The gradient elements that an epoch's histograms are made of."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from . import backend

SAMPLED_ELEMENTS = 4096
"""Elements of a kernel that go into a histogram, at most: a fixed random choice where it has more."""

MAX_SAMPLE_STEPS = 256
"""Steps whose gradients go into a histogram, at most."""

MAX_SAMPLE_SIZE = 2**18
"""Numbers held for the histograms of an epoch, at most; 1 MiB in float32."""


class HistogramSample:
    """Keeps gradient elements of an epoch's last sampled steps in a ring buffer of one row per step.

    Args:
        recording: the `Recording` of the steps.
        sizes: number of elements of each kernel.
    """

    def __init__(self, recording: backend.Recording, sizes: Sequence[int]) -> None:
        self._widths = [min(size, SAMPLED_ELEMENTS) for size in sizes]
        width = sum(self._widths)
        self._capacity = max(1, min(MAX_SAMPLE_STEPS, MAX_SAMPLE_SIZE // width))
        empty = np.full((self._capacity, width), np.nan, "float32")
        self._rows = recording.accumulator(empty, lambda rows, step: ops.scatter_update(rows, *step))

    def add(self, vectors: Callable[[], Mapping[int, Any]], at: backend.Sampler, condition: Any = True) -> None:
        """Keep the elements of one step's gradients; called in a step.

        Args:
            vectors: function that returns a dict of the number of a kernel to the elements of its gradient that are
                looked at.
            at: tells which steps are sampled, and the number of this one among them.
            condition: a Boolean tensor, false where this step does not count.
        """

        def row() -> tuple[Any, Any]:
            place = ops.reshape(ops.cast(at.number() % self._capacity, "int32"), (1, 1))
            seen = vectors()
            return place, ops.concatenate([self._elements(i, seen) for i in range(len(self._widths))])[None]

        self._rows.add(row, at, condition)

    def _elements(self, i: int, vectors: Mapping[int, Any]) -> Any:
        width = self._widths[i]
        if i not in vectors:
            return ops.full((width,), float("nan"))
        vector = vectors[i]
        if vector.shape[0] == width:
            return vector
        if vector.shape[0] is not None and vector.shape[0] > width:
            return backend.elements_at(vector, np.linspace(0, vector.shape[0] - 1, width).astype("int32"))
        return ops.take(vector, ops.arange(width) % ops.maximum(ops.shape(vector)[0], 1))  # rows that were looked up

    def reset(self) -> None:
        """Forget everything: an epoch begins."""
        self._rows.reset()

    def read(self) -> list[np.ndarray]:
        """Return for each kernel the elements kept, (steps, elements); NaN where a step is missing."""
        return np.split(self._rows.read(), np.cumsum(self._widths)[:-1], axis=1)
