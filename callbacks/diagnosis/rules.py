"""The rules of the diagnosis: each looks at the evidence of a training and says what is wrong, or nothing.

A rule asks for a sign that lasts, and most rules speak only of networks that are not learning: nearly every sign of
illness, a gradient that falls off towards the input, dead units, a loss that stands still for a while, is found in
networks that learn well, too. The thresholds were chosen on one half of a zoo of trainings and tried on the other
(`python -m tests.benchmarks.diagnosis` trains it and prints both).
"""

import dataclasses
import math

import numpy as np

from .cures import advice_for

PATIENCE = 3
"""Epochs, at least, in which a sign must have been seen without a break."""

JUDGED_FROM, JUDGED_SHARE = 8, 0.4
"""Epochs, and share of the planned ones, before which nobody can tell a slow start from a loss that will never fall.
(AUTOTRAINER waits for 0.3 of the epochs: Zhang et al., ICSE 2021.)"""

LEARNING = 0.95
"""A network is learning once its loss is below this share of where it began, or of what guessing costs."""

VANISHING_RATIO = 0.03
"""Gradient norm of a layer over that of the layer with the largest, below which it has vanished. Of 76 kinds of
healthy network nearly all stay above 0.1; those that fail by vanishing are below 0.02. (AUTOTRAINER asks for 0.001,
first layer over last, and SageMaker Debugger for a mean magnitude below 1e-7: both are silent on the tutorial's
failure.)"""

EXPLODING_RATIO = 10
"""Mean magnitude of a kernel's gradient over that of its weights, from which it explodes: one step at a rate of 0.1
would put new values in place of all weights."""

DEAD = 0.9
"""Share of a layer's units that are zero on the whole probe, from which the layer is dead: next to nothing passes.
Healthy ReLU networks have layers with half of their units dead. (SageMaker Debugger asks for 0.5.)"""

SATURATED = 0.9
"""Share of a layer's outputs where tanh or sigmoid has lost nine tenths of its slope, from which the layer is
saturated. Healthy networks come to 0.7 while they train. (SageMaker Debugger asks for half of the units, with inputs
beyond 9.5, where tanh is 1 - 1e-8.)"""

STANDSTILL = 1e-5
"""Change of a kernel in an epoch over its L1 norm, below which it does not move. (By Karpathy's rule of thumb one
step of a healthy network makes 1e-3; SageMaker Debugger asks for 1e-8.)"""

LEAP = 2.0
"""Change of a kernel in an epoch over its L1 norm, from which nothing of the old weights is left. (SageMaker Debugger
asks for 10.)"""

FLAT = 0.01
"""Fall of the loss over the last half of the epochs, as a share of where it began, below which it is not falling."""

SWING = 0.025
"""What the loss rises in a mean epoch (nothing, where it falls), as a share of what guessing costs or where it began,
from which a loss that turns in every third epoch oscillates. Healthy networks stay below 0.015."""

CHANCE = 0.1
"""Accuracy above guessing, as a share of the way from there to 1, up to which it is no better than guessing."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something wrong with a training.

    Attributes:
        rule: str, a key of `RULES`.
        severity: "error" where the network does not train, "warning" where it could do better.
        layers: list of str, those concerned, input to output; empty where it is the whole network.
        epoch: int, the first epoch with the sign, counted from 0 as in TensorBoard.
        figures: dict of name to number, what triggered the rule.
        message: one sentence.
        advice: list of `Advice`, best first: what cured this fault, and how often.
    """

    rule: str
    severity: str
    layers: list
    epoch: int
    figures: dict
    message: str
    advice: list

    def as_dict(self):
        """Returns it as dicts and lists for JSON; a figure that is no finite number becomes None."""
        figures = {name: number if math.isfinite(number) else None for name, number in self.figures.items()}
        return dataclasses.asdict(self) | {"figures": figures}


def diagnose(evidence):
    """Returns what is wrong with a training, errors first; an empty list where nothing is.

    Args:
        evidence: an `Evidence`.

    Returns:
        A list of `Finding`.

    >>> [finding.rule for finding in diagnose(diagnosis.evidence)]
    ['vanishing_gradient', 'loss_not_falling']
    """
    rules = list(RULES.values()) if len(evidence.epochs) >= PATIENCE else [nonfinite] if evidence.epochs else []
    found = [finding for rule in rules if (finding := rule(evidence))]
    if any(finding.rule not in SYMPTOMS and finding.severity == "error" for finding in found):
        found = [dataclasses.replace(one, advice=[]) if one.rule in SYMPTOMS else one for one in found]
    return sorted(found, key=lambda finding: finding.severity)


