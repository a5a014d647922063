"""What all monitors share: the layers they watch, the history they keep, how they write and draw it."""

import keras
import numpy as np

from . import pictures
from .summaries import SummaryWriter


class Monitor(keras.callbacks.Callback):
    """Keeps figures of every layer for every epoch; a base class for the callbacks of this package.

    A subclass names its quantities in `QUANTITIES` (name to the words of a colour bar), says in
    `PREFIX` how their TensorBoard tags begin, calls `begin` when training begins and `record` once an epoch.

    Args:
        log_dir: directory for TensorBoard's event file; `None` writes nothing.
        histogram_freq: histograms are written every so many epochs; 0 writes none.

    Attributes:
        layers: list of str, the names of what is watched, in model order.
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
        self.quantities = self.QUANTITIES
        self.layers = []
        self.epochs = []
        self._rows = []
        self._watched = None
        self._writer = None

    @property
    def history(self):
        """Dict of float arrays of shape (epochs, layers), one for each quantity."""
        shape = (len(self._rows), len(self.layers))
        return {name: np.array([row[name] for row in self._rows]).reshape(shape) for name in self.quantities}

    def begin(self, layers):
        """Starts to watch `layers`, a list of names; what was recorded of other layers is forgotten."""
        if self._watched != (layers, self.quantities):
            self._watched = (layers, self.quantities)
            self.layers, self.epochs, self._rows = list(layers), [], []
        if self.log_dir is not None and self._writer is None:
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

    def record(self, epoch, row, samples=(), counts=None):
        """Keeps an epoch's figures, and writes them if there is a `log_dir`.

        Args:
            epoch: int.
            row: dict, each quantity to an array of shape (layers,).
            samples: for each layer an array for its histogram; empty for none.
            counts: dict, names to numbers that are not a layer's but the epoch's.
        """
        counts = counts or {}
        self.epochs.append(epoch)
        self._rows.append(row | counts)
        if self._writer is not None:
            named = [(f"{name}/{layer}", row[name][i]) for name in row for i, layer in enumerate(self.layers)]
            tags = zip(self.layers, samples, strict=False)
            self._writer.write(
                epoch,
                scalars={f"{self.PREFIX}_{tag}": value for tag, value in [*named, *counts.items()]},
                histograms={f"{layer}/kernel_0{self.HISTOGRAM_SUFFIX}": sample for layer, sample in tags},
            )

    def plot(self, quantity=None):
        """Draws layers by epochs, coloured by the logarithm of a quantity.

        Args:
            quantity: a key of `history`; `None` takes the first that `QUANTITIES` names.

        Returns:
            A `matplotlib.figure.Figure`; in Jupyter, with `%matplotlib inline`, it shows as the last line of a cell.
        """
        quantity = self._plottable(quantity)
        words = self.quantities[quantity]
        return pictures.heatmap(self.history[quantity], self.layers, self.epochs, f"{words} of each layer", words)

    def plot_profile(self, quantity=None, epochs=None):
        """Draws a quantity from the first to the last layer, a line for each of some epochs.

        Args:
            quantity: a key of `history`; `None` takes the first that `QUANTITIES` names.
            epochs: list of recorded epochs; `None` takes five, evenly spaced from the first to the last.

        Returns:
            A `matplotlib.figure.Figure`.
        """
        quantity = self._plottable(quantity)
        if epochs is None:
            chosen = np.unique(np.linspace(0, len(self.epochs) - 1, 5).round().astype(int))
        else:
            unknown = [epoch for epoch in epochs if epoch not in self.epochs]
            if unknown or not len(epochs):
                raise ValueError(
                    f"epochs must be some of those recorded, {self.epochs[0]} to {self.epochs[-1]}, not {epochs}."
                )
            chosen = [self.epochs.index(epoch) for epoch in epochs]
        lines = {self.epochs[i]: self.history[quantity][i] for i in chosen}
        return pictures.profile(lines, self.layers, self.quantities[quantity])

    def _plottable(self, quantity):
        quantity = quantity or next(iter(self.QUANTITIES))
        if quantity not in self.quantities:
            raise ValueError(f"Unknown quantity {quantity!r}; there are {', '.join(self.quantities)}.")
        if not self._rows:
            raise ValueError(f"{type(self).__name__} has recorded nothing yet: plot after model.fit.")
        return quantity


def kernels(model):
    """Returns the model's kernels: a dict of name to `keras.Variable`, in model order.

    A kernel is a trainable variable of rank 2 or more. It bears the name of its layer, or
    `layer/variable` where its layer has several. Raises `ValueError` where there is none.

    >>> list(kernels(model))
    ['dense_1', 'dense_2']
    """
    found = [variable for variable in model.trainable_variables if len(variable.shape) >= 2]
    if not found:
        if not model.built:
            raise ValueError(
                f"Model {model.name!r} is not built, so it has no kernels to watch yet: give it an Input, "
                "call it once on a batch, or call model.build(input_shape) before fit."
            )
        raise ValueError(
            f"Model {model.name!r} has no kernel to watch, that is no trainable variable of rank 2 or more: "
            "leave at least one such layer trainable."
        )
    places = _places(model)
    owners = [places.get(id(variable), (None, variable.path)) for variable in found]
    named = {}
    for variable, (layer, owner) in zip(found, owners, strict=True):
        alone = sum(layer is other for other, _ in owners) == 1
        named[distinct(owner if alone else f"{owner}/{variable.name}", named)] = variable
    return named


def _places(layer, prefix=""):
    """Finds where variables live: a dict of a variable's id to its layer and the layer's name, like `encoder/dense_1`.

    (A variable's own `path` will not do: it begins with the names of the scopes it happened to be made in.)
    """
    places = {id(variable): (layer, prefix or layer.name) for variable in layer._trainable_variables}
    for inner in layer._flatten_layers(include_self=False, recursive=False):
        places = _places(inner, f"{prefix}/{inner.name}" if prefix else inner.name) | places
    return places


def distinct(name, taken):
    """Returns `name`, or `name_2` and so on where it is taken: two layers may bear one name."""
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate
