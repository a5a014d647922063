"""WeightNormMonitor: how large each kernel is and how far it moved, epoch by epoch."""

import numpy as np

from .keras_internals import kernels
from .monitor import Monitor


class WeightNormMonitor(Monitor):
    """Records the L1 norm of every kernel at each epoch's end, and how much it changed.

    With a `log_dir`, TensorBoard shows a scalar `weight_<quantity>/<layer>` an epoch, every
    `histogram_freq` epochs a histogram `<layer>/kernel_0`, and at the end an image of
    `weight_l1_change`, layers by epochs.

    >>> weights = WeightNormMonitor()
    >>> model.fit(x, y, epochs=100, callbacks=[weights])
    >>> weights.history["l1_change"].sum(axis=0)     # the way each layer went, input to output

    Args:
        log_dir: directory for TensorBoard's event file; `None` writes nothing.
        histogram_freq: histograms are written every so many epochs; 0 writes none.

    Attributes:
        layers: list of str, one name for each kernel, in model order.
        epochs: list of int, the epochs recorded.
        history: dict of float arrays of shape (epochs, layers): `l1`, the sum of the kernel's
            magnitudes at the epoch's end; `l1_change`, the L1 norm of its difference from the previous
            epoch's end, or from the start; `update_ratio`, `l1_change` over the `l1` before the change
            (a kernel that was all zeros has NaN).

    Raises:
        ValueError: in `fit`, if the model has no trainable kernel.
        RuntimeError: if Keras does not run on TensorFlow.
    """

    QUANTITIES = {
        "l1_change": "weight change, L1",
        "l1": "weight L1 norm",
        "update_ratio": "weight change / weight norm",
    }
    PREFIX = "weight"

    def on_train_begin(self, logs=None):
        self._kernels = kernels(self.model)
        self.begin(list(self._kernels))
        self._before = self._values()
        self._l1 = _l1(self._before)

    def on_epoch_end(self, epoch, logs=None):
        after = self._values()
        change = _l1(new - old for new, old in zip(after, self._before, strict=True))
        ratio = np.divide(change, self._l1, out=np.full_like(change, np.nan), where=self._l1 > 0)
        self._before, self._l1 = after, _l1(after)
        row = {"l1_change": change, "l1": self._l1, "update_ratio": ratio}
        self.record(epoch, row, after if self.wants_histograms(epoch) else ())

    def _values(self):
        return [kernel.numpy().astype("float64") for kernel in self._kernels.values()]


def _l1(kernels):
    return np.array([np.abs(kernel).sum() for kernel in kernels])
