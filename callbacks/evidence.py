"""`Evidence`: the record of one training, on which the rules of the diagnosis are evaluated."""

import dataclasses
import functools
import math
from typing import Any, NamedTuple

import numpy as np

MAX_FEATURES = 64
"""Number of features (positions on the last axis) up to which each has its own statistics; if there are more, all share
one."""

MAX_LABEL = 255
"""Largest label that is counted by itself: the whole numbers from 0 to this one."""

LABELLED_SAMPLES = 4096
"""Largest number of labels of a batch that are counted."""


class ArrayStatistics(NamedTuple):
    """Statistics of one array over one batch or several; F features. Tensors or arrays, float32."""

    finite: Any
    """(F,), number of finite elements."""
    mean: Any
    """(F,), mean of the finite elements."""
    squares: Any
    """(F,), sum of the squared distances of the finite elements from their mean."""
    lowest: Any
    """(F,), smallest finite element, infinity where there is none."""
    highest: Any
    """(F,), largest finite element, minus infinity where there is none."""
    nonfinite: Any
    """(F,), number of elements that are NaN or infinite."""
    fractional: Any
    """(F,), number of finite elements that are not whole numbers."""
    labels: Any
    """(MAX_LABEL + 3,), for an array with one feature: how many elements are 0, 1, ... `MAX_LABEL`, how many are larger
    whole numbers, and how many are -1; zeros for other arrays."""
    samples: Any
    """(), number of samples."""
    batches: Any
    """(), number of batches."""
    uniform_batches: Any
    """(), number of batches of two samples or more that are all identical."""
    spread: Any
    """(), the largest difference between two samples of one batch, over features and batches."""
    lowest_sum: Any
    """(), smallest sum over the features of a sample or position."""
    highest_sum: Any
    """(), largest sum over the features of a sample or position."""
    bad_batch: Any
    """(), number of the first batch, counted from 0, with an element that is not finite; -1 where there is none."""
    bad_row: Any
    """(), the first such sample in that batch, counted from 0."""
    bad_feature: Any
    """(), position of the first such element in that sample, flattened, counted from 0."""


QUANTITIES = {
    "gradient": {
        "abs_mean": "mean |gradient|",
        "mean": "mean gradient",
        "l2": "gradient L2 norm",
        "max": "largest |gradient|",
        "zero_fraction": "share of zero gradients",
        "nonfinite": "NaN or infinite gradients",
        "clipped_fraction": "share of steps clipped",
    },
    "weight": {
        "l1_change": "weight change, L1",
        "l1": "weight L1 norm",
        "update_ratio": "weight change / weight norm",
        "nonfinite": "NaN or infinite weights",
    },
    "activation": {
        "std": "standard deviation of the activations",
        "mean": "mean activation",
        "saturated_fraction": "share of saturated activations",
        "dead_fraction": "share of dead units",
        "nonfinite": "NaN or infinite activations",
    },
    "prediction": {
        "lowest": "smallest prediction",
        "highest": "largest prediction",
        "spread": "largest difference between two predictions of a batch",
    },
}
"""All that is recorded of an epoch, by what it is recorded of: a name for programs, and what it is called in plots."""


@dataclasses.dataclass(frozen=True)
class MonitorRecord:
    """The record of one monitor: the names of its `layers`, and its `history`, arrays of shape (epochs, layers)."""

    layers: list[str]
    history: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class ArrayFacts:
    """Statistics of one array over the batches seen: an input, a target, sample weights or a prediction. F features.

    Attributes:
        name: `inputs`, or `inputs[1]` where there are several.
        shape: shape of a batch, None for dimensions that are not fixed.
        samples, batches: how many were seen.
        lowest, highest, mean, std: lists of F numbers, one for each position on the last axis; a single number for
            all if there are more than 64.
        nonfinite: number of elements that are NaN or infinite.
        first_nonfinite: place of the first such element: batch, sample in the batch, and position in the flattened
            sample, all counted from 0.
        fractional: number of finite elements that are not whole numbers.
        labels: for an array with one feature, how often each label was seen: keys "0" to "255", "-1", and "more" for
            larger whole numbers.
        uniform_batches: number of batches of several samples that are all identical.
        spread: largest difference between two samples of a batch, in any feature.
        lowest_sum, highest_sum: smallest and largest sum over the features of a sample.
    """

    name: str
    shape: list[int | None]
    samples: int
    batches: int
    lowest: list[float]
    highest: list[float]
    mean: list[float]
    std: list[float]
    nonfinite: int
    first_nonfinite: list[int] | None
    fractional: int
    labels: dict[str, int]
    uniform_batches: int
    spread: float
    lowest_sum: float
    highest_sum: float

    @classmethod
    def of(cls, name: str, shape: tuple[int | None, ...], statistics: ArrayStatistics) -> "ArrayFacts":
        """Return the facts about an array of this name and shape, from its statistics."""
        seen = ArrayStatistics(*(np.asarray(part, "float64") for part in statistics))
        places = {label: str(label) for label in range(MAX_LABEL + 1)} | {MAX_LABEL + 1: "more", MAX_LABEL + 2: "-1"}
        position = [int(seen.bad_batch), int(seen.bad_row), int(seen.bad_feature)]
        return cls(
            name,
            [None, *shape[1:]],
            int(seen.samples),
            int(seen.batches),
            seen.lowest.tolist(),
            seen.highest.tolist(),
            seen.mean.tolist(),
            np.sqrt(seen.squares / np.maximum(seen.finite, 1)).tolist(),
            int(seen.nonfinite.sum()),
            position if position[0] >= 0 else None,
            int(seen.fractional.sum()),
            {places[int(place)]: int(seen.labels[place]) for place in np.flatnonzero(seen.labels)},
            int(seen.uniform_batches),
            float(seen.spread),
            float(seen.lowest_sum),
            float(seen.highest_sum),
        )

    @property
    def minimum(self) -> float:
        """The smallest number seen."""
        return min(self.lowest)

    @property
    def maximum(self) -> float:
        """The largest number seen."""
        return max(self.highest)

    @property
    def size(self) -> float:
        """The largest magnitude of a feature's mean or standard deviation."""
        return max(*map(abs, self.mean), *self.std)

    @property
    def has_one_column(self) -> bool:
        """Whether the array has one feature: a single number for each sample, or for each position of it."""
        return len(self.shape) == 1 or self.shape[-1] == 1

    @property
    def is_whole(self) -> bool:
        """Whether all elements seen are whole numbers."""
        return self.fractional == 0 and self.samples > 0

    @property
    def is_one_hot(self) -> bool:
        """Whether every sample has one feature that is 1, while the others are 0."""
        is_coded = self.is_whole and (self.minimum, self.maximum) == (0, 1)
        return is_coded and len(self.lowest) > 1 and self.lowest_sum == self.highest_sum == 1

    @property
    def shares(self) -> dict[str, float]:
        """The share of each class among the labels, for whole numbers and one-hot rows; empty for other arrays."""
        if self.is_one_hot:
            return {str(i): share for i, share in enumerate(self.mean)}
        counted = sum(self.labels.values())
        if not self.has_one_column or not self.is_whole or self.nonfinite or not counted or "more" in self.labels:
            return {}
        return {label: count / counted for label, count in self.labels.items()}


