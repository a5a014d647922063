"""WeightNormMonitor: how large each kernel is and how far it moved, epoch by epoch."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from . import backend
from ._elements import chosen_elements, shared_places
from ._statistics import l1_norms, weight_statistics
from .evidence import QUANTITIES
from .keras_internals import kernels
from .monitor import Monitor


class WeightNormMonitor(Monitor):
    """Records the L1 norm of every kernel at each epoch's end, and how much the kernel changed.

    With a `log_dir`, TensorBoard shows every quantity in the tab Layers, the scalars `weight_l1/<layer>` and
    `weight_l1_change/<layer>` per epoch, and every `histogram_freq` epochs a histogram `<layer>/kernel_0`.

    >>> weights = WeightNormMonitor()
    >>> model.fit(x, y, epochs=100, callbacks=[weights])
    >>> weights.history["l1_change"].sum(axis=0)     # the distance each layer travelled, input to output

    Args:
        log_dir: directory for TensorBoard's event file; `None` writes nothing.
        histogram_freq: histograms are written every so many epochs; 0 writes none.
        all_scalars: whether every quantity of every layer is written as a scalar `weight_<quantity>/<layer>`.

    Attributes:
        layers: list of str, one name for each kernel, in model order.
        epochs: list of int, the epochs recorded.
        history: dict of float arrays of shape (epochs, layers). `l1`, the sum of the kernel's magnitudes at the epoch's
            end; `l1_change`, the L1 norm of its difference from the previous epoch's end, or from the start;
            `update_ratio`, `l1_change` over the `l1` before the change (NaN for a kernel that was all zeros);
            `nonfinite`, the number of NaN or infinite weights at the epoch's end. These are left out of `l1`, and where
            they are so at either end out of `l1_change`; a kernel without any finite weight has NaN there.
        sampled_elements: dict of the layers of whose kernels some elements stand for all, to their number: a fixed
            random choice of 4,096 to 65,536. From it the norms are estimated, with a standard error of 1.2 % where
            4,096 normally distributed weights are looked at, and of 0.3 % where it is 65,536; for the change of an
            embedding of which few rows change it is larger. `nonfinite` counts all elements.

    Raises:
        ValueError: if `histogram_freq` is no number of epochs.
    """

    QUANTITIES = QUANTITIES["weight"]
    CHARTED = ("l1_change", "l1")
    PREFIX = "weight"
    _OF_A_FIT = (*Monitor._OF_A_FIT, "_kernels", "_before", "_l1_before")

    def __init__(
        self, log_dir: str | os.PathLike | None = None, histogram_freq: int = 0, all_scalars: bool = False
    ) -> None:
        super().__init__(log_dir, histogram_freq, all_scalars)
        self.sampled_elements: dict[str, int] = {}
        self._kernels: _KernelReader | None = None
        self._before: _Kernels | None = None  # at the end of the previous epoch
        self._l1_before: np.ndarray | None = None

    def _train_begin(self, logs: dict | None = None) -> None:
        super()._train_begin(logs)
        if not self._is_watching and self.model.optimizer is not None:
            self._listen(self.model.optimizer, self._before_the_first_update)

    def _before_the_first_update(self, gradients: list[Any], variables: list[keras.Variable], is_applied: Any) -> None:
        with backend.outside_the_step():
            is_ready = backend.have_values(variables)
        if is_ready:
            self._begin_watching()

    def _watch(self) -> None:
        watched = kernels(self.model)
        self._kernels = _KernelReader([*watched.values()])
        self.begin(list(watched))
        assert self.epoch_end is not None
        self.epoch_end.add(self, self._kernels.reading)
        counts = zip(watched, self._kernels.sampled, strict=True)
        self.sampled_elements = {name: count for name, count in counts if count is not None}
        self._begin_to_compare()

    def _begin_to_compare(self) -> None:
        assert self._kernels is not None
        self._before = self._kernels.unpacked(self._kernels.reading())
        self._l1_before = l1_norms(self._before.elements, self._kernels.starts)[0] * self._kernels.scale

    def _epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self._is_first_epoch and self._is_watching:  # by now another callback may have restored weights
            self._begin_to_compare()
        super()._epoch_begin(epoch, logs)

    def _epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if not self._is_watching:  # nobody saw the weights as they began
            self._begin_watching()
            assert self._before is not None
            assert self._l1_before is not None
            self._before.elements[:], self._l1_before[:] = np.nan, np.nan
        super()._epoch_end(epoch, logs)

    def _look(self, epoch: int) -> None:
        assert self._kernels is not None
        assert self._before is not None
        assert self._l1_before is not None
        assert self.epoch_end is not None
        after = self._kernels.unpacked(self.epoch_end.read(self))
        statistics = weight_statistics(
            self._before.elements, after.elements, self._kernels.starts, self._l1_before, self._kernels.scale
        )
        statistics = statistics._replace(nonfinite=np.maximum(statistics.nonfinite, after.nonfinite))
        self._before, self._l1_before = after, statistics.l1
        samples = np.split(after.elements, self._kernels.starts[1:]) if self.wants_histograms(epoch) else []
        self.record(epoch, statistics._asdict(), samples)


class _Kernels(NamedTuple):
    """What is looked at of some kernels."""

    elements: np.ndarray
    """Float64, those of the first kernel, of the second, and so on."""
    nonfinite: np.ndarray
    """(kernels,), of large kernels how many of all their elements are NaN or infinite; of the others 0, as all of their
    elements are in `elements`."""


class _KernelReader:
    """Reads some kernels: all elements of small ones; of large ones those that `chosen_elements` chooses.

    Args:
        watched: the kernels.

    Attributes:
        sampled: list of the number of elements that are looked at, None where it is all.
        reading: what `EpochEnd` takes; it returns one array, of which `unpacked` makes `_Kernels`.
        starts: (kernels,), where each kernel's elements begin in `_Kernels.elements`.
        scale: (kernels,), the number of a kernel's elements over that of those that are looked at.
    """

    def __init__(self, watched: Sequence[keras.Variable]) -> None:
        sizes = [int(np.prod(kernel.shape)) for kernel in watched]
        self._watched, self._places = list(watched), chosen_elements(sizes)
        self.sampled = [None if places is None else len(places) for places in self._places]
        counts = [count or size for size, count in zip(sizes, self.sampled, strict=True)]
        self.starts = np.cumsum([0, *counts[:-1]])
        self.scale = np.array(sizes) / counts
        if backend.READS_TOGETHER or any(self.sampled):
            self.reading = backend.compiled(self._watched, self._as_one_tensor)
        else:
            self.reading = backend.host_reading(self._read_one_by_one)

    def _read_one_by_one(self) -> np.ndarray:
        return np.concatenate([backend.array_of(kernel).ravel() for kernel in self._watched], dtype="float64")

    def _as_one_tensor(self) -> Any:
        """What `reading` returns, as one tensor: the elements, then the sum of each large kernel."""
        vectors = [keras.ops.reshape(keras.ops.cast(kernel.value, "float32"), (-1,)) for kernel in self._watched]
        chosen = [
            vector if places is None else backend.elements_at(vector, places)
            for vector, places in zip(vectors, shared_places(self._places), strict=True)
        ]
        large = [vector for vector, count in zip(vectors, self.sampled, strict=True) if count is not None]
        sums = [keras.ops.stack([keras.ops.sum(vector) for vector in large])] if large else []
        return keras.ops.concatenate([*chosen, *sums])

    def unpacked(self, found: np.ndarray) -> _Kernels:
        """Return what is in the array that `reading` returned."""
        nonfinite = np.zeros(len(self.sampled))
        large = [i for i, count in enumerate(self.sampled) if count is not None]
        end = len(found) - len(large)
        for i, total in zip(large, found[end:], strict=True):
            if not np.isfinite(total):  # only then is every element looked at again
                nonfinite[i] = np.count_nonzero(~np.isfinite(backend.array_of(self._watched[i])))
        return _Kernels(found[:end].astype("float64", copy=False), nonfinite)
