"""Rules about the data that a model is trained on: the faults that show after the first batches.

The kinds of fault are those that `model_rules` lists. A finding is a note where people also do the same on purpose.
"""

import math
from collections.abc import Iterator
from typing import Any

from ..evidence import ArrayFacts, Evidence, is_classifier
from .finding import Finding, before_training, count, number
from .model_rules import BINARY, DISTANCES

LARGE_INPUTS = 20.0
"""Magnitude of inputs, mean or standard deviation of a feature, above which they are reported. Glorot (2010) and He
(2015) derive their weights for inputs of variance 1; LeCun et al. (1998, Efficient BackProp, section 4.3) ask for mean
0."""

SMALL_INPUTS = 0.01
"""Magnitude of inputs, mean or standard deviation of a feature, below which they are reported."""

MAX_COLUMNS = 32
"""Number of features up to which a constant one is reported: of many, such as pixels, some often are constant."""

UNEVEN_INPUTS = 1000.0
"""Ratio of the largest standard deviation of a feature to the smallest, above which the inputs are reported."""

LARGE_TARGETS = 20.0
"""Magnitude of the targets of a regression, mean or standard deviation, above which they are reported."""

TOLERANCE = 0.02
"""Share of an activation's range by which targets may lie outside of it, because of noise and rounding."""

RARE_SHARE = 0.1
"""Largest share of the labels that all classes but the most frequent may have together to count as rare."""

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
"""Smallest and largest output of an activation."""


def pairs(evidence: Evidence) -> Iterator[tuple[dict[str, Any], ArrayFacts]]:
    """Yield what is known of each output and its target, if there are as many targets as outputs."""
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
            of_batch = f" of batch {batch + 1}" if array.batches > 1 or batch else ""
            has_features = any(size != 1 for size in array.shape[1:])
            unit = "feature" if len(array.shape) == 2 else "element"
            place = f"sample {row + 1}" + (f", {unit} {feature + 1}" if has_features else "")
            sentences = (
                f"The {_what(array)} contain {count(array.nonfinite, 'NaN or infinite element')}, the first in {place}"
                f"{of_batch}.",
                "A single one usually makes the loss of its batch, the gradients and then all weights NaN.",
                "Find all with np.argwhere(~np.isfinite(array)), and remove those samples or fill in the values. "
                "(The place is counted from 1 in the batches as they came; fit shuffles arrays.)",
            )
            return before_training("nonfinite_data", "error", sentences, elements=array.nonfinite)
    return None


def labels_outside_0_to_1(evidence: Evidence) -> Finding | None:
    """A binary cross-entropy of targets below 0 or above 1, such as labels -1 and 1, or 0 to 9."""
    for output, target in pairs(evidence):
        if output.get("loss") not in BINARY or 0 <= target.minimum <= target.maximum <= 1:
            continue
        seen = f"The targets range from {number(target.minimum)} to {number(target.maximum)}"
        if target.shares:
            seen = f"The labels are {_listed(target)}"
        if set(target.shares) == {"-1", "1"}:
            remedy = "Make the labels 0 and 1: y = (y + 1) / 2."
        elif target.is_whole and len(target.shares) > 2:
            remedy = (
                f"For {len(target.shares)} classes, number them from 0 and use sparse_categorical_crossentropy and "
                "softmax with one unit per class."
            )
        elif set(target.shares) == {"1", "2"}:
            remedy = "Make the labels 0 and 1: y = y - 1."
        else:
            remedy = (
                "Encode two classes as 0 and 1, or scale the targets to 0 to 1; to predict other numbers, use "
                "mean_squared_error and no activation in the last layer."
            )
        sentences = (
            f"{seen}, and the loss is {output['loss']}.",
            "This loss expects a probability as target; for one outside 0 to 1 it has no minimum and falls below 0.",
            remedy,
        )
        return before_training(
            "labels_outside_0_to_1", "error", sentences, lowest=target.minimum, highest=target.maximum
        )
    return None


