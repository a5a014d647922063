"""Rules about the data that a model is trained on: what can be said after the first batches.

The kinds of fault are those that `model_rules` names. What people also do on purpose is a note.
"""

import math
from collections.abc import Iterator
from typing import Any

from ..evidence import ArrayFacts, Evidence
from .finding import Finding, before_training, count, number
from .model_rules import BINARY, DISTANCES

LARGE_INPUTS = 20.0
"""Magnitude of inputs, mean or standard deviation of a feature, above which they are named. Glorot (2010) and He (2015)
derive their weights for inputs of variance 1; LeCun et al. (1998, Efficient BackProp, section 4.3) ask for mean 0."""

UNEVEN_INPUTS = 1000.0
"""Ratio of the largest standard deviation of a feature to the smallest, above which they are named."""

LARGE_TARGETS = 20.0
"""Magnitude of the targets of a regression, mean or standard deviation, above which they are named."""

TOLERANCE = 0.02
"""Share of the range of an activation by which targets may lie outside of it: noise and rounding."""

RARE_SHARE = 0.1
"""Share of the labels up to which all classes but the largest together are rare."""

RANGES = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "relu": (0.0, math.inf),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, math.inf),
    "exponential": (0.0, math.inf),
}
"""The numbers that an activation can answer."""


def pairs(evidence: Evidence) -> Iterator[tuple[dict[str, Any], ArrayFacts]]:
    """Yield what is known of each output and its target, where there are as many of both."""
    outputs = evidence.facts.get("outputs", [])
    if len(outputs) == len(evidence.targets):
        yield from (
            (output, target) for output, target in zip(outputs, evidence.targets, strict=True) if target.samples
        )


def nonfinite_data(evidence: Evidence) -> Finding | None:
    """NaN or infinity in the inputs, the targets or the sample weights."""
    for array in (*evidence.inputs, *evidence.targets, *evidence.sample_weights):
        if array.nonfinite and array.first_nonfinite:
            batch, row, feature = array.first_nonfinite
            of_batch = f" of {_ordinal(batch)} batch" if array.batches > 1 or batch else ""
            has_features = any(size != 1 for size in array.shape[1:])
            place = f"sample {row + 1}" + (f", feature {feature + 1}" if has_features else "")
            sentences = (
                f"The {_what(array)} hold {count(array.nonfinite, 'NaN or infinite element')}, the first in {place}"
                f"{of_batch}.",
                "A single one makes the loss of its batch, the gradients, and then all weights NaN.",
                "Look for it in the data, counting from 1, and leave out or fill in what is missing.",
            )
            return before_training("nonfinite_data", "error", sentences, elements=array.nonfinite)
    return None


def labels_outside_0_to_1(evidence: Evidence) -> Finding | None:
    """A binary cross-entropy of targets below 0 or above 1: -1 and 1, or the numbers of many classes."""
    for output, target in pairs(evidence):
        if output.get("loss") not in BINARY or 0 <= target.minimum <= target.maximum <= 1:
            continue
        seen = f"The targets run from {number(target.minimum)} to {number(target.maximum)}"
        if target.shares:
            seen = f"The labels are {_listed(target)}"
        if set(target.shares) == {"-1", "1"}:
            remedy = "Make the labels 0 and 1: y = (y + 1) / 2."
        elif target.is_whole and len(target.shares) > 2:
            remedy = (
                f"For {len(target.shares)} classes use sparse_categorical_crossentropy and one unit for each class, "
                "with softmax."
            )
        elif set(target.shares) == {"1", "2"}:
            remedy = "Make the labels 0 and 1: y = y - 1."
        else:
            remedy = "Make the labels 0 and 1; to predict numbers, use mean_squared_error and a linear last layer."
        sentences = (
            f"{seen}, and the loss is {output['loss']}.",
            "This loss takes a target for a probability; outside 0 to 1 it has no minimum and falls below 0.",
            remedy,
        )
        return before_training(
            "labels_outside_0_to_1", "error", sentences, lowest=target.minimum, highest=target.maximum
        )
    return None


