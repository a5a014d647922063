"""What a diagnosis is made from: one training, as the monitors recorded it."""

import dataclasses
from typing import Any

import numpy as np


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
            the loss before training; `optimizer`, str, and `learning_rate`, float; `kernels`, dict of a kernel's name
            to a dict of its `shape`, its layer's `activation` and `initializer`, and its `mean_weight`, the mean
            magnitude before training.
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
