"""What all monitors share: the kernels they watch, the history they keep, how they write and draw it."""

import keras
import numpy as np

from . import pictures
from .summaries import SummaryWriter


class Monitor(keras.callbacks.Callback):
    """Keeps figures of every kernel for every epoch; a base class for the callbacks of this package.

    A subclass names its quantities in `QUANTITIES` (name to the words of a colour bar), says in
    `PREFIX` how their TensorBoard tags begin, and calls `record` once an epoch.

    Args:
        log_dir: directory for TensorBoard's event file; `None` writes nothing.
        histogram_freq: histograms are written every so many epochs; 0 writes none.

    Attributes:
        layers: list of str, one name for each kernel, in model order.
        epochs: list of int, the epochs recorded.
        history: dict of float arrays of shape (epochs, layers), one for each quantity.
    """

    QUANTITIES = {}
    PREFIX = ""
    HISTOGRAM_SUFFIX = ""

    def __init__(self, log_dir=None, histogram_freq=0):
        super().__init__()
        if histogram_freq < 0 or histogram_freq != int(histogram_freq):
            raise ValueError(
                f"histogram_freq must be 0 (no histograms) or a positive number of epochs, not {histogram_freq!r}."
            )
        if keras.backend.backend() != "tensorflow":
            raise RuntimeError(
                f"{type(self).__name__} needs Keras on TensorFlow, but Keras runs on "
                f"{keras.backend.backend()}: set KERAS_BACKEND=tensorflow before Keras is imported."
            )
        self.log_dir = log_dir
        self.histogram_freq = int(histogram_freq)
        self.layers = []
        self.epochs = []
        self._rows = []
        self._writer = None

    @property
    def history(self):
        """Dict of float arrays of shape (epochs, layers), one for each quantity."""
        shape = (len(self._rows), len(self.layers))
        return {name: np.array([row[name] for row in self._rows]).reshape(shape) for name in self.QUANTITIES}

    def on_train_begin(self, logs=None):
        self._kernels = kernels(self.model)
        if not self._kernels:
            raise ValueError(
                f"{type(self).__name__} found no kernel to watch in model {self.model.name!r}: it needs a "
                "trainable variable of rank 2 or more. Build the model (give it an Input, or call it once) "
                "and leave a layer trainable."
            )
        if self.layers != list(self._kernels):
            self.layers, self.epochs, self._rows = list(self._kernels), [], []
        if self.log_dir is not None:
            self._writer = SummaryWriter.open(self.log_dir)

    def on_epoch_begin(self, epoch, logs=None):
        """Forgets what an earlier `fit` recorded of this epoch and later ones; keeps what came before."""
        keep = sum(done < epoch for done in self.epochs)
        del self.epochs[keep:], self._rows[keep:]

    def on_train_end(self, logs=None):
        if self._writer is not None:
            if self._rows:
                self._writer.write(self.epochs[-1], images={f"{self.PREFIX}_history": pictures.png(self.plot())})
            self._writer.close()
            self._writer = None

    def wants_histograms(self, epoch):
        """True where histograms of this epoch go into the event file."""
        return self._writer is not None and self.histogram_freq > 0 and epoch % self.histogram_freq == 0

    def record(self, epoch, row, samples=()):
        """Keeps an epoch's figures, and writes them if there is a `log_dir`.

        Args:
            epoch: int.
            row: dict, each quantity to an array of shape (layers,).
            samples: for each layer an array for its histogram; empty for none.
        """
        self.epochs.append(epoch)
        self._rows.append(row)
        if self._writer is not None:
            tags = ((f"{self.PREFIX}_{name}/{layer}", name, i) for name in row for i, layer in enumerate(self.layers))
            self._writer.write(
                epoch,
                scalars={tag: row[name][i] for tag, name, i in tags},
                histograms={
                    f"{layer}/kernel_0{self.HISTOGRAM_SUFFIX}": sample
                    for layer, sample in zip(self.layers, samples, strict=False)
                },
            )

    def plot(self, quantity=None):
        """Draws layers by epochs, coloured by the logarithm of a quantity.

        Args:
            quantity: a key of `history`; `None` takes the first that `QUANTITIES` names.

        Returns:
            A `matplotlib.figure.Figure`. In Jupyter it shows as the last line of a cell.
        """
        quantity = quantity or next(iter(self.QUANTITIES))
        if quantity not in self.QUANTITIES:
            raise ValueError(f"Unknown quantity {quantity!r}; there are {', '.join(self.QUANTITIES)}.")
        if not self._rows:
            raise ValueError(f"{type(self).__name__} has recorded nothing yet: plot after model.fit.")
        words = self.QUANTITIES[quantity]
        return pictures.heatmap(self.history[quantity], self.layers, self.epochs, f"{words} of each layer", words)


def kernels(model):
    """Returns the model's kernels: a dict of name to `keras.Variable`, in model order.

    A kernel is a trainable variable of rank 2 or more. It bears the name of its layer, or
    `layer/variable` where its layer has several.

    >>> list(kernels(model))
    ['dense_1', 'dense_2']
    """
    found = [variable for variable in model.trainable_variables if len(variable.shape) >= 2]
    paths = [variable.path.removeprefix(f"{model.name}/") for variable in found]
    owners = [path.rpartition("/")[0] or path for path in paths]
    named = {}
    for variable, path, owner in zip(found, paths, owners, strict=True):
        name = owner if owners.count(owner) == 1 else path
        while name in named:  # two layers of one name, as subclassed models may have
            name += "_"
        named[name] = variable
    return named
