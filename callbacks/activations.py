"""ActivationMonitor: the health of every activation on a fixed batch, epoch by epoch."""

import contextlib

import keras
import numpy as np
import tensorflow as tf

from .monitor import Monitor, distinct

SATURATED = 0.9**0.5
"""|output| from which tanh counts as saturated, 0.949: there its derivative, 1 - a², is a tenth of its largest value.

For sigmoid the same holds of 2a - 1, as sigmoid(x) = (1 + tanh(x / 2)) / 2: saturated is below 0.026 or above 0.974.
"""

SATURATING = {"tanh": lambda a: tf.abs(a), "sigmoid": lambda a: tf.abs(2 * a - 1)}
DYING = {"relu", "relu6"}
"""Activations that are exactly zero, with a zero derivative, over half of their inputs."""


class ActivationMonitor(Monitor):
    """Records the outputs of every layer with an activation on a fixed batch, at each epoch's end.

    The batch goes through the model as in `predict` (dropout off, batch normalization on its moving
    averages), so nothing of the model or of its random streams changes.

    With a `log_dir`, TensorBoard shows a scalar `activation_<quantity>/<layer>` an epoch, and at
    the end an image of `activation_std`, layers by epochs.

    >>> activations = ActivationMonitor(x_test[:256])
    >>> model.fit(x, y, epochs=100, callbacks=[activations])
    >>> activations.history["saturated_fraction"][-1]        # the last epoch, input to output

    Args:
        probe: a batch of the model's inputs, as `model(probe)` takes it. 100 points or more, so that a
            unit that is zero on all of them is likely to be dead.
        log_dir: directory for TensorBoard's event file; `None` writes nothing.

    Attributes:
        layers: list of str, the layers with an activation (`Dense(..., "tanh")`, `Activation`, `ReLU`,
            `LSTM` and so on, in nested models too), in the order in which they are called; a
            layer called twice is there twice.
        epochs: list of int, the epochs recorded.
        history: dict of float arrays of shape (epochs, layers). `mean` and `std` of the finite outputs;
            `saturated_fraction`, the share of outputs where the derivative of tanh or sigmoid is below a
            tenth of its largest value (|tanh| above 0.949, sigmoid below 0.026 or above 0.974);
            `dead_fraction`, the share of units (positions on the last axis: channels in a convolution)
            of the ReLU family that are zero on the whole batch; `nonfinite`, the number of NaN or
            infinite outputs. A share that does not apply to a layer's activation is NaN.

    Raises:
        ValueError: in `fit`, if no layer of the model has an activation.
        RuntimeError: if Keras does not run on TensorFlow.
    """

    QUANTITIES = {
        "std": "standard deviation of the activations",
        "mean": "mean activation",
        "saturated_fraction": "share of saturated activations",
        "dead_fraction": "share of dead units",
        "nonfinite": "NaN or infinite activations",
    }
    PREFIX = "activation"

    def __init__(self, probe, log_dir=None):
        super().__init__(log_dir)
        self.probe = keras.tree.map_structure(tf.convert_to_tensor, probe)

    def on_train_begin(self, logs=None):
        if not self.model.built:
            self.model(self.probe, training=False)
        self._layers = activated(self.model)
        if not self._layers:
            raise ValueError(f"Model {self.model.name!r} has no layer with an activation to watch.")
        self._names = []
        self._figures = tf.function(self._measure, autograph=False)
        self._figures.get_concrete_function()  # traced here, so that the names are known before the first epoch
        self.begin(self._names)

    def on_epoch_end(self, epoch, logs=None):
        figures = self._figures().numpy().astype("float64")
        self.record(epoch, dict(zip(self.QUANTITIES, figures, strict=True)))

    def _measure(self):
        """The figures of one pass of the probe, shape (quantities, layers)."""
        seen = []
        with contextlib.ExitStack() as hooks:
            for layer in self._layers:
                hooks.enter_context(_after_call(layer, lambda layer, output: seen.append((layer, output))))
            self.model(self.probe, training=False)
        self._names = []
        for layer, _ in seen:
            self._names.append(distinct(layer.name, self._names))
        return tf.stack([_figures(_activation(layer), output) for layer, output in seen], axis=1)


def activated(model):
    """Returns the layers of a built model that have an activation, in the order in which they were made."""
    return [layer for layer in _leaves(model) if _activation(layer)]


def _leaves(layer):
    """The layers of a model, those inside composite layers included; recurrent layers and wrappers are one layer."""
    whole = (keras.layers.RNN, keras.layers.Bidirectional, keras.layers.Wrapper, keras.layers.MultiHeadAttention)
    inner = [] if isinstance(layer, whole) else list(layer._flatten_layers(include_self=False, recursive=False))
    if not inner or _activation(layer):
        yield layer
    for part in inner:
        yield from _leaves(part)


def _activation(layer):
    """The name of a layer's activation; None where it has none, or a linear one."""
    if isinstance(layer, keras.layers.ReLU):
        return "leaky_relu" if layer.negative_slope else "relu"
    own = type(layer).__name__ in ("LeakyReLU", "PReLU", "ELU", "Softmax") and type(layer).__name__.lower()
    name = own or getattr(getattr(layer, "activation", None), "__name__", None)
    return None if name == "linear" else name


@contextlib.contextmanager
def _after_call(layer, look):
    """While open, calls `look(layer, output)` after each call of the layer."""
    call, patched = layer.call, vars(layer).get("call")

    def looked_at_call(*args, **kwargs):
        output = call(*args, **kwargs)
        look(layer, output)
        return output

    vars(layer)["call"] = looked_at_call
    try:
        yield
    finally:
        del vars(layer)["call"]
        if patched is not None:
            vars(layer)["call"] = patched


def _figures(activation, output):
    """The figures of one layer's output, shape (5,), in the order of `ActivationMonitor.QUANTITIES`."""
    output = tf.cast(tf.convert_to_tensor(keras.tree.flatten(output)[0]), tf.float32)
    finite = tf.math.is_finite(output)
    count = tf.maximum(tf.reduce_sum(tf.cast(finite, tf.float32)), 1.0)
    values = tf.where(finite, output, 0.0)
    mean = tf.reduce_sum(values) / count
    deviation = tf.where(finite, output - mean, 0.0)
    saturated = dead = tf.constant(np.nan)
    if activation in SATURATING:
        saturated = tf.reduce_sum(tf.cast(finite & (SATURATING[activation](values) > SATURATED), tf.float32)) / count
    if activation in DYING:
        zero = tf.reduce_all(tf.equal(output, 0), axis=list(range(len(output.shape) - 1)))
        dead = tf.reduce_mean(tf.cast(zero, tf.float32))
    nonfinite = tf.reduce_sum(tf.cast(~finite, tf.float32))
    return tf.stack([tf.sqrt(tf.reduce_sum(tf.square(deviation)) / count), mean, saturated, dead, nonfinite])