def labels_no_classes(evidence: Evidence) -> Finding | None:
    """A sparse categorical cross-entropy of targets that are not class indices: fractions, or out of range."""
    for output, target in pairs(evidence):
        units = output.get("units")
        if output.get("loss") != "sparse_categorical_crossentropy" or not units or output.get("ignores_a_class"):
            continue
        statistics = {"lowest": target.minimum, "highest": target.maximum, "units": units}
        if target.is_one_hot and len(target.lowest) == units > 1:
            sentences = (
                f"Each target is a row of {units} numbers, one of them 1, and the loss is {output['loss']}.",
                "This loss expects a single integer, the index of the class.",
                "Use categorical_crossentropy, or y.argmax(axis=-1) as targets.",
            )
        elif not target.is_whole:
            sentences = (
                f"The targets contain {count(target.fractional, 'fraction')}, and the loss is {output['loss']}.",
                "This loss expects the index of a class, an integer, and drops the fractional part.",
                "Number the classes 0, 1, 2 and so on; to predict numbers, use mean_squared_error.",
            )
        elif target.minimum < 0 or target.maximum >= units:
            needed = target.maximum - min(target.minimum, 0) + 1
            remedy = (
                f"Number the classes from 0 and give the last layer {needed:g} units; for labels to be skipped, pass "
                "ignore_class to the loss."
            )
            if target.minimum > 0 and target.maximum - target.minimum < units:
                remedy = f"Subtract {target.minimum:g} from the labels."
            sentences = (
                f"The labels range from {target.minimum:g} to {target.maximum:g}, and the last layer has "
                f"{count(units, 'unit')}.",
                f"The units stand for the classes 0 to {units - 1}; other labels make the loss NaN or raise an error.",
                remedy,
            )
        else:
            continue
        return before_training("labels_no_classes", "error", sentences, (), **statistics)
    return None


def targets_no_distribution(evidence: Evidence) -> Finding | None:
    """A categorical cross-entropy of targets that do not add up to 1: class indices, or several labels per sample."""
    for output, target in pairs(evidence):
        units = output.get("units") or 0
        if output.get("loss") not in ("categorical_crossentropy", "categorical_focal_crossentropy") or units < 2:
            continue
        statistics = {"lowest_sum": target.lowest_sum, "highest_sum": target.highest_sum}
        if target.has_one_column:
            sentences = (
                f"The targets are single numbers, from {number(target.minimum)} to {number(target.maximum)}, and the "
                f"loss is {output['loss']}.",
                "This loss expects a row for each sample, with a probability for each class.",
                "Use sparse_categorical_crossentropy, or keras.utils.to_categorical(y), if they are class indices.",
            )
            return before_training("targets_no_distribution", "error", sentences, (), **statistics)
        if len(target.lowest) > 1 and (target.highest_sum > 1.01 or target.lowest_sum < 0.99):
            sentences = (
                f"The sums of the targets range from {number(target.lowest_sum)} to {number(target.highest_sum)}, "
                f"and the loss is {output['loss']}.",
                "This loss expects probabilities that add up to 1, as each sample has one class.",
                "If a sample may have several classes, or none, use sigmoid and binary_crossentropy; otherwise divide "
                "each row by its sum.",
            )
            return before_training("targets_no_distribution", "warning", sentences, (), **statistics)
    return None


def targets_out_of_reach(evidence: Evidence) -> Finding | None:
    """Targets of a regression outside the range of the last layer's activation."""
    for output, target in pairs(evidence):
        low, high = RANGES.get(output.get("activation") or "", (-math.inf, math.inf))
        if output.get("loss") not in DISTANCES:
            continue
        slack = TOLERANCE * (high - low if math.isfinite(high) else max(target.maximum - target.minimum, 1e-12))
        if low - slack <= target.minimum and target.maximum <= high + slack:
            continue
        limits = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of {low:g} or more"
        sentences = (
            f"The targets range from {number(target.minimum)} to {number(target.maximum)}, and the last layer's "
            f"activation is {output['activation']}.",
            f"Its outputs are numbers {limits}, so the other targets cannot be predicted.",
            "Remove the activation of the last layer"
            + (", or scale the targets to that range." if math.isfinite(high) else "."),
        )
        return before_training(
            "targets_out_of_reach", "error", sentences, lowest=target.minimum, highest=target.maximum
        )
    return None


