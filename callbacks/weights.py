"""WeightNormMonitor: how large each kernel is and how far it moved, epoch by epoch."""

import os
from typing import Any

import keras
import numpy as np

from . import backend
from ._statistics import l1_norms, weight_statistics
from .evidence import QUANTITIES
from .keras_internals import kernels
from .monitor import Monitor


class WeightNormMonitor(Monitor):
    """Records the L1 norm of every kernel at each epoch's end, and how much the kernel changed.

    With a `log_dir`, TensorBoard shows every quantity in the tab Layers, the scalars `weight_l1/<layer>` and
    `weight_l1_change/<layer>` per epoch, every `histogram_freq` epochs a histogram `<layer>/kernel_0`, and at the end
    an image of `weight_l1_change`, layers by epochs.

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
        self._kernels: list[keras.Variable] | None = None
        self._before: list[np.ndarray] | None = None  # the kernels at the end of the previous epoch
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
        self._kernels = list(watched.values())
        self.begin(list(watched))
        self._begin_to_compare()

    def _begin_to_compare(self) -> None:
        self._before = self._values()
        self._l1_before, _ = l1_norms(self._before)

    def _epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self._is_first_epoch and self._is_watching:  # by now another callback may have restored weights
            self._begin_to_compare()
        super()._epoch_begin(epoch, logs)

    def _epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if not self._is_watching:  # nobody saw the weights as they began
            self._begin_watching()
            self._before = [np.full_like(kernel, np.nan) for kernel in self._before or ()]
            self._l1_before = np.full(len(self._before), np.nan)
        super()._epoch_end(epoch, logs)

    def _look(self, epoch: int) -> None:
        assert self._before is not None
        assert self._l1_before is not None
        after = self._values()
        statistics = weight_statistics(self._before, after, self._l1_before)
        self._before, self._l1_before = after, statistics.l1
        self.record(epoch, statistics._asdict(), after if self.wants_histograms(epoch) else ())

    def _values(self) -> list[np.ndarray]:
        return [backend.array_of(kernel).astype("float64") for kernel in self._kernels or ()]
