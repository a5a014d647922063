"""Rules about the epochs of a training: each reads what was recorded and returns a finding or None.

A rule requires a sign that lasts for several epochs, and most rules report only networks that are not learning: nearly
every sign of trouble, such as gradients that shrink towards the input, dead units or a loss that stays the same for a
while, occurs in networks that learn well, too. The thresholds were chosen on one half of a collection of trainings and
tested on the other (`python -m benchmarks.diagnosis` in the repository trains it and prints both).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..evidence import Evidence, MonitorRecord, is_classifier
from .finding import (
    Finding,
    activation_of,
    change_rate,
    chosen_names,
    default_rate,
    has_normalization,
    in_training,
    layer_order,
    number,
    smaller_rate,
    span,
    times,
    weight_gain,
)
from .model_rules import CROSS_ENTROPIES, DISTANCES

PATIENCE = 3
"""Smallest number of consecutive epochs in which a sign must have been seen."""

MIN_EPOCHS, MIN_SHARE_OF_EPOCHS = 8, 0.4
"""Number of epochs, and share of the planned ones, before which a slow start looks like a loss that will never fall.
(AUTOTRAINER waits for 0.3 of the epochs: Zhang et al., ICSE 2021.)"""

MAX_LOSS_SHARE = 0.95
"""A network is learning once its loss is below this share of where it began, or of the loss at chance level."""

MIN_NORM_RATIO = 0.03
"""Gradient norm of a layer divided by the largest norm of any layer, below which the gradient has vanished. Of 76
kinds of healthy network nearly all stay above 0.1; those that fail by vanishing are below 0.02. (AUTOTRAINER uses
0.001, first layer over last, and SageMaker Debugger a mean magnitude below 1e-7: neither finds the tutorial's failure.)
"""

MAX_GRADIENT_RATIO = 10
"""Mean magnitude of a kernel's gradient divided by that of its weights, above which the gradient explodes: one step of
SGD at a learning rate of 0.1 replaces all weights."""

DEAD_SHARE = 0.9
"""Share of a layer's units that are zero on the whole probe, from which the layer is called dead: next to nothing
passes. Healthy ReLU networks have layers with half of their units dead. (SageMaker Debugger uses 0.5.)"""

SATURATED_SHARE = 0.9
"""Share of a layer's outputs where the derivative of tanh or sigmoid is below a tenth of its largest value, from which
the layer is called saturated. Healthy networks reach 0.7 while they train. (SageMaker Debugger requires half of the
units, with inputs beyond 9.5, where tanh is 1 - 1e-8.)"""

MIN_UPDATE_RATIO = 1e-5
"""L1 norm of a kernel's change in an epoch divided by that of the kernel, below which it does not move. (By Karpathy's
rule of thumb it is 1e-3 for one step of a healthy network; SageMaker Debugger uses 1e-8.)"""

MAX_UPDATE_RATIO = 2.0
"""L1 norm of a kernel's change in an epoch divided by that of the kernel, above which nothing of the old weights is
left. (SageMaker Debugger uses 10.)"""

MIN_LOSS_FALL = 0.01
"""Decrease of the loss over the last half of the epochs, as a share of `_reference_loss`, up to which it is not
falling."""

MAX_MEAN_INCREASE, MIN_TURNS = 0.025, 1 / 3
"""Mean increase of the loss per epoch, decreases counted as 0, as a share of `_loss_scale`; and share of the epochs in
which the loss changes direction. A loss that reaches both oscillates. In healthy networks the mean increase stays below
0.015."""

MAX_WEIGHT_GAIN = 2.5
"""`weight_gain` of a kernel, from which its initial weights count as large in the remedies: 1.1 with He normal weights,
0.7 with Glorot's."""

MIN_SPREAD = 1e-3
"""Difference between the predictions for two samples, as a share of the largest, up to which they count as equal."""

MIN_STEPS = 30
"""Number of steps of a training below which nothing can be learned from scratch."""

CHANCE_MARGIN = 0.1
"""Largest excess of an accuracy over chance level, as a share of the distance from there to 1, that still counts as
chance level."""

GOOD_INITIALIZERS = ("Glorot", "He", "Lecun", "Orthogonal")
"""Beginnings of the names of initializers whose weights keep the size of what passes through a layer."""

FLATTENING_ACTIVATIONS = {"tanh", "sigmoid", "softmax", "softsign", "hard_sigmoid", "hard_tanh"}
"""Activations that are flat on both sides, so that the gradient of earlier layers shrinks, even to exactly 0."""