def nonfinite(evidence):
    """NaN or infinity in the loss or in a gradient, up to the last epoch.

    (SageMaker Debugger's ExplodingTensor asks for the same.)
    """
    loss = evidence.metrics.get("loss", np.zeros(len(evidence.epochs)))
    broken = ~np.isfinite(loss)
    figures, layers = {}, []
    if evidence.gradients:
        counts = np.nan_to_num(evidence.gradients.history["nonfinite"])
        broken = broken | (counts > 0).any(axis=1)
        layers = _named(evidence.gradients.layers, counts[-1] > 0)
        figures["nonfinite_gradients"] = float(counts[-1].sum())
    first = _since(broken, 1)
    if first is None:
        return None
    figures["loss"] = float(loss[-1])
    what = f"loss is {loss[-1]:.3g}" if not np.isfinite(loss[-1]) else "loss is finite"
    message = (
        f"The {what} and {figures.get('nonfinite_gradients', 0):.0f} elements of the gradients are NaN or infinite"
    )
    return _finding(evidence, "nonfinite", "error", layers, first, figures, message)


def vanishing_gradient(evidence):
    """A layer's gradient norm is a small part of the largest layer's, while the network does not learn.

    The whole profile over the layers counts, not the first layer: with weights in [0, 1] the smallest gradient sits
    in the middle. Layers behind a dead one have no gradient at all, which is another illness.
    """
    if not evidence.gradients or _is_learning(evidence):
        return None
    names, norms = _kernels(evidence.gradients, "l2")
    flattening = np.array([_activation(evidence, name) in FLATTENING for name in names])
    norms = np.where((norms == 0) & ~flattening, np.nan, norms)
    largest = _over(np.nanmax, norms)[:, None]
    ratios = np.divide(norms, largest, out=np.full_like(norms, np.nan), where=largest > 0)
    seen = _stretch(_over(np.nanmin, ratios) < VANISHING_RATIO)
    if not seen:
        return None
    profile = _over(np.nanmedian, ratios[seen].T)
    mean = _over(np.nanmedian, _kernels(evidence.gradients, "abs_mean")[1][seen].T)
    smallest, biggest = np.nanargmin(profile), np.nanargmax(profile)
    figures = {
        "norm_smallest_over_largest": float(profile[smallest]),
        "mean_smallest": float(mean[smallest]),
        "mean_largest": float(mean[biggest]),
    }
    size = (
        "exactly zero, unlike that" if profile[smallest] == 0 else f"{_times(1 / profile[smallest])} smaller than that"
    )
    message = (
        f"The gradient of {names[smallest]} is {size} of {names[biggest]} "
        f"(mean |gradient| {mean[smallest]:.2g} against {mean[biggest]:.2g})"
    )
    layers = _named(names, profile < VANISHING_RATIO) or [names[smallest]]
    if evidence.activations:  # why it vanishes
        history = evidence.activations.history["saturated_fraction"][seen]
        shares = dict(zip(evidence.activations.layers, _over(np.nanmedian, history.T), strict=True))
        figures["saturated"] = max((shares[name] for name in layers if shares.get(name, 0) > 0), default=0.0)
        if figures["saturated"] > 0.5:
            message += f"; up to {figures['saturated']:.0%} of a layer's outputs are saturated"
    figures["last_epoch"] = evidence.epochs[seen.stop - 1]
    return _finding(evidence, "vanishing_gradient", "error", layers, seen.start, figures, message)


FLATTENING = {"tanh", "sigmoid", "softmax", "softsign", "hard_sigmoid", "hard_tanh"}
"""Activations whose slope goes to zero on both sides, so that a gradient behind them shrinks, even to exactly zero."""


