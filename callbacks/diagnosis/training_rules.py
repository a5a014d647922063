"""Rules about the epochs of a training: each reads what was recorded and says what is wrong, or nothing.

A rule asks for a sign that lasts, and most rules speak only of networks that are not learning: nearly every sign of
trouble, a gradient that falls off towards the input, dead units, a loss that stands still for a while, is found in
networks that learn well, too. The thresholds were chosen on one half of a collection of trainings and tried on the
other (`python -m benchmarks.diagnosis` in the repository trains it and prints both).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..evidence import Evidence, MonitorRecord
from .finding import (
    Finding,
    activation_of,
    change_rate,
    chosen_names,
    default_rate,
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
"""Epochs, at least, in which a sign must have been seen without a break."""

MIN_EPOCHS, MIN_SHARE_OF_EPOCHS = 8, 0.4
"""Epochs, and share of the planned ones, before which nobody can tell a slow start from a loss that will never fall.
(AUTOTRAINER waits for 0.3 of the epochs: Zhang et al., ICSE 2021.)"""

MAX_LOSS_SHARE = 0.95
"""A network is learning once its loss is below this share of where it began, or of the loss at chance level."""

MIN_NORM_RATIO = 0.03
"""Gradient norm of a layer over that of the layer with the largest, below which it has vanished. Of 76 kinds of
healthy network nearly all stay above 0.1; those that fail by vanishing are below 0.02. (AUTOTRAINER asks for 0.001,
first layer over last, and SageMaker Debugger for a mean magnitude below 1e-7: both are silent on the tutorial's
failure.)"""

MAX_GRADIENT_RATIO = 10
"""Mean magnitude of a kernel's gradient over that of its weights, from which it explodes: one step at a learning rate
of 0.1 would put new values in place of all weights."""

DEAD_SHARE = 0.9
"""Share of a layer's units that are zero on the whole probe, from which the layer is dead: next to nothing passes.
Healthy ReLU networks have layers with half of their units dead. (SageMaker Debugger asks for 0.5.)"""

SATURATED_SHARE = 0.9
"""Share of a layer's outputs where the derivative of tanh or sigmoid is below a tenth of its largest value, from which
the layer is saturated. Healthy networks come to 0.7 while they train. (SageMaker Debugger asks for half of the units,
with inputs beyond 9.5, where tanh is 1 - 1e-8.)"""

MIN_UPDATE_RATIO = 1e-5
"""Change of a kernel in an epoch over its L1 norm, below which it does not move. (By Karpathy's rule of thumb one
step of a healthy network makes 1e-3; SageMaker Debugger asks for 1e-8.)"""

MAX_UPDATE_RATIO = 2.0
"""Change of a kernel in an epoch over its L1 norm, from which nothing of the old weights is left. (SageMaker Debugger
asks for 10.)"""

MIN_LOSS_FALL = 0.01
"""Decrease of the loss over the last half of the epochs, as a share of where it began, below which it is not
falling."""

MAX_MEAN_INCREASE, MIN_TURNS = 0.025, 1 / 3
"""Mean increase of the loss per epoch, decreases counted as 0, as a share of the loss at chance level or of where it
began; and share of the epochs in which the loss changes direction: from both on it oscillates. In healthy networks the
mean increase stays below 0.015."""

MAX_WEIGHT_GAIN = 2.5
"""Mean magnitude of a kernel's weights times the root of the inputs of a unit, up to which they are of ordinary size:
1.1 with He normal weights, 0.7 with Glorot's."""

MIN_SPREAD = 1e-3
"""Difference between the answers to two samples, as a share of the largest answer, up to which they are alike."""

MIN_STEPS = 30
"""Steps of a training, below which there are too few to learn anything from scratch."""

CHANCE_MARGIN = 0.1
"""Accuracy above chance level, as a share of the distance from there to 1, up to which it counts as chance level."""

FLATTENING_ACTIVATIONS = {"tanh", "sigmoid", "softmax", "softsign", "hard_sigmoid", "hard_tanh"}
"""Activations whose slope goes to zero on both sides, so that a gradient behind them shrinks, even to exactly zero."""