def nonfinite(evidence: Evidence) -> Finding | None:
    """NaN or infinity in the loss, in a gradient or in a weight, still there in the last epoch.

    A NaN in a weight does not always show in the loss: on some processors TensorFlow computes ReLU of NaN as 0.
    (SageMaker Debugger's ExplodingTensor looks at loss and gradients.)
    """
    loss = evidence.metrics.get("loss", np.zeros(len(evidence.epochs)))
    loss_is_finite = bool(np.isfinite(loss[-1]))
    is_broken = ~np.isfinite(loss)
    number, broken = {"gradients": 0.0, "weights": 0.0}, set()
    for tensors, record in (("gradients", evidence.gradients), ("weights", evidence.weights)):
        if record and "nonfinite" in record.history:  # event files of older versions do not count weights
            counts = np.nan_to_num(record.history["nonfinite"])
            is_broken = is_broken | (counts > 0).any(axis=1)
            number[tensors] = float(counts[-1].sum())
            broken.update(chosen_names(record.layers, counts[-1] > 0))
    first = _since(is_broken, 1)
    if first is None:
        return None
    if evidence.facts.get("scales_loss") and loss_is_finite and not number["weights"]:
        return None  # loss scaling skips the steps whose gradients overflow, and lowers the scale
    layers = [name for name in layer_order(evidence) if name in broken]
    in_weights_only = loss_is_finite and not number["gradients"] and number["weights"] > 0
    if in_weights_only:
        has = "has" if len(layers) == 1 else "have"
        seen = f"{span(layers, evidence)} {has} {number['weights']:.0f} NaN or infinite weights"
    else:
        seen = "The loss is finite" if loss_is_finite else f"The loss is {loss[-1]:.3g}"
        counted = {"elements of the gradients": number["gradients"], "weights": number["weights"]}
        found = [f"{many:.0f} {what}" for what, many in counted.items() if many]
        seen += f", and {' and '.join(found)} are NaN or infinite" if found else ""
    meaning = "A step with such a gradient makes weights NaN, and NaN weights do not recover."
    if number["weights"]:
        meaning = "Every prediction that uses these weights is NaN or wrong."
    remedy = f"{smaller_rate(evidence)}, or clip the gradients with clipnorm=1."
    if not in_weights_only and not evidence.inputs:
        remedy = f"Check the data for NaN first. If there is none, {remedy[0].lower()}{remedy[1:]}"
    statistics = {f"nonfinite_{tensors}": count for tensors, count in number.items()} | {"loss": float(loss[-1])}
    sentences = (seen, meaning, remedy)
    has_large_weights = any(
        weight_gain(evidence, name) >= MAX_WEIGHT_GAIN for name in evidence.facts.get("kernels", {})
    )
    return in_training(
        evidence,
        "nonfinite",
        "error",
        layers,
        first,
        statistics,
        sentences,
        names_layers=in_weights_only,
        is_as_tried=has_large_weights,
    )


def vanishing_gradient(evidence: Evidence) -> Finding | None:
    """A layer's gradient norm is a small part of the largest layer's, while the network does not learn.

    All layers are compared, not only the first: with weights in [0, 1] the smallest gradient is in the middle. A layer
    before a dead one has no gradient at all, which `dead_units` reports.
    """
    if not evidence.gradients or _is_learning(evidence):
        return None
    names, norms = _kernels(evidence.gradients, "l2")
    flattening = np.array([activation_of(evidence, name) in FLATTENING_ACTIVATIONS for name in names])
    may_be_zero = ~flattening | np.array([name.endswith("recurrent_kernel") for name in names])  # of a single time step
    norms = np.where((norms == 0) & may_be_zero, np.nan, norms)
    largest_norm = _by_row(np.nanmax, norms)[:, None]
    comparable = (largest_norm > 0) & np.isfinite(largest_norm)  # a norm may be too large for float32
    ratios = np.divide(norms, largest_norm, out=np.full_like(norms, np.nan), where=comparable)
    seen_in = _first_stretch(_by_row(np.nanmin, ratios) < MIN_NORM_RATIO)
    if not seen_in:
        return None
    profile = _by_row(np.nanmedian, ratios[seen_in].T)
    size = _by_row(np.nanmedian, norms[seen_in].T)
    mean = _by_row(np.nanmedian, _kernels(evidence.gradients, "abs_mean")[1][seen_in].T)
    smallest, largest = np.nanargmin(profile), np.nanargmax(profile)
    statistics = {
        "norm_smallest_over_largest": float(profile[smallest]),
        "norm_smallest": float(size[smallest]),
        "norm_largest": float(size[largest]),
        "mean_smallest": float(mean[smallest]),
        "mean_largest": float(mean[largest]),
    }
    if size[smallest] == 0:
        compared = "exactly zero, unlike that"
    else:
        compared = f"{times(size[largest] / size[smallest])} smaller than that"
    seen = (
        f"The gradient of {names[smallest]} is {compared} of {names[largest]} "
        f"(L2 norm {size[smallest]:.3g} against {size[largest]:.3g})"
    )
    layers = chosen_names(names, profile < MIN_NORM_RATIO) or [names[smallest]]
    if evidence.activations:
        history = evidence.activations.history["saturated_fraction"][seen_in]
        shares = dict(zip(evidence.activations.layers, _by_row(np.nanmedian, history.T), strict=True))
        saturated = max((name for name in layers if shares.get(name, 0) > 0), key=shares.__getitem__, default=None)
        statistics["saturated"] = shares[saturated] if saturated else 0.0
        if statistics["saturated"] > 0.5:
            seen += f"; {statistics['saturated']:.0%} of the outputs of {saturated} are saturated"
    last_epoch = evidence.epochs[seen_in.stop - 1]
    statistics["last_epoch"] = last_epoch
    meaning = "A layer with so small a gradient learns hardly anything, and the network has not learned."
    remedy = _against_vanishing(evidence, names)
    rule, index, sentences = "vanishing_gradient", seen_in.start, (seen, meaning, remedy)
    return in_training(evidence, rule, "error", layers, index, statistics, sentences, last_epoch=last_epoch)