def targets_broadcast(evidence: Evidence) -> Finding | None:
    """One target for several output units, all of which are trained to predict the same number."""
    for output, target in pairs(evidence):
        units, has_one_column = output.get("units") or 1, target.has_one_column and len(target.shape) <= 2
        if output.get("loss") not in DISTANCES + BINARY or units < 2 or not has_one_column:
            continue
        sentences = (
            f"The last layer has {units} units, each target is a single number, and the loss is {output['loss']}.",
            "Every unit is trained to predict the same number.",
            "Use softmax and sparse_categorical_crossentropy for classes, or one unit to predict a number.",
        )
        return before_training("targets_broadcast", "error", sentences, units=units)
    return None


def distance_of_classes(evidence: Evidence) -> Finding | None:
    """The targets are class labels, and the loss measures a distance between numbers."""
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
        many = classes > 2 or target.is_one_hot or not is_coded
        layer = "one unit for each class and softmax" if many else "a sigmoid"
        sentences = (
            f"The targets look like the labels of {classes} classes, and the loss is {loss}.",
            "It measures the distance between numbers"
            + (
                ", as if classes with neighbouring numbers were similar."
                if not is_coded
                else "; through sigmoid or softmax its gradient is nearly 0 for predictions confidently wrong."
            ),
            f"Use {wanted}, with {layer} in the last layer.",
        )
        return before_training("distance_of_classes", "note", sentences, classes=classes)
    return None


def unscaled_targets(evidence: Evidence) -> Finding | None:
    """Targets of a regression that are far from 0, where the predictions of an untrained network are."""
    for output, target in pairs(evidence):
        if output.get("loss") not in DISTANCES or output.get("activation") in ("sigmoid", "softmax", "tanh"):
            continue
        if target.size <= LARGE_TARGETS or output["loss"] in ("mean_squared_logarithmic_error",):
            continue
        mean, std = (float(f"{values[0]:.3g}") for values in (target.mean, target.std))
        sentences = (
            f"The targets range from {number(target.minimum)} to {number(target.maximum)} (mean {number(mean)}, "
            f"standard deviation {number(std)}).",
            "An untrained network predicts numbers around 0: the gradients of a squared error grow with the targets, "
            "and with other losses many steps are needed to reach them.",
            "Train on (y - y.mean()) / y.std(), and transform the predictions back.",
        )
        return before_training("unscaled_targets", "note", sentences, size=target.size)
    return None


def unscaled_inputs(evidence: Evidence) -> Finding | None:
    """Inputs that are far from 0 or tiny, or features of very different scales, and no layer that scales them."""
    if evidence.facts.get("scales_inputs", True):
        return None
    for array in evidence.inputs:
        if not array.samples or not math.isfinite(array.minimum):
            continue
        varying = [std for std in array.std if std > 0]
        ratio = max(varying, default=1.0) / min(varying, default=1.0)
        is_uneven = ratio > UNEVEN_INPUTS and max(varying, default=1.0) >= 1
        if array.size == 0 or (SMALL_INPUTS <= array.size <= LARGE_INPUTS and not is_uneven):
            continue
        seen = f"The {_what(array)} range from {number(array.minimum)} to {number(array.maximum)}"
        if len(varying) > 1 and ratio > 10:
            seen += f", with standard deviations of {number(min(varying))} to {number(max(varying))} by feature"
        sentences = (
            f"{seen}, and no layer scales them.",
            "Initial weights and learning rates are made for inputs around 0 with a standard deviation of 1.",
            "Divide pixels from 0 to 255 by 255; for other inputs use keras.layers.Normalization() as the first layer, "
            "after its adapt(x).",
        )
        return before_training("unscaled_inputs", "note", sentences, size=array.size)
    return None


