"""What a diagnosis is made from: one training, as the monitors recorded it."""

import contextlib
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from .keras_internals import activation_name, initializer_name, kernels, layer_of_each_variable


@dataclasses.dataclass(frozen=True)
class MonitorRecord:
    """What one monitor recorded: the names of its `layers`, and its `history`, arrays of shape (epochs, layers)."""

    layers: list[str]
    history: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Evidence:
    """One training, epoch by epoch. E epochs.

    Attributes:
        epochs: the epochs, counted from 0.
        metrics: dict of float arrays (E,), named as in the history of `model.fit`: `loss`, `val_accuracy` and so on.
        gradients, weights, activations: `MonitorRecord` of the monitor of this name, or None where there was none.
        facts: dict of what is known of the model, each where it is known. `planned_epochs`, int; `classes`, int, of a
            classifier; `cross_entropy`, whether it is trained by that; `penalty`, float, the regularizers' part of
            the loss before training, NaN where that is not known; `optimizer`, str, and `learning_rate`, float;
            `kernels`, dict of a kernel's name to a dict of its `shape`, its layer's `activation` and `initializer`,
            and its `mean_weight`, the mean magnitude before training.
    """

    epochs: list[int]
    metrics: dict[str, np.ndarray]
    gradients: MonitorRecord | None = None
    weights: MonitorRecord | None = None
    activations: MonitorRecord | None = None
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)

    def until(self, count: int) -> "Evidence":
        """Return the evidence as it was after the first `count` epochs."""

        def cut(record: MonitorRecord | None) -> MonitorRecord | None:
            if record is None:
                return None
            return MonitorRecord(record.layers, {name: array[:count] for name, array in record.history.items()})

        return Evidence(
            self.epochs[:count],
            {name: array[:count] for name, array in self.metrics.items()},
            cut(self.gradients),
            cut(self.weights),
            cut(self.activations),
            self.facts,
        )

    @property
    def accuracy(self) -> np.ndarray | None:
        """(E,), the training accuracy under whichever name Keras gave it; None where there is none."""
        found = [name for name in self.metrics if name == "acc" or name.endswith("accuracy")]
        return next((np.asarray(self.metrics[name]) for name in found if not name.startswith("val_")), None)


def model_facts(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, planned_epochs: int | None
) -> dict[str, Any]:
    """Return what the rules want to know of a model before it is trained: the `facts` of `Evidence`.

    What cannot be told of a model is left out, whatever the reason: the rules do without it, and training goes on.

    Args:
        model: a compiled model.
        optimizer: the optimizer that trains it; where there are several, the one whose gradients are recorded.
        planned_epochs: the epochs that `fit` was asked for, where they are known.
    """
    found: dict[str, Any] = {"planned_epochs": planned_epochs, "penalty": math.nan}
    parts: tuple[Callable[[], dict[str, Any]], ...] = (
        lambda: {"optimizer": type(optimizer).__name__},
        lambda: {"learning_rate": float(f"{keras.ops.convert_to_numpy(optimizer.learning_rate):.6g}")},
        lambda: {"penalty": float(sum(map(float, model.losses)))},  # in a second `fit` they may be symbolic
        lambda: {"kernels": _kernel_facts(model)},
        lambda: _output_facts(model),
    )
    for part in parts:
        with contextlib.suppress(Exception):
            found |= part()
    return found


def _kernel_facts(model: keras.Model) -> dict[str, dict[str, Any]]:
    layer_of = layer_of_each_variable(model)
    found = {}
    for name, kernel in kernels(model).items():
        layer = layer_of.get(id(kernel))
        found[name] = {
            "shape": list(kernel.shape),
            "activation": activation_name(layer),
            "initializer": initializer_name(layer, kernel),
            "mean_weight": float(np.abs(kernel.numpy()).mean()),
        }
    return found


def _output_facts(model: keras.Model) -> dict[str, Any]:
    """Whether the loss is a cross-entropy, and of a classifier the number of classes."""
    loss = str(model.loss if isinstance(model.loss, str) else getattr(model.loss, "name", ""))
    found: dict[str, Any] = {"cross_entropy": "crossentropy" in loss}
    outputs = getattr(model, "outputs", None) or []
    last_activation = activation_name(model.layers[-1]) if model.layers else None
    units = outputs[0].shape[-1] if len(outputs) == 1 and outputs[0].shape else None
    is_classifier = found["cross_entropy"] or last_activation in ("softmax", "sigmoid")
    is_multi_label = units != 1 and ("binary" in loss or last_activation == "sigmoid")
    if units and is_classifier and not is_multi_label:
        found["classes"] = max(2, units)
    return found