def nonfinite(evidence: Evidence) -> Finding | None:
    """NaN or infinity in the loss, in a gradient or in a weight, up to the last epoch.

    The loss does not tell of every NaN in a weight: on some processors TensorFlow computes ReLU of NaN as 0.
    (SageMaker Debugger's ExplodingTensor asks for loss and gradients.)
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
    layers = [name for name in layer_order(evidence) if name in broken]
    in_weights_only = loss_is_finite and not number["gradients"] and number["weights"] > 0
    if in_weights_only:
        has = "has" if len(layers) == 1 else "have"
        seen = f"{span(layers, evidence)} {has} {number['weights']:.0f} NaN or infinite weights"
    else:
        seen = "The loss is finite" if loss_is_finite else f"The loss is {loss[-1]:.3g}"
        seen += f" and {number['gradients']:.0f} elements of the gradients are NaN or infinite"
        seen += f", as are {number['weights']:.0f} weights" if number["weights"] else ""
    meaning = "A step with such a gradient makes weights NaN, and NaN weights do not recover."
    if number["weights"]:
        meaning = "Every prediction that uses these weights is NaN or wrong."
    remedy = f"{smaller_rate(evidence)}, or clip the gradients with clipnorm=1."
    if not in_weights_only and not evidence.inputs:
        remedy = f"See that the data hold no NaN. If they do not: {remedy[0].lower()}{remedy[1:]}"
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

    All layers count, not only the first: with weights in [0, 1] the smallest gradient is in the middle. Layers behind a
    dead one have no gradient at all, which is another fault.
    """
    if not evidence.gradients or _is_learning(evidence):
        return None
    names, norms = _kernels(evidence.gradients, "l2")
    flattening = np.array([activation_of(evidence, name) in FLATTENING_ACTIVATIONS for name in names])
    may_be_zero = ~flattening | np.array([name.endswith("recurrent_kernel") for name in names])  # of a single time step
    norms = np.where((norms == 0) & may_be_zero, np.nan, norms)
    largest_norm = _by_row(np.nanmax, norms)[:, None]
    ratios = np.divide(norms, largest_norm, out=np.full_like(norms, np.nan), where=largest_norm > 0)
    seen_in = _first_stretch(_by_row(np.nanmin, ratios) < MIN_NORM_RATIO)
    if not seen_in:
        return None
    profile = _by_row(np.nanmedian, ratios[seen_in].T)
    mean = _by_row(np.nanmedian, _kernels(evidence.gradients, "abs_mean")[1][seen_in].T)
    smallest, largest = np.nanargmin(profile), np.nanargmax(profile)
    statistics = {
        "norm_smallest_over_largest": float(profile[smallest]),
        "mean_smallest": float(mean[smallest]),
        "mean_largest": float(mean[largest]),
    }
    is_zero = profile[smallest] == 0
    compared = "exactly zero, unlike that" if is_zero else f"{times(1 / profile[smallest])} smaller than that"
    seen = (
        f"The gradient of {names[smallest]} is {compared} of {names[largest]} "
        f"(mean |gradient| {mean[smallest]:.2g} against {mean[largest]:.2g})"
    )
    layers = chosen_names(names, profile < MIN_NORM_RATIO) or [names[smallest]]
    if evidence.activations:
        history = evidence.activations.history["saturated_fraction"][seen_in]
        shares = dict(zip(evidence.activations.layers, _by_row(np.nanmedian, history.T), strict=True))
        statistics["saturated"] = max((shares[name] for name in layers if shares.get(name, 0) > 0), default=0.0)
        if statistics["saturated"] > 0.5:
            seen += f"; up to {statistics['saturated']:.0%} of a layer's outputs are saturated"
    last_epoch = evidence.epochs[seen_in.stop - 1]
    statistics["last_epoch"] = last_epoch
    meaning = "A layer with so small a gradient hardly changes, and the network has not learned."
    remedy = "Use Glorot initial weights with tanh, or ReLU with He ones; sigmoid makes gradients vanish."
    rule, index, sentences = "vanishing_gradient", seen_in.start, (seen, meaning, remedy)
    return in_training(evidence, rule, "error", layers, index, statistics, sentences, last_epoch=last_epoch)