def _against_vanishing(evidence: Evidence, names: Sequence[str]) -> str:
    """What to change of a network whose gradient vanishes, of what it has not got already."""
    facts = evidence.facts.get("kernels", {})
    initializers = [str(facts.get(name, {}).get("initializer")) for name in names]
    begins_well = all(name.startswith(GOOD_INITIALIZERS) for name in initializers)
    if not begins_well or any(activation_of(evidence, name) in ("sigmoid", "hard_sigmoid") for name in names[:-1]):
        or_else = "." if has_normalization(evidence) else ", or add layer normalization."
        return f"Use tanh with Glorot or ReLU with He initial weights, not sigmoid{or_else}"
    if not has_normalization(evidence):
        return "Add layer normalization or residual connections, or use fewer layers."
    rate = evidence.facts.get("learning_rate")
    lower = f"Try a tenth of the learning rate of {rate:g}" if rate else "Try a lower learning rate"
    return f"{lower}, larger batches, fewer layers, or residual connections."


def exploding_gradient(evidence: Evidence) -> Finding | None:
    """A kernel's gradient is many times larger than its weights, in a network that does not learn or becomes NaN.

    It is compared with the weights because gradients scale with the loss, and so with the unit of the targets.
    """
    if not evidence.gradients or _has_recovered(evidence):
        return None
    names, gradient = _kernels(evidence.gradients, "abs_mean")
    weight = np.array([_mean_weight(evidence, name) for name in names])
    begins_at_zero = [evidence.facts.get("kernels", {}).get(name, {}).get("mean_weight") == 0 for name in names]
    ratio = np.where(begins_at_zero, np.nan, gradient / weight)  # such as the second kernel of LoRA
    has_exploded = _by_row(np.nanmax, ratio) > MAX_GRADIENT_RATIO
    if not has_exploded.any():
        return None
    first = int(np.argmax(has_exploded))
    layer = int(np.nanargmax(ratio[first]))
    statistics = {
        "gradient_over_weights": float(ratio[first, layer]),
        "mean_gradient": float(gradient[first, layer]),
        "mean_weight": float(weight[layer]),
    }
    seen = (
        f"The gradient of {names[layer]} is {times(ratio[first, layer])} larger than its weights "
        f"(mean |gradient| {gradient[first, layer]:.2g}, mean |weight| {weight[layer]:.2g})"
    )
    meaning = "Unless the learning rate is tiny, a step of SGD replaces such weights instead of correcting them."
    normalize = "" if has_normalization(evidence) else "add batch or layer normalization after each hidden layer"
    has_large_weights = weight_gain(evidence, names[layer]) >= MAX_WEIGHT_GAIN
    if has_large_weights:
        or_else = f", or {normalize}" if normalize else ""
        remedy = f"Use smaller initial weights (He with ReLU, Glorot with tanh){or_else}."
    else:
        or_else = f", {normalize}," if normalize else ""
        remedy = f"Clip the gradients with clipnorm=1{or_else} or use Adam at its default learning rate, 0.001."
    layers = chosen_names(names, ratio[first] > MAX_GRADIENT_RATIO)
    return in_training(
        evidence,
        "exploding_gradient",
        "error",
        layers,
        first,
        statistics,
        (seen, meaning, remedy),
        last_epoch=evidence.epochs[int(np.flatnonzero(has_exploded)[-1])],
        is_as_tried=has_large_weights,
    )