def labels_no_classes(evidence: Evidence) -> Finding | None:
    """A sparse categorical cross-entropy of targets that are no numbers of classes: fractions, or out of range."""
    for output, target in pairs(evidence):
        units = output.get("units")
        if output.get("loss") != "sparse_categorical_crossentropy" or not units:
            continue
        statistics = {"lowest": target.minimum, "highest": target.maximum, "units": units}
        if target.is_one_hot and len(target.lowest) == units > 1:
            sentences = (
                f"Each target is a row of {units} numbers, one of them 1, and the loss is {output['loss']}.",
                "This loss takes the number of a class.",
                "Use categorical_crossentropy, or y.argmax(axis=-1) for y.",
            )
        elif not target.is_whole:
            sentences = (
                f"{target.fractional:,} targets are no whole numbers, and the loss is {output['loss']}.",
                "This loss takes the number of a class and cuts off what comes after the point.",
                "Give each class a whole number from 0; to predict numbers, use mean_squared_error.",
            )
        elif target.minimum < 0 or target.maximum >= units:
            needed = target.maximum - min(target.minimum, 0) + 1
            remedy = f"Number the classes from 0, and give the last layer {needed:g} units."
            if target.minimum > 0 and target.maximum - target.minimum < units:
                remedy = f"Subtract {target.minimum:g} from the labels."
            sentences = (
                f"The labels run from {target.minimum:g} to {target.maximum:g}, and the last layer has {units} units.",
                f"They stand for the classes 0 to {units - 1}; another label makes the loss NaN, or ends the training.",
                remedy,
            )
        else:
            continue
        return before_training("labels_no_classes", "error", sentences, (), **statistics)
    return None


def targets_no_distribution(evidence: Evidence) -> Finding | None:
    """A categorical cross-entropy of targets that are no distributions: numbers of classes, or several labels."""
    for output, target in pairs(evidence):
        units = output.get("units") or 0
        if output.get("loss") not in ("categorical_crossentropy", "categorical_focal_crossentropy") or units < 2:
            continue
        statistics = {"lowest_sum": target.lowest_sum, "highest_sum": target.highest_sum}
        if len(target.shape) == 1 or target.shape[-1] == 1:
            sentences = (
                f"The targets are single numbers, from {number(target.minimum)} to {number(target.maximum)}, and the "
                f"loss is {output['loss']}.",
                "This loss takes a row with a probability for each class.",
                "Use sparse_categorical_crossentropy for the numbers of classes.",
            )
            return before_training("targets_no_distribution", "error", sentences, (), **statistics)
        if len(target.lowest) > 1 and (target.highest_sum > 1.01 or target.lowest_sum < 0.99):
            sentences = (
                f"The targets of a sample add up to {number(target.lowest_sum)} to {number(target.highest_sum)}, "
                f"and the loss is {output['loss']}.",
                "This loss takes them for probabilities of classes that exclude each other.",
                "Where several may be right at once, use sigmoids and binary_crossentropy.",
            )
            return before_training("targets_no_distribution", "warning", sentences, (), **statistics)
    return None


def targets_out_of_reach(evidence: Evidence) -> Finding | None:
    """Targets of a regression that the activation of the last layer can never answer."""
    for output, target in pairs(evidence):
        low, high = RANGES.get(output.get("activation") or "", (-math.inf, math.inf))
        if output.get("loss") not in DISTANCES:
            continue
        slack = TOLERANCE * (high - low if math.isfinite(high) else max(target.maximum - target.minimum, 1e-12))
        if low - slack <= target.minimum and target.maximum <= high + slack:
            continue
        limits = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of {low:g} and more"
        sentences = (
            f"The targets run from {number(target.minimum)} to {number(target.maximum)}, and the last layer's "
            f"activation is {output['activation']}.",
            f"It answers numbers {limits} only.",
            "Make the last layer linear"
            + (", or scale the targets to what it can answer." if math.isfinite(high) else "."),
        )
        return before_training(
            "targets_out_of_reach", "error", sentences, lowest=target.minimum, highest=target.maximum
        )
    return None