def exploding_gradient(evidence: Evidence) -> Finding | None:
    """A kernel's gradient is many times larger than its weights, in a network that does not learn, or breaks.

    Measured against the weights, because gradients scale with the loss, and so with the unit of what is predicted.
    """
    if not evidence.gradients or _has_recovered(evidence):
        return None
    names, gradient = _kernels(evidence.gradients, "abs_mean")
    weight = np.array([_mean_weight(evidence, name) for name in names])
    begins_at_zero = [evidence.facts.get("kernels", {}).get(name, {}).get("largest_weight") == 0 for name in names]
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
    meaning = "One step along it replaces the weights instead of correcting them."
    remedy = "Use smaller initial weights (He with ReLU, Glorot with tanh), or normalize the hidden layers."
    has_large_weights = weight_gain(evidence, names[layer]) >= MAX_WEIGHT_GAIN
    if not has_large_weights:
        remedy = (
            "Clip the gradients with clipnorm=1, normalize the hidden layers, or use Adam at its default rate, 0.001."
        )
    layers = chosen_names(names, ratio[first] > MAX_GRADIENT_RATIO)
    return in_training(
        evidence,
        "exploding_gradient",
        "error",
        layers,
        first,
        statistics,
        (seen, meaning, remedy),
        is_as_tried=has_large_weights,
    )


def dead_units(evidence: Evidence) -> Finding | None:
    """A layer of ReLU units is zero on all inputs, so that no gradient passes.

    Seen on the probe of `ActivationMonitor`; without one, by kernels of ReLU layers whose gradient is exactly zero.
    """
    if evidence.activations and "dead_fraction" in evidence.activations.history:
        names, dead = evidence.activations.layers, np.nan_to_num(evidence.activations.history["dead_fraction"])
        what, threshold = "of its units are zero on every input of the probe", DEAD_SHARE
    elif evidence.gradients:
        names, dead = _kernels(evidence.gradients, "zero_fraction")
        is_relu = np.array([activation_of(evidence, name) in ("relu", "relu6") for name in names])
        dead = np.where(is_relu, np.nan_to_num(dead), 0.0)
        what, threshold = "of its kernel's gradient is exactly zero", 1.0
    else:
        return None
    sentences = (
        f"{{layer}} is dead: {{share:.0%}} {what}",
        "A unit that is zero on every input gets no gradient, so it cannot recover.",
        "Use wider or fewer layers, or ELU instead of ReLU; see that the biases do not start far below zero.",
    )
    return _layers_at_fault(evidence, "dead_units", names, dead, dead >= threshold, sentences)