def dead_units(evidence: Evidence) -> Finding | None:
    """Nine in ten units of a ReLU layer, or more, are zero on all inputs, so that hardly any gradient passes.

    It is seen on the probe, the inputs given to `ActivationMonitor`; without a probe, only a layer whose units are all
    dead is seen, because the gradient of its kernel is exactly zero.
    """
    if evidence.activations and "dead_fraction" in evidence.activations.history:
        names, dead = evidence.activations.layers, np.nan_to_num(evidence.activations.history["dead_fraction"])
        what, threshold = "of its units are zero on every input of the probe", DEAD_SHARE
    elif evidence.gradients:
        if _is_learning(evidence):  # a loss that has reached 0 leaves no gradient either
            return None
        names, dead = _kernels(evidence.gradients, "zero_fraction")
        is_relu = np.array([activation_of(evidence, name) in ("relu", "relu6") for name in names])
        dead = np.where(is_relu, np.nan_to_num(dead), 0.0)
        what, threshold = "of its kernel's gradient is exactly zero", 1.0
    else:
        return None
    sentences = (
        f"{{layer}} is dead: {{share:.0%}} {what}",
        "A unit that is zero on every input gets no gradient, so it hardly ever recovers.",
        "Use wider or fewer layers, or ELU instead of ReLU. Check that the biases do not start far below 0 and that "
        "the learning rate is not too large.",
    )
    return _layers_at_fault(evidence, "dead_units", names, dead, dead >= threshold, sentences)


def saturated(evidence: Evidence) -> Finding | None:
    """Nearly all outputs of a tanh or sigmoid layer lie where the activation is flat; found only with a probe."""
    if not evidence.activations or "saturated_fraction" not in evidence.activations.history:
        return None
    # The last layer is left out: confident predictions of a classifier saturate it.
    names, share = evidence.activations.layers[:-1], evidence.activations.history["saturated_fraction"][:, :-1]
    share = np.nan_to_num(share)
    sentences = (
        "{share:.0%} of the outputs of {layer} are saturated",
        "They lie where the activation is flat, so next to no gradient passes.",
        "Use Glorot initial weights, or ReLU with He initial weights"
        + ("." if has_normalization(evidence) else ", or add layer normalization."),
    )
    return _layers_at_fault(evidence, "saturated", names, share, share > SATURATED_SHARE, sentences)


def _layers_at_fault(
    evidence: Evidence,
    rule: str,
    names: Sequence[str],
    share: np.ndarray,
    is_at_fault: np.ndarray,
    sentences: tuple[str, str, str],
) -> Finding | None:
    """The finding about `share`, (epochs, layers), of each layer's units or outputs; None where no sign lasts."""
    first = _since(is_at_fault.any(axis=1)) if names else None
    if first is None:
        return None
    worst = int(np.argmax(share[-1]))
    statistics = {"share": float(share[-1, worst])}
    seen, meaning, remedy = sentences
    sentences = (seen.format(layer=names[worst], **statistics), meaning, remedy)
    severity = "warning" if _is_learning(evidence) else "error"
    return in_training(evidence, rule, severity, chosen_names(names, is_at_fault[-1]), first, statistics, sentences)


def weights_not_moving(evidence: Evidence) -> Finding | None:
    """No kernel changes by more than a hundred-thousandth of its norm in an epoch, and nothing has been learned."""
    if not evidence.weights or _is_learning(evidence):
        return None
    names, ratio = _kernels(evidence.weights, "update_ratio")
    weights_are_zero = evidence.weights.history["l1"] == 0  # there the ratio is NaN, as it is where weights are NaN
    ratio = np.where(weights_are_zero.all(axis=1)[:, None], 0.0, ratio)
    largest = np.nan_to_num(_by_row(np.nanmax, ratio), nan=np.inf)
    first = _since(largest < MIN_UPDATE_RATIO)
    if first is None:
        return None
    statistics = {"largest_update_ratio": float(largest[-1])}
    seen = f"No kernel changes by more than {statistics['largest_update_ratio']:.1g} of its norm in an epoch"
    meaning = "The network is practically the same as before training."
    default = default_rate(evidence)
    remedy = f"{change_rate('Raise', evidence)} to {default:g}, the optimizer's default."
    if (evidence.facts.get("learning_rate") or 0.0) >= default / 100:
        remedy = (
            "Check that the loss depends on these layers, that their gradients are not 0, and that no schedule has "
            "lowered the learning rate to nearly 0."
        )
    return in_training(evidence, "weights_not_moving", "error", names, first, statistics, (seen, meaning, remedy))


