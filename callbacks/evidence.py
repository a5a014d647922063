"""What a diagnosis is made from: the figures of one training, as the monitors recorded them."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Figures:
    """What one monitor recorded: the names of its `layers`, and its `history`, arrays of shape (epochs, layers)."""

    layers: list
    history: dict


@dataclasses.dataclass(frozen=True)
class Evidence:
    """One training, epoch by epoch. E epochs.

    Attributes:
        epochs: list of int.
        metrics: dict of float arrays (E,), named as in the history of `model.fit`: `loss`, `val_accuracy` and so on.
        gradients, weights, activations: `Figures` of the monitor of this name, or None where there was none.
        facts: dict of what is known of the model, each where it is known. `planned_epochs`, int; `classes`, int, of a
            classifier; `cross_entropy`, whether it is trained by that; `penalty`, float, the regularizers' part of
            the loss before training;
            `optimizer`, str, and `learning_rate`, float; `kernels`, dict of a kernel's name to a dict of its `shape`,
            its layer's `activation` and `initializer`, and its `mean_weight`, the mean magnitude before training.
    """

    epochs: list
    metrics: dict
    gradients: Figures | None = None
    weights: Figures | None = None
    activations: Figures | None = None
    facts: dict = dataclasses.field(default_factory=dict)

    def until(self, count):
        """Returns the evidence as it was after the first `count` epochs."""

        def cut(figures):
            if figures is None:
                return None
            return Figures(figures.layers, {name: array[:count] for name, array in figures.history.items()})

        return Evidence(
            self.epochs[:count],
            {name: array[:count] for name, array in self.metrics.items()},
            *map(cut, (self.gradients, self.weights, self.activations)),
            self.facts,
        )

    @property
    def accuracy(self):
        """(E,), the training accuracy under whichever name Keras gave it; None where there is none."""
        found = [name for name in self.metrics if name == "acc" or name.endswith("accuracy")]
        return next((np.asarray(self.metrics[name]) for name in found if not name.startswith("val_")), None)