def constant_inputs(evidence: Evidence) -> Finding | None:
    """Inputs, or features of them, that are the same in every sample."""
    if not evidence.facts.get("seen_all"):
        return None
    severity = "error" if len(evidence.inputs) == 1 else "note"
    for array in evidence.inputs:
        if array.samples < 8 or array.nonfinite:
            continue
        if array.spread == 0 and array.samples > array.batches and array.minimum < array.maximum:
            sentences = (
                f"All samples of a batch are identical in the {_what(array)} ({array.samples:,} samples seen).",
                "Identical inputs carry no information about the targets.",
                "Check how the inputs are loaded and preprocessed.",
            )
            return before_training("constant_inputs", severity, sentences)
        if array.spread == 0 and array.minimum == array.maximum:
            sentences = (
                f"All elements of the {_what(array)} are {number(array.minimum)} ({array.samples:,} samples seen).",
                "Identical inputs carry no information about the targets.",
                "Check how the inputs are loaded and preprocessed.",
            )
            return before_training("constant_inputs", severity, sentences, value=array.minimum)
        constant = [i for i, (low, high) in enumerate(zip(array.lowest, array.highest, strict=True)) if low == high]
        if constant and len(array.shape) == 2 and len(array.lowest) <= MAX_COLUMNS:
            is_all = len(constant) == len(array.lowest)
            named = ", ".join(str(i + 1) for i in constant[:5]) + (" and more" if len(constant) > 5 else "")
            value = f": it is always {number(array.lowest[constant[0]])}" if len(constant) == 1 else ""
            sentences = (
                ("No feature varies" if is_all else f"There is no variation in feature {named} (counted from 1)")
                + f" over the {array.samples:,} samples seen{value}.",
                "A constant feature carries no information about the targets.",
                "Check how it is computed, or leave it out.",
            )
            severity = severity if is_all else "note"
            return before_training("constant_inputs", severity, sentences, features=len(constant))
    return None


def labels_in_order(evidence: Evidence) -> Finding | None:
    """Half of the batches or more contain a single class, so that the network learns one class after the other."""
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
            f"{target.uniform_batches} of {target.batches} batches contain only one class.",
            "The network learns to predict that class and forgets the others, one after the other.",
            "Shuffle the samples: fit(shuffle=True) for arrays, dataset.shuffle(len(x)) before batch() for a dataset.",
        )
        return before_training("labels_in_order", "note", sentences, share=uniform)
    return None


def one_class(evidence: Evidence) -> Finding | None:
    """All labels are the same, or nearly all."""
    if not evidence.facts.get("seen_all"):
        return None
    for output, target in pairs(evidence):
        shares = target.shares
        if not is_classifier(output) or not shares or target.samples < 16:
            continue
        label, share = max(shares.items(), key=lambda item: item[1])
        if share == 1:
            sentences = (
                f"All {target.samples:,} labels seen are {label}.",
                "With one class there is nothing to distinguish.",
                "Check how the labels are loaded.",
            )
            return before_training("one_class", "error", sentences, share=share)
        if share >= 1 - RARE_SHARE:
            sentences = (
                f"{share:.1%} of the labels are {label}.",
                f"A network that always predicts {label} has an accuracy of {share:.3f}.",
                "Give the rare classes more weight with class_weight, and use AUC or recall as metric.",
            )
            return before_training("one_class", "note", sentences, share=share)
    return None


def no_sample_weight(evidence: Evidence) -> Finding | None:
    """All sample weights are 0, so that no sample counts."""
    for array in evidence.sample_weights[:1]:
        if array.samples and all(one.minimum == one.maximum == 0 for one in evidence.sample_weights):
            sentences = (
                f"All {array.samples:,} sample weights seen are 0.",
                "The loss is 0, and nothing is learned.",
                "Check how sample_weight or class_weight is computed.",
            )
            return before_training("no_sample_weight", "error", sentences)
    return None


def _what(array: ArrayFacts) -> str:
    return array.name.replace("_", " ")


def _listed(target: ArrayFacts) -> str:
    labels = sorted(target.shares, key=float)
    return ", ".join(labels) if len(labels) <= 4 else f"{labels[0]} to {labels[-1]}"
