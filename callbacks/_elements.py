"""Which elements of kernels and of their gradients are looked at, and the statistics of one step's gradients."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from . import backend
from ._statistics import GradientStatistics, gradient_statistics

MAX_ELEMENTS = 2**16
"""Elements of large kernels that are looked at in a step, all kernels together, unless that leaves a kernel with fewer
than `MIN_ELEMENTS`. To read them takes about a millisecond on a CPU core."""

MIN_ELEMENTS = 4096
"""Elements of a kernel that are looked at, at least. A mean magnitude that is estimated from them has a standard error
of 1/64 of the magnitudes' standard deviation: 1.2 % of the mean magnitude where elements are normally distributed."""

MAX_FILLED_UP = 2**17
"""Kernels of all sizes are filled up with zeros to one length and computed together, if that makes so many elements at
most."""


def chosen_elements(sizes: Sequence[int]) -> list[np.ndarray | None]:
    """Return for each kernel the places of the elements to look at, in order; None where it is all of them.

    The choice is random, the same every time, and the same for all kernels of one size. Kernels that have more than
    `MIN_ELEMENTS` elements share `MAX_ELEMENTS` among them. Of one that has up to twice its share, all are looked at:
    to pick some out would take longer.

    >>> [None if places is None else len(places) for places in chosen_elements([25, 784_000, 500_000])]
    [None, 32768, 32768]
    """
    large = sum(size > MIN_ELEMENTS for size in sizes)
    share = max(MIN_ELEMENTS, MAX_ELEMENTS // max(large, 1))
    chosen: dict[int, np.ndarray | None] = {}
    for size in {*sizes}:
        chosen[size] = None
        if size > 2 * share:
            random = np.random.RandomState(0)
            drawn = np.unique(random.randint(0, size, 2 * share, dtype="int64"))  # 1.26 times the share, or more
            chosen[size] = np.sort(random.permutation(drawn)[:share]).astype("int32")
    return [chosen[size] for size in sizes]


def shared_places(chosen: Sequence[np.ndarray | None]) -> list[Any]:
    """Return places as tensors, one for all kernels that share them: a constant each would make a graph large."""
    tensors = {id(places): ops.convert_to_tensor(places) for places in chosen if places is not None}
    return [None if places is None else tensors[id(places)] for places in chosen]


class _Read(NamedTuple):
    """What is looked at of one gradient."""

    elements: Any
    """Float32 tensor of rank 1."""
    stands_for: int
    """How many elements it stands for: with rows that were looked up, all of the kernel's."""
    group: str
    """Gradients with the same value here are computed together."""
    whole: Any = None
    """The whole gradient as a vector, where `elements` are some of it."""


class GradientReader:
    """Computes the statistics of one step's gradients.

    Kernels with many elements are represented by some of them, see `chosen_elements`; only their `mean` and
    `nonfinite` are those of all elements. Gradients of similar sizes are read by the same operations.

    Args:
        sizes: number of elements of each kernel.
        is_exact: whether all elements are looked at.

    >>> GradientReader([10, 25]).statistics({0: gradient, 1: other_gradient}).l2.shape
    (2,)

    Attributes:
        sampled: list of the number of elements of each kernel that are looked at, None where it is all.
        cost: about how many elements are read in a step; one that is only summed counts a quarter.
    """

    def __init__(self, sizes: Sequence[int], is_exact: bool = False) -> None:
        self._sizes = list(sizes)
        self._chosen = [None] * len(self._sizes) if is_exact else chosen_elements(self._sizes)

        self.sampled = [None if places is None else len(places) for places in self._chosen]
        sizes_read_whole = [size for size, count in zip(sizes, self.sampled, strict=True) if count is None]
        fit_together = len(sizes_read_whole) * max(sizes_read_whole, default=0) <= MAX_FILLED_UP
        self._groups = ["all" if fit_together else f"size {_filled_up_to(size)}" for size in self._sizes]
        only_summed = sum(size for size, chosen in zip(self._sizes, self._chosen, strict=True) if chosen is not None)
        seen = sum(count or size for size, count in zip(sizes, self.sampled, strict=True))
        self.cost = seen + only_summed // 4

    def vectors(self, gradients: Mapping[int, Any], divisor: float = 1.0) -> dict[int, Any]:
        """Return the elements of gradients that are looked at; the arguments are those of `statistics`."""
        return {i: one.elements for i, one in self._read(gradients, divisor).items()}

    def statistics(self, gradients: Mapping[int, Any], divisor: float = 1.0) -> GradientStatistics:
        """Return the statistics of gradients, each of shape (kernels,).

        Args:
            gradients: dict of the number of a kernel to its gradient, one at least; the statistics of the others are 0.
            divisor: number by which the gradients are divided first.
        """
        read = self._read(gradients, divisor)
        groups: dict[str, list[int]] = {}
        for i, one in read.items():
            groups.setdefault(one.group, []).append(i)
        parts = [ops.stack(self._of_a_group(members, [read[i] for i in members])) for members in groups.values()]
        order = [i for members in groups.values() for i in members]
        return self._in_order(ops.concatenate(parts, axis=1), order)

    def _read(self, gradients: Mapping[int, Any], divisor: float) -> dict[int, "_Read"]:
        read = {}
        places = shared_places(self._chosen)
        for i, gradient in gradients.items():
            tensor, is_rows = backend.dense(gradient)
            chosen, size = self._chosen[i], self._sizes[i]
            # TensorFlow does not know the shape of every gradient: that of a slice of unknown length is padded with 0.
            vector = ops.reshape(ops.cast(tensor, "float32"), (-1 if is_rows else size,))
            vector = vector if divisor == 1.0 else vector / divisor
            if is_rows:
                read[i] = _Read(vector, size, f"rows {i}")
            elif chosen is None:
                read[i] = _Read(vector, size, self._groups[i])
            else:
                read[i] = _Read(backend.elements_at(vector, places[i]), len(chosen), "chosen", vector)
        return read

    def _of_a_group(self, members: list[int], read: list["_Read"]) -> GradientStatistics:
        """The statistics of some gradients, computed together."""
        counts = np.array([one.stands_for for one in read], "float32")
        scale = np.array([self._sizes[i] for i in members], "float32") / counts
        matrix = ops.stack(_filled_up([one.elements for one in read]))
        found = gradient_statistics(matrix, ops.convert_to_tensor(counts), ops.convert_to_tensor(scale))
        if read[0].whole is None:
            return found
        sums, nonfinite = backend.sums_and_nonfinite([one.whole for one in read])
        means = sums / ops.convert_to_tensor(counts * scale)
        is_known = ops.logical_and(ops.isfinite(means), nonfinite == 0)
        return found._replace(mean=ops.where(is_known, means, found.mean), nonfinite=nonfinite)

    def _in_order(self, together: Any, order: list[int]) -> GradientStatistics:
        """The statistics of all kernels, of columns for some of them in another order; those of the others are 0."""
        kernels = len(self._sizes)
        if order != list(range(kernels)):
            if len(order) < kernels:
                together = ops.concatenate([together, ops.zeros((together.shape[0], 1))], axis=1)
            places = [order.index(i) if i in order else len(order) for i in range(kernels)]
            together = ops.take(together, np.array(places, "int32"), axis=1)
        return GradientStatistics(*ops.unstack(together, axis=0))


def _filled_up_to(size: int) -> int:
    """The length to which a kernel of this size is filled up where not all are computed together: a power of 4."""
    return max(1024, 4 ** math.ceil(math.log(max(size, 1), 4)))


def _filled_up(vectors: list[Any]) -> list[Any]:
    """Vectors with zeros behind them, all of the largest one's length."""
    if len(vectors) == 1:
        return vectors
    width = max(vector.shape[0] for vector in vectors)
    return [
        vector if vector.shape[0] == width else ops.concatenate([vector, ops.zeros((width - vector.shape[0],))])
        for vector in vectors
    ]