def updates_too_large(evidence: Evidence) -> Finding | None:
    """In some epoch half of the kernels changed by more than twice their own norm, and nothing was learned since."""
    if not evidence.weights or _has_recovered(evidence):
        return None
    names, ratio = _kernels(evidence.weights, "update_ratio")
    median = _by_row(np.nanmedian, ratio)
    if not (median > MAX_UPDATE_RATIO).any():
        return None
    first = int(np.argmax(median > MAX_UPDATE_RATIO))
    statistics = {"median_update_ratio": float(median[first])}
    seen = f"The kernels changed by {times(median[first])} their own norm in one epoch"
    meaning = "Nothing is left of the weights as they were before."
    remedy = f"{smaller_rate(evidence, 100)}."
    layers = chosen_names(names, ratio[first] > MAX_UPDATE_RATIO)
    last_epoch = evidence.epochs[int(np.flatnonzero(median > MAX_UPDATE_RATIO)[-1])]
    sentences = (seen, meaning, remedy)
    return in_training(
        evidence, "updates_too_large", "error", layers, first, statistics, sentences, last_epoch=last_epoch
    )


def loss_not_falling(evidence: Evidence) -> Finding | None:
    """The loss is where it began, or at chance level, and did not fall in the last half of the epochs."""
    loss = evidence.metrics.get("loss")
    if loss is None or not _can_be_judged(evidence) or _is_learning(evidence) or not np.isfinite(loss[-1]):
        return None
    if not loss.any():  # a custom train_step that reports none
        return None
    reference = _reference_loss(evidence)
    middle, now = (_smoothed(loss, index) for index in (len(loss) // 2, len(loss) - 1))
    if middle - now > MIN_LOSS_FALL * reference:
        return None
    statistics = {"first": float(loss[0]), "now": float(now), "reference": float(reference)}
    chance = f"; {number(evidence.chance_loss)} at chance level" if evidence.chance_loss else ""
    seen = f"The loss is not falling ({number(loss[0])} in the first epoch, {number(now)} in the last{chance})"
    if middle < MAX_LOSS_SHARE * loss[0]:
        seen = f"The loss has stopped at {number(now)} after {number(loss[0])} in the first epoch{chance}"
    meaning = "The network has learned next to nothing, and more epochs alone are unlikely to change that."
    rate, default = evidence.facts.get("learning_rate"), default_rate(evidence)
    remedy = (
        f"{change_rate('Change', evidence)}: try a hundred times more and a hundred times less. Check that x and y "
        "belong together."
    )
    if rate and rate < default / 5:
        remedy = f"{change_rate('Raise', evidence)} to {default:g}, the optimizer's default."
    elif rate and rate > default * 5:
        remedy = f"{smaller_rate(evidence)}."
    sentences, is_low = (seen, meaning, remedy), bool(rate and rate < default / 5)
    return in_training(evidence, "loss_not_falling", "error", [], 0, statistics, sentences, is_as_tried=is_low)


def loss_oscillating(evidence: Evidence) -> Finding | None:
    """The loss goes up and down by a fortieth, or more, of its value at chance level or in the first epoch."""
    loss = evidence.metrics.get("loss")
    if loss is None or not _can_be_judged(evidence):
        return None
    window = max(MIN_EPOCHS, len(loss) // 2)
    changes = np.diff(loss[-window:])
    if not np.isfinite(changes).all():
        return None
    mean_increase = np.maximum(changes, 0).mean()
    turns = np.mean(np.sign(changes[1:]) != np.sign(changes[:-1]))
    if mean_increase < MAX_MEAN_INCREASE * _loss_scale(evidence) or turns < MIN_TURNS:
        return None
    first = len(loss) - window
    mean_change = float(np.abs(changes).mean())
    statistics = {"mean_change": mean_change, "mean_increase": float(mean_increase), "turns": float(turns)}
    seen = f"The loss goes up and down by {mean_change:.2g} per epoch and changes direction in {turns:.0%} of them"
    meaning = "The steps are too large or too noisy to settle in a minimum."
    remedy = f"{smaller_rate(evidence)}, or use larger batches."
    is_high = (evidence.facts.get("learning_rate") or 0.0) > default_rate(evidence)
    sentences = (seen, meaning, remedy)
    return in_training(evidence, "loss_oscillating", "warning", [], first, statistics, sentences, is_as_tried=is_high)


def accuracy_at_chance(evidence: Evidence) -> Finding | None:
    """The training accuracy is no better than always predicting the most frequent class, or does not change at all.

    Chance level is the share of the most frequent label seen, or 1/k for k classes where no labels were seen.
    """
    accuracy, classes = evidence.accuracy, _number_of_classes(evidence)
    if accuracy is None or not classes or not _can_be_judged(evidence):
        return None
    window = accuracy[-max(5, len(accuracy) // 4) :]
    if not np.isfinite(window).all():
        return None
    shares = evidence.class_shares
    answer = max(shares, key=shares.__getitem__, default="")
    chance = shares.get(answer, 1 / classes)
    is_balanced = chance <= 1.2 / classes
    is_at_chance = window.mean() <= chance + CHANCE_MARGIN * (1 - chance) and (
        is_balanced or not _is_learning(evidence)
    )
    is_constant = np.ptp(window) < 1e-6 and window.mean() < 0.99 and not _is_learning(evidence)
    if chance == 1 or (not is_at_chance and not is_constant):
        return None
    if len(accuracy) < MIN_EPOCHS and _has_fallen(evidence, MIN_LOSS_FALL):
        return None
    statistics = {"accuracy": float(window.mean()), "chance": chance}
    level = f"chance level for {classes} classes: {chance:.3g}"
    if not is_balanced:
        level = f"always predicting {answer} gives {chance:.3f}"
    seen = f"The training accuracy is {window.mean():.3f} ({level})"
    meaning = "The network has not learned to distinguish the classes."
    if not is_at_chance:
        seen = f"The training accuracy is {window.mean():.3f} to the last digit, and the loss is not falling"
        meaning = "The network probably predicts the same class for every input."
    remedy = "Check that inputs and labels belong together, for instance that x and y were not shuffled separately."
    index, sentences = len(accuracy) - len(window), (seen, meaning, remedy)
    return in_training(evidence, "accuracy_at_chance", "error", [], index, statistics, sentences)


def accuracy_contradicts_loss(evidence: Evidence) -> Finding | None:
    """The loss has halved, but the accuracy has not changed at all."""
    accuracy, loss = evidence.accuracy, evidence.metrics.get("loss")
    if accuracy is None or loss is None or len(loss) < PATIENCE or not np.isfinite([loss[0], loss[-1]]).all():
        return None
    if not 0 <= loss[-1] < loss[0] / 2 or np.ptp(accuracy) > 1e-6 or accuracy[-1] >= 0.99:
        return None
    if max(evidence.class_shares.values(), default=0.0) >= 0.9:
        return None
    statistics = {"accuracy": float(accuracy[-1]), "first": float(loss[0]), "now": float(loss[-1])}
    seen = f"The loss falls from {number(loss[0])} to {number(loss[-1])}, but the accuracy stays at {accuracy[-1]:.3f}"
    meaning = "The loss and the accuracy do not measure the same thing."
    remedy = "Choose a metric that fits the targets: accuracy for classes, mean_absolute_error for numbers."
    return in_training(evidence, "accuracy_contradicts_loss", "error", [], 0, statistics, (seen, meaning, remedy))


def predictions_alike(evidence: Evidence) -> Finding | None:
    """The network predicts the same for all samples of a batch; found only where predictions were recorded."""
    if evidence.predictions is None or _is_learning(evidence):
        return None
    spread = evidence.predictions.history["spread"]
    lowest, highest = (evidence.predictions.history[name] for name in ("lowest", "highest"))
    scale = np.maximum(np.abs(lowest), np.abs(highest)) + 1e-12
    are_alike = (np.isfinite(scale) & (spread <= MIN_SPREAD * np.minimum(scale, 1.0))).all(axis=1)
    first = _since(are_alike)
    if first is None:
        return None
    statistics = {"spread": float(spread[-1].max()), "answer": float(highest[-1, 0])}
    seen = f"The prediction is the same for all inputs, {number(lowest[-1, 0])}"
    if lowest.shape[1] > 1 or lowest[-1, 0] != highest[-1, 0]:
        seen = f"The predictions for different inputs differ by no more than {number(max(spread[-1].max(), 1e-9))}"
    meaning = "The output of the network does not depend on its inputs."
    remedy = "Check that the inputs differ and are scaled, and that no hidden layer is dead, saturated or constant."
    return in_training(evidence, "predictions_alike", "error", [], first, statistics, (seen, meaning, remedy))


def gradients_zero(evidence: Evidence) -> Finding | None:
    """All gradients of all kernels are exactly 0."""
    if not evidence.gradients or _is_learning(evidence):  # a loss that has reached 0 leaves no gradient
        return None
    first = _since(_gradients_are_zero(evidence))
    if first is None:
        return None
    sentences = (
        "All gradients are exactly 0",
        "With gradients of 0 the optimizer has nothing to follow, and nothing is learned.",
        "Check that the loss is computed from the output of the network, and that nothing between them blocks the "
        "gradient, such as dead units, stop_gradient or argmax.",
    )
    return in_training(evidence, "gradients_zero", "error", [], first, {}, sentences)


def _gradients_are_zero(evidence: Evidence) -> np.ndarray:
    """Bool array (epochs,): whether all gradients of all kernels are exactly 0."""
    if not evidence.gradients:
        return np.zeros(len(evidence.epochs), bool)
    return (np.nan_to_num(_kernels(evidence.gradients, "zero_fraction")[1]) == 1).all(axis=1)


def impossible_loss(evidence: Evidence) -> Finding | None:
    """A loss below 0 though the loss function is never negative, or a loss of exactly 0 from the start."""
    loss, name = evidence.metrics.get("loss"), evidence.output.get("loss")
    if loss is None or not np.isfinite(loss).all():
        return None
    is_known = name in CROSS_ENTROPIES + DISTANCES and np.nan_to_num(evidence.facts.get("penalty", 0.0)) >= 0
    if is_known and (loss < 0).any():
        first = int(np.argmax(loss < 0))
        seen, meaning = f"The loss falls to {number(loss.min())}", f"{name} is never below 0 if the targets are valid."
    elif len(loss) >= PATIENCE and (loss == 0).all() and _gradients_are_zero(evidence)[0]:
        first = 0
        seen, meaning = "The loss is exactly 0", "Nothing can be learned from a loss that is 0 from the start."
    else:
        return None
    remedy = (
        "Check that the targets have the form that the loss expects, and that no sample weights are negative or all 0."
    )
    return in_training(
        evidence, "impossible_loss", "error", [], first, {"loss": float(loss[-1])}, (seen, meaning, remedy)
    )


def no_gradient(evidence: Evidence) -> Finding | None:
    """The optimizer never received a gradient, or none for some kernels."""
    if not evidence.gradients or not evidence.epochs or evidence.facts.get("trainable_variables") == 0:
        return None
    names, mean = _kernels(evidence.gradients, "abs_mean")
    nonfinite = _kernels(evidence.gradients, "nonfinite")[1]
    has_none = (np.isnan(mean) & ~(nonfinite > 0)).all(axis=0)
    layers = chosen_names(names, has_none)
    if not layers:
        return None
    if np.isnan(evidence.gradients.history["nonfinite"]).all():
        sentences = (
            f"The watched optimizer, {evidence.facts.get('optimizer')}, has received no gradient",
            "If the weights change, another optimizer changes them, and its gradients are not recorded.",
            "Pass the optimizer that trains the network: Diagnosis(optimizer=...).",
        )
        return in_training(evidence, "no_gradient", "warning", [], 0, {}, sentences)
    sentences = (
        f"No gradient has reached {span(layers, evidence)}",
        "The loss does not depend on a kernel without a gradient, which keeps its initial values.",
        "Look for stop_gradient, argmax or a missing connection between it and the loss; if that is intended, set "
        "trainable = False.",
    )
    severity = "warning" if _is_learning(evidence) else "error"
    if evidence.facts.get("has_own_train_step"):  # as of a GAN, where another optimizer may train these layers
        severity = "note"
    return in_training(evidence, "no_gradient", severity, layers, 0, {}, sentences, names_layers=True)


def few_steps(evidence: Evidence) -> Finding | None:
    """The whole training has fewer than 30 steps, and the network has not learned."""
    steps = evidence.facts.get("sampled_steps")
    if (
        not steps
        or len(evidence.epochs) < PATIENCE
        or steps * len(evidence.epochs) >= MIN_STEPS
        or _is_learning(evidence)
    ):
        return None
    if len(evidence.epochs) < (evidence.facts.get("planned_epochs") or 0):
        return None
    total = steps * len(evidence.epochs)
    sentences = (
        f"The training had only {total} steps, {steps} per epoch",
        "Each step changes the weights once, and only a little.",
        "Train for more epochs, or with a smaller batch_size.",
    )
    return in_training(evidence, "few_steps", "note", [], 0, {"steps": float(total)}, sentences)


def _since(is_seen: Any, patience: int = PATIENCE) -> int | None:
    """The index since which a sign has been there in every epoch; None if that is fewer than `patience` epochs."""
    breaks = np.flatnonzero(~np.asarray(is_seen, bool))
    first = int(breaks[-1]) + 1 if breaks.size else 0
    return first if len(is_seen) - first >= patience else None


def _first_stretch(is_seen: np.ndarray, patience: int = PATIENCE) -> slice | None:
    """The first `patience` or more consecutive epochs with a sign, up to its first break; None if there are none."""
    start = 0
    for index, is_there in enumerate([*is_seen, False]):
        if not is_there:
            if index - start >= patience:
                return slice(start, index)
            start = index + 1
    return None


def _smoothed(loss: np.ndarray, index: int) -> float:
    """The median of an epoch's loss and of the four before it, of fewer in a short training."""
    window = min(5, max(1, len(loss) // 3))
    return float(np.median(loss[max(0, index - window + 1) : index + 1]))


def _number_of_classes(evidence: Evidence) -> int | None:
    """The number of classes, from the labels or the units; None for multi-label targets and for a regression."""
    if evidence.class_shares:
        return max(2, len(evidence.class_shares))
    output = evidence.output
    units, loss, activation = output.get("units"), str(output.get("loss", "")), output.get("activation")
    is_multi_label = units != 1 and ("binary" in loss or activation == "sigmoid")
    if not units or not is_classifier(output) or is_multi_label or evidence.target is not None:
        return None
    return max(2, units)


def _has_fallen(evidence: Evidence, share: float) -> bool:
    """Whether the loss of the last epoch is below that of the first by a share of it."""
    loss = evidence.metrics.get("loss")
    return loss is not None and bool(loss[-1] < (1 - share) * loss[0])


def _reference_loss(evidence: Evidence) -> float:
    """The loss that a network must get below to count as learning: of the first epoch, or at chance level if lower."""
    first, chance_loss = evidence.metrics["loss"][0], evidence.chance_loss
    candidates = [first] if np.isfinite(first) else []
    if chance_loss and not evidence.facts.get("penalty"):
        candidates.append(chance_loss)
    return min(candidates, default=math.inf)


def _loss_scale(evidence: Evidence) -> float:
    """The loss with which its changes are compared: at chance level, or of the first epoch if that is not known."""
    return evidence.chance_loss or max(abs(evidence.metrics["loss"][0]), 1e-12)


def _is_learning(evidence: Evidence) -> bool:
    """Whether the loss is clearly below that of the first epoch, and below that at chance level."""
    loss = evidence.metrics.get("loss")
    if loss is None:
        return False
    now = _smoothed(loss, len(loss) - 1)
    return bool(np.isfinite(now) and now < MAX_LOSS_SHARE * _reference_loss(evidence))


def _has_recovered(evidence: Evidence) -> bool:
    """Whether the network is learning, and no kernel's gradient is all 0, as after a first epoch that broke it."""
    zero_fraction = evidence.gradients.history["zero_fraction"][-1] if evidence.gradients else np.zeros(1)
    return _is_learning(evidence) and not (zero_fraction == 1).any()


def _can_be_judged(evidence: Evidence) -> bool:
    """Whether there are enough epochs to say that a network does not learn; at the end of the training, three.

    A custom `train_step` without a compiled loss, as of a GAN, may report as `loss` a number that need not fall.
    """
    if evidence.facts.get("has_own_train_step") and not any(one["loss"] for one in evidence.facts.get("outputs", [])):
        return False
    planned, seen = evidence.facts.get("planned_epochs") or 0, len(evidence.epochs)
    return seen >= max(MIN_EPOCHS, MIN_SHARE_OF_EPOCHS * planned) or (seen >= PATIENCE and seen == planned)


def _kernels(record: MonitorRecord, quantity: str) -> tuple[list[str], np.ndarray]:
    """Names and a quantity (epochs, layers) of a monitor's kernels, without those biases that are of rank 2."""
    chosen = [i for i, name in enumerate(record.layers) if not name.rpartition("/")[2].startswith("bias")]
    chosen = chosen or list(range(len(record.layers)))
    return [record.layers[i] for i in chosen], record.history[quantity][:, chosen]


def _by_row(function: Callable, array: np.ndarray) -> np.ndarray:
    """Applies `np.nanmax` or the like to each row; NaN for a row that is NaN throughout, without numpy's warning."""
    rows = ~np.isnan(array).all(axis=1)
    found = np.full(len(array), np.nan)
    found[rows] = function(array[rows], axis=1)
    return found


def _mean_weight(evidence: Evidence, layer: str) -> float:
    """The mean magnitude of a kernel's weights before training, 0.01 at least; 0.1 where nothing is known of them."""
    return max(evidence.facts.get("kernels", {}).get(layer, {}).get("mean_weight", 0.1), 0.01)