def exploding_gradient(evidence):
    """A kernel's gradient is many times larger than its weights, in a network that does not learn, or breaks.

    Measured against the weights, because gradients scale with the loss, and so with the unit of what is predicted.
    """
    if not evidence.gradients or _has_recovered(evidence):
        return None
    names, gradient = _kernels(evidence.gradients, "abs_mean")
    weight = np.array([_mean_weight(evidence, name) for name in names])
    ratio = gradient / weight
    exploded = _over(np.nanmax, ratio) > EXPLODING_RATIO
    if not exploded.any():
        return None
    first = int(np.argmax(exploded))
    layer = int(np.nanargmax(ratio[first]))
    figures = {
        "gradient_over_weights": float(ratio[first, layer]),
        "mean_gradient": float(gradient[first, layer]),
        "mean_weight": float(weight[layer]),
    }
    message = (
        f"The gradient of {names[layer]} is {_times(ratio[first, layer])} larger than its weights "
        f"(mean |gradient| {gradient[first, layer]:.2g}, mean |weight| {weight[layer]:.2g})"
    )
    layers = _named(names, ratio[first] > EXPLODING_RATIO)
    return _finding(evidence, "exploding_gradient", "error", layers, first, figures, message)


def dead_units(evidence):
    """A layer of ReLU units is zero on all inputs, so that no gradient passes.

    Seen on the probe of `ActivationMonitor`; without one, by kernels of ReLU layers whose gradient is exactly zero.
    """
    if evidence.activations and "dead_fraction" in evidence.activations.history:
        names, dead = evidence.activations.layers, np.nan_to_num(evidence.activations.history["dead_fraction"])
        what, where = "of its units are zero on every input of the probe", DEAD
    elif evidence.gradients:
        names, dead = _kernels(evidence.gradients, "zero_fraction")
        dying = np.array([_activation(evidence, name) in ("relu", "relu6") for name in names])
        dead, what, where = np.where(dying, np.nan_to_num(dead), 0.0), "of its kernel's gradient is exactly zero", 1.0
    else:
        return None
    return _layers_at_fault(
        evidence, "dead_units", names, dead, dead >= where, f"{{layer}} is dead: {{share:.0%}} {what}"
    )


def saturated(evidence):
    """Nearly all outputs of a tanh or sigmoid layer are where the function is flat; seen on the probe alone."""
    if not evidence.activations or "saturated_fraction" not in evidence.activations.history:
        return None
    names, share = evidence.activations.layers[:-1], evidence.activations.history["saturated_fraction"][:, :-1]
    share = np.nan_to_num(share)  # the last layer's job is to be sure
    words = "{share:.0%} of the outputs of {layer} are saturated"
    return _layers_at_fault(evidence, "saturated", names, share, share > SATURATED, words)


def _layers_at_fault(evidence, rule, names, share, at_fault, words):
    """The finding about a share of each layer's units, (epochs, layers); None where no sign lasts."""
    first = _since(at_fault.any(axis=1)) if names else None
    if first is None:
        return None
    worst = int(np.argmax(share[-1]))
    figures = {"share": float(share[-1, worst])}
    message = words.format(layer=names[worst], **figures)
    severity = "warning" if _is_learning(evidence) else "error"
    return _finding(evidence, rule, severity, _named(names, at_fault[-1]), first, figures, message)


def weights_not_moving(evidence):
    """No kernel changes by more than a hundred-thousandth of itself in an epoch, and nothing has been learned."""
    if not evidence.weights or _is_learning(evidence):
        return None
    names, ratio = _kernels(evidence.weights, "update_ratio")
    weights_are_zero = evidence.weights.history["l1"] == 0  # there the ratio is NaN, as it is where weights are NaN
    largest = np.nan_to_num(_over(np.nanmax, np.where(weights_are_zero.all(axis=1)[:, None], 0.0, ratio)), nan=np.inf)
    first = _since(largest < STANDSTILL)
    if first is None:
        return None
    figures = {"largest_update_ratio": float(largest[-1])}
    message = f"No kernel changes by more than {figures['largest_update_ratio']:.1g} of its norm in an epoch"
    return _finding(evidence, "weights_not_moving", "error", names, first, figures, message)


def updates_too_large(evidence):
    """In some epoch half of the kernels changed by twice their own norm or more, and nothing was learned since."""
    if not evidence.weights or _has_recovered(evidence):
        return None
    names, ratio = _kernels(evidence.weights, "update_ratio")
    middle = _over(np.nanmedian, ratio)
    if not (middle > LEAP).any():
        return None
    first = int(np.argmax(middle > LEAP))
    figures = {"median_update_ratio": float(middle[first])}
    message = f"The kernels changed by {_times(middle[first])} their own norm in one epoch"
    layers = _named(names, ratio[first] > LEAP)
    return _finding(evidence, "updates_too_large", "error", layers, first, figures, message)