def is_classifier(output: dict[str, Any]) -> bool:
    """Return whether an output, one of the `outputs` of the facts, is trained to predict classes."""
    return "crossentropy" in str(output.get("loss")) or output.get("activation") in ("sigmoid", "softmax")


@dataclasses.dataclass(frozen=True)
class Evidence:
    """One training, epoch by epoch. E epochs.

    Attributes:
        epochs: the epochs, counted from 0.
        metrics: dict of float arrays (E,), named as in the history of `model.fit`: `loss`, `val_accuracy` and so on.
        gradients, weights, activations: `MonitorRecord` of the monitor of this name, or None if there was none.
        predictions: `MonitorRecord` of the outputs' `lowest` and `highest` number and their `spread`, the largest
            difference between the predictions for two samples of a batch; None if no predictions were recorded.
        facts: dict of what is known about the model and the data; what is not known is left out. `planned_epochs` and
            `steps`, int; `penalty`, float, the regularizers' part of the loss before training, NaN where that is not
            known; `optimizer`, str, `learning_rate`, float, and `scheduled`, whether that follows a schedule;
            `kernels`, dict of a kernel's name to a dict of its `shape`, its layer's `activation` and `initializer`,
            and of its values before training; `outputs`, a list of dicts of each output's `units`, `activation`,
            `loss` and `from_logits`; `metrics`, list of str; `inputs`, `targets` and `sample_weights`, lists of the
            `ArrayFacts` as dicts; and others that `model_facts` describes.
    """

    epochs: list[int]
    metrics: dict[str, np.ndarray]
    gradients: MonitorRecord | None = None
    weights: MonitorRecord | None = None
    activations: MonitorRecord | None = None
    predictions: MonitorRecord | None = None
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
            cut(self.predictions),
            self.facts,
        )

    @property
    def accuracy(self) -> np.ndarray | None:
        """(E,), the training accuracy under whichever name Keras gave it; None where there is none."""
        found = [name for name in self.metrics if name == "acc" or name.endswith("accuracy")]
        return next((np.asarray(self.metrics[name]) for name in found if not name.startswith("val_")), None)

    @functools.cached_property
    def inputs(self) -> list[ArrayFacts]:
        """Statistics of the model's inputs."""
        return self._arrays("inputs")

    @functools.cached_property
    def targets(self) -> list[ArrayFacts]:
        """Statistics of the targets."""
        return self._arrays("targets")

    @functools.cached_property
    def sample_weights(self) -> list[ArrayFacts]:
        """Statistics of the sample weights, class weights included."""
        return self._arrays("sample_weights")

    @functools.cached_property
    def answers(self) -> list[ArrayFacts]:
        """Statistics of the predictions in the first steps."""
        return self._arrays("answers")

    def _arrays(self, role: str) -> list[ArrayFacts]:
        return [ArrayFacts(**one) for one in self.facts.get(role, [])]

    @property
    def output(self) -> dict[str, Any]:
        """What is known about the output of a model with one output; empty for other models."""
        outputs = self.facts.get("outputs", [])
        return outputs[0] if len(outputs) == 1 else {}

    @property
    def target(self) -> ArrayFacts | None:
        """Statistics of the target, if there is exactly one; None otherwise."""
        return self.targets[0] if len(self.targets) == 1 and self.targets[0].samples else None

    @property
    def class_shares(self) -> dict[str, float]:
        """The share of each class among the labels seen, for a classifier with one output; empty if not known.

        It is empty for a regression too, even if all its targets are whole numbers.
        """
        return self.target.shares if self.target is not None and is_classifier(self.output) else {}

    @property
    def chance_loss(self) -> float | None:
        """The smallest cross-entropy of a constant prediction, which is the entropy of the labels seen.

        Where no labels were seen, ln k for k classes; None if the loss is not a cross-entropy or is weighted.
        """
        loss = str(self.output.get("loss", ""))
        if "crossentropy" not in loss or "focal" in loss or self.sample_weights:
            return None
        if self.class_shares:
            return -sum(share * math.log(share) for share in self.class_shares.values() if share > 0)
        units = self.output.get("units")
        if not units or (units > 1 and "binary" in loss) or (self.target is not None and not self.class_shares):
            return None
        return math.log(max(2, units))