def saturated(evidence: Evidence) -> Finding | None:
    """Nearly all outputs of a tanh or sigmoid layer are where the function is flat; seen on the probe alone."""
    if not evidence.activations or "saturated_fraction" not in evidence.activations.history:
        return None
    # The last layer is left out: a classifier that is certain saturates it.
    names, share = evidence.activations.layers[:-1], evidence.activations.history["saturated_fraction"][:, :-1]
    share = np.nan_to_num(share)
    sentences = (
        "{share:.0%} of the outputs of {layer} are saturated",
        "There the activation is flat, and next to no gradient passes.",
        "Use smaller initial weights (Glorot), or ReLU with He ones, or layer normalization.",
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
    """The finding about a share of each layer's units, (epochs, layers); None where no sign lasts."""
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
    meaning = "The network is still what its initial weights made it."
    default = default_rate(evidence)
    remedy = f"{change_rate('Raise', evidence)} to {default:g}, its default."
    if (evidence.facts.get("learning_rate") or 0.0) >= default / 100:
        remedy = "See that the loss depends on the layers, and that their gradients are not 0."
    return in_training(evidence, "weights_not_moving", "error", names, first, statistics, (seen, meaning, remedy))


def updates_too_large(evidence: Evidence) -> Finding | None:
    """In some epoch half of the kernels changed by twice their own norm or more, and nothing was learned since."""
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
    return in_training(evidence, "updates_too_large", "error", layers, first, statistics, (seen, meaning, remedy))


def loss_not_falling(evidence: Evidence) -> Finding | None:
    """The loss is where it began, or at chance level, and did not fall over the last half of the epochs."""
    loss = evidence.metrics.get("loss")
    if loss is None or not _can_be_judged(evidence) or _is_learning(evidence) or not np.isfinite(loss[-1]):
        return None
    if not loss.any():  # a train step of one's own that reports none
        return None
    reference = _reference_loss(evidence)
    middle, now = (_smoothed(loss, index) for index in (len(loss) // 2, len(loss) - 1))
    if middle - now > MIN_LOSS_FALL * reference:
        return None
    statistics = {"first": float(loss[0]), "now": float(now), "reference": float(reference)}
    chance = f"; chance level is {number(evidence.chance_loss)}" if evidence.chance_loss else ""
    seen = f"The loss does not fall ({number(loss[0])} in the first epoch, {number(now)} in the last{chance})"
    meaning = "The network has learned nothing so far, and more epochs like these will not change that."
    rate, default = evidence.facts.get("learning_rate"), default_rate(evidence)
    remedy = f"{change_rate('Change', evidence)}: try a hundred times larger and a hundred times smaller."
    if rate and rate < default / 5:
        remedy = f"{change_rate('Raise', evidence)} to {default:g}, its default."
    elif rate and rate > default * 5:
        remedy = f"{smaller_rate(evidence)}."
    sentences, is_low = (seen, meaning, remedy), bool(rate and rate < default / 5)
    return in_training(evidence, "loss_not_falling", "error", [], 0, statistics, sentences, is_as_tried=is_low)


def loss_oscillating(evidence: Evidence) -> Finding | None:
    """The loss goes up and down from epoch to epoch, by a fortieth of the loss at chance level or of where it began."""
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
    seen = f"The loss goes up and down by {mean_change:.2g} per epoch and turns in {turns:.0%} of the epochs"
    meaning = "The steps are too large or too noisy to settle in a minimum."
    remedy = f"{smaller_rate(evidence)}, or use larger batches."
    is_high = (evidence.facts.get("learning_rate") or 0.0) > default_rate(evidence)
    sentences = (seen, meaning, remedy)
    return in_training(evidence, "loss_oscillating", "warning", [], first, statistics, sentences, is_as_tried=is_high)


def accuracy_at_chance(evidence: Evidence) -> Finding | None:
    """The training accuracy is that of the same answer to every input, or the same in every epoch to the last digit.

    Chance level is the share of the most frequent label seen, or 1/k where no labels were seen of k classes.
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
        level = f"as high as for the answer {answer} to every input, {chance:.3f}"
    seen = f"The training accuracy is {window.mean():.3f} ({level})"
    meaning = "The network has not learned to tell the classes apart."
    remedy = "See that inputs and labels belong together."
    index, sentences = len(accuracy) - len(window), (seen, meaning, remedy)
    return in_training(evidence, "accuracy_at_chance", "error", [], index, statistics, sentences)


def accuracy_contradicts_loss(evidence: Evidence) -> Finding | None:
    """The loss has halved, and the accuracy is the same to the last digit."""
    accuracy, loss = evidence.accuracy, evidence.metrics.get("loss")
    if accuracy is None or loss is None or len(loss) < PATIENCE or not np.isfinite([loss[0], loss[-1]]).all():
        return None
    if not 0 <= loss[-1] < loss[0] / 2 or np.ptp(accuracy) > 1e-6 or accuracy[-1] >= 0.99:
        return None
    if max(evidence.class_shares.values(), default=0.0) >= 0.9:
        return None
    statistics = {"accuracy": float(accuracy[-1]), "first": float(loss[0]), "now": float(loss[-1])}
    seen = f"The loss falls from {number(loss[0])} to {number(loss[-1])}, and the accuracy stays at {accuracy[-1]:.3f}"
    meaning = "What the loss rewards is not what the accuracy counts."
    remedy = "Choose a metric that fits the targets: accuracy for classes, mean_absolute_error for numbers."
    return in_training(evidence, "accuracy_contradicts_loss", "error", [], 0, statistics, (seen, meaning, remedy))


def predictions_alike(evidence: Evidence) -> Finding | None:
    """The network gives all samples of a batch the same answer; said only where the predictions were seen."""
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
    seen = f"The network gives all inputs the same answer, {number(lowest[-1, 0])}"
    if lowest.shape[1] > 1 or lowest[-1, 0] != highest[-1, 0]:
        seen = (
            f"The answers of the network differ by less than {number(max(spread[-1].max(), 1e-9))} from input to input"
        )
    meaning = "It does not look at its inputs."
    remedy = "See that the inputs differ and are scaled, and that the hidden layers pass them on."
    return in_training(evidence, "predictions_alike", "error", [], first, statistics, (seen, meaning, remedy))


def gradients_zero(evidence: Evidence) -> Finding | None:
    """All gradients of all kernels are exactly 0."""
    if not evidence.gradients:
        return None
    first = _since(_gradients_are_zero(evidence))
    if first is None:
        return None
    sentences = (
        "All gradients are exactly 0",
        "The loss does not depend on the weights, as far as the gradients tell, and nothing is learned.",
        "See that the loss is computed from the output of the network, and that no layer cuts the gradient off.",
    )
    return in_training(evidence, "gradients_zero", "error", [], first, {}, sentences)


def _gradients_are_zero(evidence: Evidence) -> np.ndarray:
    """Bool array (epochs,): whether all gradients of all kernels are exactly 0."""
    if not evidence.gradients:
        return np.zeros(len(evidence.epochs), bool)
    return (np.nan_to_num(_kernels(evidence.gradients, "zero_fraction")[1]) == 1).all(axis=1)


def impossible_loss(evidence: Evidence) -> Finding | None:
    """A loss below 0 of a loss function that cannot be, or exactly 0 from the start."""
    loss, name = evidence.metrics.get("loss"), evidence.output.get("loss")
    if loss is None or not np.isfinite(loss).all():
        return None
    is_known = name in CROSS_ENTROPIES + DISTANCES and np.nan_to_num(evidence.facts.get("penalty", 0.0)) >= 0
    if is_known and (loss < 0).any():
        first = int(np.argmax(loss < 0))
        seen, meaning = f"The loss is {number(loss[-1])}", f"{name} is never below 0 for targets that it is made for."
    elif len(loss) >= PATIENCE and (loss == 0).all() and _gradients_are_zero(evidence)[0]:
        first = 0
        seen, meaning = "The loss is exactly 0", "There is nothing to learn from a loss that is 0 from the start."
    else:
        return None
    remedy = "See that the targets are what the loss is made for."
    return in_training(
        evidence, "impossible_loss", "error", [], first, {"loss": float(loss[-1])}, (seen, meaning, remedy)
    )


def no_gradient(evidence: Evidence) -> Finding | None:
    """The optimizer that was listened to never received a gradient, or none of some kernels."""
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
            f"The optimizer of the model, {evidence.facts.get('optimizer')}, never received a gradient",
            "Nothing can be said about gradients: something else changes the weights.",
            "Name the optimizer that trains them: Diagnosis(optimizer=...).",
        )
        return in_training(evidence, "no_gradient", "warning", [], 0, {}, sentences)
    sentences = (
        f"The loss does not depend on {span(layers, evidence)}",
        "A kernel without a gradient stays as it was made.",
        "See what lies between it and the loss, such as stop_gradient or argmax, or set trainable = False.",
    )
    severity = "warning" if _is_learning(evidence) else "error"
    if evidence.facts.get("has_own_train_step"):  # as of a GAN, where another optimizer may train these layers
        severity = "note"
    return in_training(evidence, "no_gradient", severity, layers, 0, {}, sentences, names_layers=True)


def few_steps(evidence: Evidence) -> Finding | None:
    """The whole training has a few steps only, and the network has not learned."""
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
        f"The training had {total} steps, {steps} in an epoch",
        "Each step changes the weights once, and by little.",
        "Train for more epochs, or in smaller batches.",
    )
    return in_training(evidence, "few_steps", "note", [], 0, {"steps": float(total)}, sentences)


def _since(is_seen: Any, patience: int = PATIENCE) -> int | None:
    """The index from which a sign has been there without a break until now; None where that is too short a time."""
    breaks = np.flatnonzero(~np.asarray(is_seen, bool))
    first = int(breaks[-1]) + 1 if breaks.size else 0
    return first if len(is_seen) - first >= patience else None


def _first_stretch(is_seen: np.ndarray, patience: int = PATIENCE) -> slice | None:
    """The first stretch of epochs in which a sign is there without a break for long enough; None if there is none."""
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
    """The number of classes of a classifier, from its labels or its units; None for several labels, or a regression."""
    if evidence.class_shares:
        return max(2, len(evidence.class_shares))
    output = evidence.output
    units, loss, activation = output.get("units"), str(output.get("loss", "")), output.get("activation")
    is_classifier = "crossentropy" in loss or activation in ("softmax", "sigmoid")
    is_multi_label = units != 1 and ("binary" in loss or activation == "sigmoid")
    if not units or not is_classifier or is_multi_label or evidence.target is not None:
        return None
    return max(2, units)


def _has_fallen(evidence: Evidence, share: float) -> bool:
    """Whether the loss of the last epoch is below that of the first by a share of it."""
    loss = evidence.metrics.get("loss")
    return loss is not None and bool(loss[-1] < (1 - share) * loss[0])


def _reference_loss(evidence: Evidence) -> float:
    """The loss from which learning is measured: that of the first epoch, or at chance level where that is lower."""
    first, chance_loss = evidence.metrics["loss"][0], evidence.chance_loss
    candidates = [first] if np.isfinite(first) else []
    if chance_loss and not evidence.facts.get("penalty"):
        candidates.append(chance_loss)
    return min(candidates, default=math.inf)


def _loss_scale(evidence: Evidence) -> float:
    """What changes of the loss are compared to: the loss at chance level, or that of the first epoch."""
    return evidence.chance_loss or max(abs(evidence.metrics["loss"][0]), 1e-12)


def _is_learning(evidence: Evidence) -> bool:
    """Whether the loss has come down from where it began, and from chance level."""
    loss = evidence.metrics.get("loss")
    if loss is None:
        return False
    now = _smoothed(loss, len(loss) - 1)
    return bool(np.isfinite(now) and now < MAX_LOSS_SHARE * _reference_loss(evidence))


def _has_recovered(evidence: Evidence) -> bool:
    """Whether the network is learning, and not only because the first epoch was so bad: some gradient still flows."""
    zero_fraction = evidence.gradients.history["zero_fraction"][-1] if evidence.gradients else np.zeros(1)
    return _is_learning(evidence) and not (zero_fraction == 1).any()


def _can_be_judged(evidence: Evidence) -> bool:
    """Whether there were epochs enough to tell that a network does not learn; at the end, three.

    A `train_step` of one's own without a compiled loss, as of a GAN, calls by that name what may rise or stand still.
    """
    if evidence.facts.get("has_own_train_step") and not any(one["loss"] for one in evidence.facts.get("outputs", [])):
        return False
    planned, seen = evidence.facts.get("planned_epochs") or 0, len(evidence.epochs)
    return seen >= max(MIN_EPOCHS, MIN_SHARE_OF_EPOCHS * planned) or (seen >= PATIENCE and seen == planned)


def _kernels(record: MonitorRecord, quantity: str) -> tuple[list[str], np.ndarray]:
    """Names and a quantity (epochs, layers) of a monitor's kernels, without biases, which may be of rank 2."""
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