def targets_broadcast(evidence: Evidence) -> Finding | None:
    """One target for several outputs: each output is trained to answer the same number."""
    for output, target in pairs(evidence):
        units = output.get("units") or 1
        if output.get("loss") not in DISTANCES + BINARY or units < 2 or len(target.shape) != 2 or target.shape[-1] != 1:
            continue
        sentences = (
            f"The last layer has {units} units, and a target is a single number; the loss is {output['loss']}.",
            "Every unit is compared with the same number.",
            "Use sparse_categorical_crossentropy and softmax for classes, or a last layer of one unit.",
        )
        return before_training("targets_broadcast", "error", sentences, units=units)
    return None


def distance_of_classes(evidence: Evidence) -> Finding | None:
    """The targets are the numbers of classes, and the loss is a distance between numbers."""
    for output, target in pairs(evidence):
        loss, activation = output.get("loss"), output.get("activation")
        classes = len(target.shares)
        counts_right = any(name in ("acc", "accuracy") for name in evidence.facts.get("metrics", []))
        is_coded = target.is_one_hot or set(target.shares) <= {"0", "1"}
        if loss not in DISTANCES or not 2 <= classes <= 100 or not (counts_right or is_coded):
            continue
        if activation not in ("sigmoid", "softmax") and not counts_right:
            continue
        wanted = "binary_crossentropy" if classes == 2 and not target.is_one_hot else "categorical_crossentropy"
        if not is_coded:
            wanted = "sparse_categorical_crossentropy"
        many = classes > 2 or target.is_one_hot
        layer = "one unit for each class and softmax" if many else "a sigmoid"
        sentences = (
            f"The targets are the labels of {classes} classes, and the loss is {loss}.",
            "It punishes a wrong class by the distance of the numbers"
            + (", which mean nothing." if not is_coded else ", and its gradient is small where the answer is sure."),
            f"Use {wanted}, with {layer} in the last layer.",
        )
        return before_training("distance_of_classes", "note", sentences, classes=classes)
    return None


def large_targets(evidence: Evidence) -> Finding | None:
    """Targets of a regression that are far from 0, where the answers of a new network are."""
    for output, target in pairs(evidence):
        if output.get("loss") not in DISTANCES or output.get("activation") in ("sigmoid", "softmax", "tanh"):
            continue
        size = max(max(map(abs, target.mean)), max(target.std))
        if size <= LARGE_TARGETS or output["loss"] in ("mean_squared_logarithmic_error",):
            continue
        mean, std = (float(f"{values[0]:.3g}") for values in (target.mean, target.std))
        sentences = (
            f"The targets run from {number(target.minimum)} to {number(target.maximum)} (mean {number(mean)}, standard "
            f"deviation {number(std)}).",
            "A new network answers numbers around 0: the first gradients grow with the targets, and the way to them "
            "is long.",
            "Scale the targets, as with (y - y.mean()) / y.std(), and scale the predictions back.",
        )
        return before_training("large_targets", "note", sentences, size=size)
    return None


def large_inputs(evidence: Evidence) -> Finding | None:
    """Inputs that are far from 0, or features of very different scales, and no layer that scales them."""
    if evidence.facts.get("scales_inputs", True):
        return None
    for array in evidence.inputs:
        if not array.samples or not math.isfinite(array.minimum):
            continue
        varying = [std for std in array.std if std > 0]
        size = max(max(map(abs, array.mean)), max(array.std))
        ratio = max(varying, default=1.0) / min(varying, default=1.0)
        if size <= LARGE_INPUTS and (ratio <= UNEVEN_INPUTS or max(varying, default=1.0) < 1):
            continue
        seen = f"The {_what(array)} run from {number(array.minimum)} to {number(array.maximum)}"
        if len(varying) > 1 and ratio > 10:
            seen += f", with standard deviations of {number(min(varying))} to {number(max(varying))} by feature"
        sentences = (
            f"{seen}, and the first layer takes them as they are.",
            "Initial weights and learning rates are made for inputs around 0 with a standard deviation of 1.",
            "Scale them: divide pixels by 255, or begin with keras.layers.Normalization(), adapted to x.",
        )
        return before_training("large_inputs", "note", sentences, size=size)
    return None