def loss_not_falling(evidence):
    """The loss is where it began, or where guessing is, and did not fall over the last half of the epochs."""
    loss = evidence.metrics.get("loss")
    if loss is None or not _can_be_judged(evidence) or _is_learning(evidence) or not np.isfinite(loss[-1]):
        return None
    reference = _reference(evidence)
    middle, now = (_smooth(loss, index) for index in (len(loss) // 2, len(loss) - 1))
    if middle - now > FLAT * reference:
        return None
    figures = {"first": float(loss[0]), "now": float(now), "reference": float(reference)}
    guessing = f"; guessing costs {_guessing(evidence):.3g}" if _guessing(evidence) else ""
    message = f"The loss does not fall: {loss[0]:.3g} in the first epoch, {now:.3g} in the last{guessing}"
    return _finding(evidence, "loss_not_falling", "error", [], 0, figures, message)


def loss_oscillating(evidence):
    """The loss goes up and down from epoch to epoch, by a fortieth of what guessing costs, or of where it began."""
    loss = evidence.metrics.get("loss")
    if loss is None or not _can_be_judged(evidence):
        return None
    window = max(JUDGED_FROM, len(loss) // 2)
    steps = np.diff(loss[-window:])
    if not np.isfinite(steps).all():
        return None
    rise = np.maximum(steps, 0).mean()
    turns = np.mean(np.sign(steps[1:]) != np.sign(steps[:-1]))
    if rise < SWING * _scale(evidence) or turns < 1 / 3:
        return None
    first = len(loss) - window
    figures = {"mean_change": float(np.abs(steps).mean()), "mean_rise": float(rise), "turns": float(turns)}
    message = (
        f"The loss goes up and down by {np.abs(steps).mean():.2g} an epoch, and turns in {turns:.0%} of the epochs"
    )
    return _finding(evidence, "loss_oscillating", "warning", [], first, figures, message)


def accuracy_at_chance(evidence):
    """The training accuracy is what guessing gets, or the same in every epoch to the last digit."""
    accuracy, classes = evidence.accuracy, evidence.facts.get("classes")
    if accuracy is None or not classes or not _can_be_judged(evidence):
        return None
    window = accuracy[-max(5, len(accuracy) // 4) :]
    if not np.isfinite(window).all():
        return None
    guessing = 1 / classes
    at_chance = window.mean() <= guessing + CHANCE * (1 - guessing)
    constant = np.ptp(window) < 1e-6 and not _is_learning(evidence)
    if not at_chance and not constant:
        return None
    figures = {"accuracy": float(window.mean()), "chance": guessing}
    message = f"The training accuracy is {window.mean():.3f}; guessing gets {guessing:.3g} of {classes} classes right"
    if np.ptp(window) < 1e-6:
        message += ". It is the same in every epoch: the network gives all inputs the same answer"
    last = next(reversed(evidence.facts.get("kernels", {}).values()), {})
    alone = last.get("activation") == "softmax" and last["shape"][-1] == 1
    if alone:
        message += ", as softmax over a single unit is always 1"
    finding = _finding(evidence, "accuracy_at_chance", "error", [], len(accuracy) - len(window), figures, message)
    return finding if alone else dataclasses.replace(finding, advice=[])  # the cure is for this mistake alone


RULES = {
    rule.__name__: rule
    for rule in (
        nonfinite,
        exploding_gradient,
        updates_too_large,
        dead_units,
        saturated,
        vanishing_gradient,
        weights_not_moving,
        loss_not_falling,
        loss_oscillating,
        accuracy_at_chance,
    )
}
"""Each rule by its name; causes come before what follows from them."""

SYMPTOMS = {"loss_not_falling", "loss_oscillating", "accuracy_at_chance"}
"""Rules about what any other fault leads to: where one is found, its cure is the advice."""


def _finding(evidence, rule, severity, layers, index, figures, message):
    epoch, last = evidence.epochs[index], figures.get("last_epoch", evidence.epochs[-1])
    when = f"since epoch {epoch + 1}" if last == evidence.epochs[-1] else f"in epochs {epoch + 1} to {last + 1}"
    concerned = f". Concerns {span(layers, evidence)}" if len(layers) > 1 else ""
    activations = {_activation(evidence, layer) for layer in layers} or {None}
    advice = advice_for(rule, activations)
    return Finding(rule, severity, layers, epoch, figures, f"{message}{concerned}, {when}.", advice)


def span(layers, evidence):
    """Returns layers in words: `dense_2 to dense_5`, or their names, or how many there are."""
    figures = evidence.gradients or evidence.weights or evidence.activations
    order = list(figures.layers) if figures else []
    places = [order.index(layer) for layer in layers if layer in order]
    if len(places) == len(layers) > 2 and places == list(range(places[0], places[-1] + 1)):
        return f"{layers[0]} to {layers[-1]}"
    return ", ".join(layers) if len(layers) <= 4 else f"{len(layers)} layers from {layers[0]} to {layers[-1]}"


def _since(sign, patience=PATIENCE):
    """The index from which a sign has been there without a break until now; None where that is too short a time."""
    sign = np.asarray(sign, bool)
    breaks = np.flatnonzero(~sign)
    first = int(breaks[-1]) + 1 if breaks.size else 0
    return first if len(sign) - first >= patience else None


def _stretch(sign, patience=PATIENCE):
    """The first stretch of epochs, a slice, in which a sign is there without a break for long enough; None if none."""
    start = 0
    for index, there in enumerate([*sign, False]):
        if not there:
            if index - start >= patience:
                return slice(start, index)
            start = index + 1
    return None


def _smooth(loss, index):
    """The median of an epoch's loss and of the four before it."""
    return np.median(loss[max(0, index - 4) : index + 1])


def _guessing(evidence):
    """What the same answer to every input costs a classifier of k balanced classes, ln k; None where k is not known."""
    classes = evidence.facts.get("classes")
    return math.log(classes) if classes and evidence.facts.get("cross_entropy") else None


def _reference(evidence):
    """The loss from which learning is measured: that of the first epoch, or of guessing where that is lower."""
    first, guessing = evidence.metrics["loss"][0], _guessing(evidence)
    candidates = [first] if np.isfinite(first) else []
    if guessing and not evidence.facts.get("penalty"):
        candidates.append(guessing)
    return min(candidates, default=math.inf)


def _scale(evidence):
    """The size of a loss that is worth talking of: what guessing costs, or the loss of the first epoch."""
    return _guessing(evidence) or max(abs(evidence.metrics["loss"][0]), 1e-12)


def _is_learning(evidence):
    """Whether the loss has come down from where it began, and from what guessing costs."""
    loss = evidence.metrics.get("loss")
    if loss is None:
        return False
    now = _smooth(loss, len(loss) - 1)
    return bool(np.isfinite(now) and now < LEARNING * _reference(evidence))


def _has_recovered(evidence):
    """Whether the network is learning, and not only because the first epoch was so bad: some gradient still flows."""
    zero = evidence.gradients.history["zero_fraction"][-1] if evidence.gradients else np.zeros(1)
    return _is_learning(evidence) and not (zero == 1).any()


def _can_be_judged(evidence):
    planned = evidence.facts.get("planned_epochs") or 0
    return len(evidence.epochs) >= max(JUDGED_FROM, JUDGED_SHARE * planned)


def _kernels(figures, quantity):
    """The names and the figures (epochs, layers) of a monitor's kernels, leaving out biases, which may be of rank 2."""
    chosen = [i for i, name in enumerate(figures.layers) if not name.rpartition("/")[2].startswith("bias")]
    chosen = chosen or list(range(len(figures.layers)))
    return [figures.layers[i] for i in chosen], figures.history[quantity][:, chosen]


def _over(function, array):
    """Applies `np.nanmax` or the like to each row; NaN for a row that is NaN throughout, without numpy's warning."""
    rows = ~np.isnan(array).all(axis=1)
    found = np.full(len(array), np.nan)
    found[rows] = function(array[rows], axis=1)
    return found


def _activation(evidence, name):
    return evidence.facts.get("kernels", {}).get(name, {}).get("activation")


def _mean_weight(evidence, name):
    """The mean magnitude of a kernel's weights before training, 0.01 at least; 0.1 where nothing is known of them."""
    return max(evidence.facts.get("kernels", {}).get(name, {}).get("mean_weight", 0.1), 0.01)


def _named(names, chosen):
    return [name for name, one in zip(names, chosen, strict=True) if one]


def _times(ratio):
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.1f} times"
