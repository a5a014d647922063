"""ActivationMonitor: the health of every activation on a fixed batch, epoch by epoch."""

import contextlib
import os
from typing import Any

import keras
import numpy as np

from . import backend
from ._errors import NothingToWatchError
from ._statistics import ActivationStatistics, activation_statistics
from .evidence import QUANTITIES
from .keras_internals import after_call, nonlinear_layers, nonlinearity, unused_name
from .monitor import Monitor


class ActivationProbe:
    """Computes statistics of the outputs of every layer with an activation on a fixed batch.

    The batch goes through the model as in `predict` (dropout off, batch normalization on its moving averages), so
    nothing of the model or of its random streams changes. It is compiled once; each call sees the values that the
    model's variables have then.

    >>> probe = ActivationProbe(model, x_test[:256])
    >>> probe.layers
    ['dense_1', 'dense_2']
    >>> probe()["dead_fraction"]                 # input to output
    array([0.2, 0.4])

    Args:
        model: a built `keras.Model`.
        batch: a batch of the model's inputs, as `model(batch)` takes it.

    Attributes:
        layers: list of str, the layers with an activation in the order in which they are called; a layer called
            twice is there twice.

    Raises:
        ValueError: if no layer of the model has an activation.
    """

    def __init__(self, model: keras.Model, batch: Any) -> None:
        self.layers: list[str] = []
        self._model = model
        self._batch = keras.tree.map_structure(keras.ops.convert_to_tensor, batch)
        self._watched = nonlinear_layers(model)
        if not self._watched:
            raise NothingToWatchError(f"Model {model.name!r} has no layer with an activation to watch.")
        self._compiled = backend.compiled(model.variables, self._statistics)

    def __call__(self) -> dict[str, np.ndarray]:
        """Return a dict of each quantity of `ActivationMonitor.history` to a float64 array of shape (layers,)."""
        return ActivationStatistics(*self._compiled().astype("float64"))._asdict()

    def _statistics(self) -> Any:
        """Pass the batch through the model; returns the fields of `ActivationStatistics`, (fields, layers)."""
        layers, statistics = statistics_by_call(self._model, self._watched, self._batch)
        self.layers = []
        for layer in layers:
            self.layers.append(unused_name(layer.name, self.layers))
        return statistics


def statistics_by_call(
    model: keras.Model, watched: list[keras.layers.Layer], batch: Any
) -> tuple[list[keras.layers.Layer], Any]:
    """Pass a batch through a model.

    Returns:
        The watched layers in the order in which they are called, a layer called twice twice; and the fields of
        `ActivationStatistics` for each of these calls, (fields, calls).
    """
    calls: list[tuple[keras.layers.Layer, Any]] = []
    with contextlib.ExitStack() as hooks:
        for layer in watched:
            hooks.enter_context(after_call(layer, lambda layer, output: calls.append((layer, output))))
        model(batch, training=False)
    columns = [keras.ops.stack(activation_statistics(nonlinearity(layer), output)) for layer, output in calls]
    return [layer for layer, _ in calls], keras.ops.stack(columns, axis=1)


class ActivationMonitor(Monitor):
    """Records the outputs of every layer with an activation on a fixed batch, at each epoch's end.

    The batch goes through the model as in `predict` (dropout off, batch normalization on its moving averages), so
    nothing of the model or of its random streams changes.

    With a `log_dir`, TensorBoard shows every quantity in the tab Layers.

    >>> activations = ActivationMonitor(x_test[:256])
    >>> model.fit(x, y, epochs=100, callbacks=[activations])
    >>> activations.history["saturated_fraction"][-1]        # the last epoch, input to output

    Args:
        probe: a batch of the model's inputs, as `model(probe)` takes it. 100 samples or more, so that a unit that is
            zero on all of them is likely to be dead.
        log_dir: directory for TensorBoard's event file; `None` writes nothing.
        all_scalars: whether every quantity of every layer is written as a scalar `activation_<quantity>/<layer>`.

    Attributes:
        layers: list of str, the layers with an activation (`Dense(..., "tanh")`, `Activation`, `ReLU`, `LSTM` and so
            on, in nested models too), in the order in which they are called; a layer called twice is there twice.
        epochs: list of int, the epochs recorded.
        history: dict of float arrays of shape (epochs, layers). `mean` and `std` of the finite outputs;
            `saturated_fraction`, the share of outputs where the derivative of tanh or sigmoid is below a tenth of its
            largest value (|tanh| above 0.949, sigmoid below 0.026 or above 0.974); `dead_fraction`, the share of units
            (positions on the last axis: channels in a convolution) of the ReLU family that are zero on the whole
            batch; `nonfinite`, the number of NaN or infinite outputs. A share that does not apply to a layer's
            activation is NaN.
    """

    QUANTITIES = QUANTITIES["activation"]
    PREFIX = "activation"
    _OF_A_FIT = (*Monitor._OF_A_FIT, "_compiled_probe")

    def __init__(self, probe: Any, log_dir: str | os.PathLike | None = None, all_scalars: bool = False) -> None:
        super().__init__(log_dir, all_scalars=all_scalars)
        self.probe = keras.tree.map_structure(keras.ops.convert_to_tensor, probe)
        self._compiled_probe: ActivationProbe | None = None

    def _watch(self) -> None:
        layers = nonlinear_layers(self.model)
        if layers and all(layer.quantization_mode for layer in layers):
            raise NothingToWatchError("All layers with an activation are quantized: their outputs are not seen.")
        self._compiled_probe = ActivationProbe(self.model, self.probe)
        self.begin(self._compiled_probe.layers)

    def _look(self, epoch: int) -> None:
        assert self._compiled_probe is not None
        self.record(epoch, self._compiled_probe())