def constant_inputs(evidence: Evidence) -> Finding | None:
    """Features that are the same in every sample."""
    if not evidence.facts.get("seen_all"):
        return None
    for array in evidence.inputs:
        if array.samples < 8 or array.nonfinite:
            continue
        if array.spread == 0 and array.minimum == array.maximum:
            sentences = (
                f"All elements of the {_what(array)} are {number(array.minimum)}, in {array.samples:,} samples.",
                "Inputs that are all alike tell nothing about the targets.",
                "See how the data are loaded.",
            )
            return before_training("constant_inputs", "error", sentences, value=array.minimum)
        constant = [i for i, (low, high) in enumerate(zip(array.lowest, array.highest, strict=True)) if low == high]
        if constant and len(array.shape) == 2:
            is_all = len(constant) == len(array.lowest)
            named = ", ".join(str(i + 1) for i in constant[:5]) + (" and more" if len(constant) > 5 else "")
            value = f" ({number(array.lowest[constant[0]])})" if len(constant) == 1 else ""
            sentences = (
                ("Every feature is" if is_all else f"Feature {named}, counted from 1, is")
                + f" the same in all {array.samples:,} samples seen{value}.",
                "It tells nothing about the targets.",
                "See how it is computed, or leave it out.",
            )
            severity = "error" if is_all else "note"
            return before_training("constant_inputs", severity, sentences, features=len(constant))
    return None


def labels_in_order(evidence: Evidence) -> Finding | None:
    """Most batches hold the labels of a single class, so that the network learns one class after the other."""
    if not evidence.facts.get("seen_all"):
        return None
    for _, target in pairs(evidence):
        shares = target.shares
        if len(shares) < 2 or target.batches < 4:
            continue
        expected = max(shares.values()) ** min(target.samples / target.batches - 1, 50)
        uniform = target.uniform_batches / target.batches
        if uniform < 0.5 or expected > 0.1:
            continue
        sentences = (
            f"{target.uniform_batches} of {target.batches} batches hold the labels of a single class.",
            "The network learns to answer each class in turn and forgets the others.",
            "Shuffle the samples: shuffle=True for arrays, dataset.shuffle(len(x)) before batch() for a dataset.",
        )
        return before_training("labels_in_order", "note", sentences, share=uniform)
    return None


def one_class(evidence: Evidence) -> Finding | None:
    """All labels are the same, or nearly all."""
    if not evidence.facts.get("seen_all"):
        return None
    for output, target in pairs(evidence):
        loss = str(output.get("loss"))
        if "crossentropy" not in loss and output.get("activation") not in ("sigmoid", "softmax"):
            continue
        shares = target.shares
        if not shares or target.samples < 16:
            continue
        label, share = max(shares.items(), key=lambda item: item[1])
        if share == 1:
            sentences = (
                f"All {target.samples:,} labels seen are {label}.",
                "With one class there is nothing to tell apart.",
                "See how the labels are loaded.",
            )
            return before_training("one_class", "error", sentences, share=share)
        if share >= 1 - RARE_SHARE:
            sentences = (
                f"{share:.1%} of the labels are {label}.",
                f"A network that always answers {label} has an accuracy of {share:.3f}.",
                "Give the rare classes more weight with class_weight, and watch AUC or the recall of each class.",
            )
            return before_training("one_class", "note", sentences, share=share)
    return None


def no_sample_weight(evidence: Evidence) -> Finding | None:
    """Sample weights that are all 0: nothing counts."""
    for array in evidence.sample_weights:
        if array.samples and array.minimum == array.maximum == 0:
            sentences = (
                f"All {array.samples:,} sample weights seen are 0.",
                "The loss is 0, and nothing is learned.",
                "See how sample_weight or class_weight is computed.",
            )
            return before_training("no_sample_weight", "error", sentences)
    return None


def _what(array: ArrayFacts) -> str:
    return array.name.replace("_", " ")


def _ordinal(index: int) -> str:
    return "the first" if index == 0 else f"the {index + 1}th" if index > 2 else ("the second", "the third")[index - 1]


def _listed(target: ArrayFacts) -> str:
    labels = sorted(target.shares, key=float)
    return ", ".join(labels) if len(labels) <= 4 else f"{labels[0]} to {labels[-1]}"
