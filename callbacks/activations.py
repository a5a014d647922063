"""ActivationMonitor: the health of every activation on a fixed batch, epoch by epoch."""

import contextlib
import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from . import backend
from ._errors import NothingToWatchError
from ._statistics import ActivationStatistics, activation_statistics
from .evidence import QUANTITIES
from .keras_internals import after_call, nonlinear_layers, nonlinearity, unused_name
from .monitor import Monitor

MAX_TOGETHER = 2**20
"""Largest number of output values of several layers that are stacked to compute their statistics together, which takes
memory."""


def probe_reading(model: keras.Model, batch: Any) -> tuple[list[str], Callable[[], np.ndarray]]:
    """Return what computes statistics of the outputs of every layer with an activation on a fixed batch.

    The batch goes through the model as in `predict` (dropout off, batch normalization on its moving averages), so
    nothing of the model or of its random streams changes. This is compiled here; each call of the reading sees the
    values that the model's variables have then.

    >>> layers, reading = probe_reading(model, x_test[:256])
    >>> ActivationStatistics(*reading()).dead_fraction                 # input to output
    array([0.2, 0.4])

    Args:
        model: a built `keras.Model`.
        batch: a batch of the model's inputs, as `model(batch)` takes it.

    Returns:
        The names of these layers in the order in which they are called, a layer called twice twice; and a function
        that returns the fields of `ActivationStatistics`, (fields, layers).

    Raises:
        ValueError: if no layer of the model has an activation.
    """
    batch = keras.tree.map_structure(keras.ops.convert_to_tensor, batch)
    watched = nonlinear_layers(model)
    if not watched:
        raise NothingToWatchError(f"Model {model.name!r} has no layer with an activation to watch.")
    names: list[str] = []  # filled when `statistics` is called, which is when it is compiled

    def statistics() -> Any:
        names.clear()
        layers, found = statistics_by_call(model, watched, batch)
        for layer in layers:
            names.append(unused_name(layer.name, names))
        return found

    return names, backend.compiled(model.variables, statistics)


def statistics_by_call(
    model: keras.Model, watched: list[keras.layers.Layer], batch: Any
) -> tuple[list[keras.layers.Layer], Any]:
    """Pass a batch through a model.

    Returns:
        The watched layers in the order in which they are called, a layer called twice twice; and the fields of
        `ActivationStatistics` for each of these calls, (fields, calls). Of several outputs of a layer the first counts.
    """
    calls: list[tuple[keras.layers.Layer, Any]] = []

    def first(output: Any) -> Any:
        return keras.tree.flatten(output)[0]

    with contextlib.ExitStack() as hooks:
        for layer in watched:
            hooks.enter_context(after_call(layer, lambda layer, output: calls.append((layer, first(output)))))
        model(batch, training=False)
    groups = _of_one_shape([output for _, output in calls])
    found = []
    for places in groups:
        outputs = keras.ops.stack([calls[i][1] for i in places])
        found.append(keras.ops.stack(activation_statistics([nonlinearity(calls[i][0]) for i in places], outputs)))
    in_groups = [place for places in groups for place in places]
    in_order = np.argsort(in_groups).astype("int32")  # the inverse of that permutation
    statistics = keras.ops.take(keras.ops.concatenate(found, axis=1), in_order, axis=1)
    return [layer for layer, _ in calls], statistics


def _of_one_shape(outputs: Sequence[Any]) -> list[list[int]]:
    """The places of outputs whose statistics are computed together: of one shape and type, and not too many.

    An output with a dimension of unknown size is alone.
    """
    groups: list[list[int]] = []
    latest: dict[Any, list[int]] = {}
    for place, output in enumerate(outputs):
        shape = tuple(output.shape)
        group = latest.get((shape, output.dtype))
        if group is None or None in shape or (len(group) + 1) * math.prod(shape) > MAX_TOGETHER:
            group = latest[shape, output.dtype] = []
            groups.append(group)
        group.append(place)
    return groups


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

    def __init__(self, probe: Any, log_dir: str | os.PathLike | None = None, all_scalars: bool = False) -> None:
        super().__init__(log_dir, all_scalars=all_scalars)
        self.probe = keras.tree.map_structure(keras.ops.convert_to_tensor, probe)

    def _watch(self) -> None:
        layers = nonlinear_layers(self.model)
        if layers and all(layer.quantization_mode for layer in layers):
            raise NothingToWatchError("All layers with an activation are quantized: their outputs are not seen.")
        names, reading = probe_reading(self.model, self.probe)
        assert self.epoch_end is not None
        self.epoch_end.add(self, reading)
        self.begin(names)

    def _look(self, epoch: int) -> None:
        assert self.epoch_end is not None
        statistics = ActivationStatistics(*self.epoch_end.read(self).astype("float64"))
        self.record(epoch, statistics._asdict())
