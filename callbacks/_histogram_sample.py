"""The gradient elements that an epoch's histograms are made of."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from ._accumulation import variable_of_each_replica

SAMPLED_ELEMENTS = 4096
"""Elements of a kernel that go into a histogram, at most: a fixed random choice where it has more."""

MAX_SAMPLE_STEPS = 256
"""Steps whose gradients go into a histogram, at most."""

MAX_SAMPLE_SIZE = 2**18
"""Numbers held for the histograms of an epoch, at most; 1 MiB in float32."""


class HistogramSample:
    """Keeps gradient elements of an epoch's last sampled steps in a ring buffer of one row per step.

    Args:
        kernels: the variables whose gradients are kept.
    """

    def __init__(self, kernels: Sequence[keras.Variable]) -> None:
        random = np.random.RandomState(0)
        sizes = [int(np.prod(kernel.shape)) for kernel in kernels]
        self._chosen = [
            None if size <= SAMPLED_ELEMENTS else np.sort(random.choice(size, SAMPLED_ELEMENTS, replace=False))
            for size in sizes
        ]
        self._widths = [min(size, SAMPLED_ELEMENTS) for size in sizes]
        width = sum(self._widths)
        self._capacity = max(1, min(MAX_SAMPLE_STEPS, MAX_SAMPLE_SIZE // width))
        self._ring = variable_of_each_replica(tf.zeros((self._capacity, width)))

    def add(self, step: tf.Tensor, gradients: Mapping[int, tf.Tensor]) -> None:
        """Keep one step's gradients.

        Args:
            step: the number of the sampled step, counted from 0 in each epoch.
            gradients: dict of the index of a kernel to its gradient.
        """
        pieces = []
        for i, (chosen, width) in enumerate(zip(self._chosen, self._widths, strict=True)):
            if i not in gradients:
                pieces.append(tf.fill([width], np.nan))
                continue
            flat = tf.reshape(gradients[i], [-1])
            pieces.append(flat if chosen is None else tf.gather(flat, chosen))
        row = tf.concat(pieces, axis=0)[None]
        self._ring.assign(tf.tensor_scatter_nd_update(self._ring, [[step % self._capacity]], row))

    def read(self, steps: int) -> list[np.ndarray]:
        """Return for each kernel the elements kept of an epoch of so many sampled steps, (steps kept, elements)."""
        rows = self._ring.numpy()[:steps]
        return np.split(rows, np.cumsum(self._widths)[:-1], axis=1)
