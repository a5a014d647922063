"""`Finding`, which a rule returns, and functions for the text that several rules share."""

import dataclasses
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from ..evidence import Evidence
from .cures import Advice, advice_for

DEFAULT_RATES = {
    "SGD": 0.01,
    "ScheduleFreeAdamW": 0.0025,
    **dict.fromkeys(("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax"), 0.001),
    **dict.fromkeys(("Ftrl", "Lamb", "Lion", "Muon", "Nadam", "RMSprop"), 0.001),
}
"""Learning rate that each optimizer of Keras has unless another is given."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something wrong with a training, or worth knowing about it.

    Attributes:
        rule: a key of `RULES`.
        severity: "error" if it keeps the network from training, "warning" if the network could do better without
            it, "note" for what is a fault in some programs and intended in others.
        layers: the names of the layers concerned, from input to output; empty if it is the whole network.
        epoch: the first epoch with the sign, counted from 0 as in TensorBoard; -1 for what was there before training.
        statistics: the numbers that triggered the rule, by name.
        seen: what was seen, with its number, as text.
        meaning: what it means, as text.
        remedy: what to do, as text.
        advice: list of `Advice`, best first: the remedies that cured this fault in an experiment, and how often.
        follows_from: the rule whose finding is the cause of this one; None for a cause.
    """

    rule: str
    severity: str
    layers: list[str]
    epoch: int
    statistics: dict[str, float]
    seen: str
    meaning: str
    remedy: str
    advice: list[Advice] = dataclasses.field(default_factory=list)
    follows_from: str | None = None

    def __str__(self) -> str:
        return f"{self.severity} {self.rule}: {self.message}"

    @property
    def message(self) -> str:
        """What was seen, what it means and what to do, as one text; epochs are counted from 1, as Keras prints them."""
        return f"{self.seen} {self.meaning} {self.remedy}"

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as dicts and lists for JSON; a statistic that is NaN or infinite becomes None."""
        statistics = {name: number if math.isfinite(number) else None for name, number in self.statistics.items()}
        return dataclasses.asdict(self) | {"statistics": statistics, "message": self.message}


def before_training(
    rule: str, severity: str, sentences: tuple[str, str, str], layers: Sequence[str] = (), **statistics: float
) -> Finding:
    """Return a finding about what is known before training.

    Args:
        rule: a key of `RULES`.
        severity: "error", "warning" or "note".
        sentences: what was seen; what it means; what to do.
        layers: the layers concerned.
        statistics: the numbers that triggered the rule.
    """
    return Finding(
        rule, severity, [*layers], -1, {name: float(number) for name, number in statistics.items()}, *sentences
    )


def in_training(
    evidence: Evidence,
    rule: str,
    severity: str,
    layers: list[str],
    index: int,
    statistics: dict[str, float],
    sentences: tuple[str, str, str],
    names_layers: bool = False,
    last_epoch: int | None = None,
    is_as_tried: bool = True,
) -> Finding:
    """Return a finding about the epochs of a training.

    Args:
        evidence: the evidence that it was found in.
        rule: a key of `RULES`.
        severity: "error", "warning" or "note".
        layers: the layers concerned.
        index: row of the first epoch with the sign, among the epochs recorded.
        statistics: the numbers that triggered the rule.
        sentences: what was seen, without full stop, as the epochs are appended; what it means; what to do.
        names_layers: whether the first sentence names all layers concerned.
        last_epoch: the last epoch with the sign; None for the last one recorded.
        is_as_tried: whether the fault is the one that the experiment's remedies were applied to.
    """
    seen, meaning, remedy = sentences
    epoch = evidence.epochs[index]
    if last_epoch == epoch:
        seen += f", in epoch {epoch + 1}."
    elif last_epoch is None or last_epoch == evidence.epochs[-1]:
        seen += f", since epoch {epoch + 1}."
    else:
        seen += f", in epochs {epoch + 1} to {last_epoch + 1}."
    if len(layers) > 1 and not names_layers:
        seen += f" It concerns {span(layers, evidence)}."
    activations = {activation_of(evidence, layer) for layer in layers} or {None}
    advice = advice_for(rule, activations, _already_there(evidence)) if is_as_tried else []
    return Finding(rule, severity, layers, epoch, statistics, seen, meaning, remedy, advice)


def has_normalization(evidence: Evidence) -> bool:
    """Return whether layers of the model normalize its activations."""
    return bool(evidence.facts.get("normalizations"))


def _already_there(evidence: Evidence) -> set[str]:
    """Words that occur in the names of remedies and name what the network has."""
    kernels = evidence.facts.get("kernels", {}).values()
    initializers = {str(kernel.get("initializer")) for kernel in kernels}
    in_words = {re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower() for name in initializers}
    return in_words | ({"normalization"} if has_normalization(evidence) else set())


def span(layers: Sequence[str], evidence: Evidence) -> str:
    """Return the layers as text: a range such as `dense_2 to dense_5`, a list, or their number."""
    order = layer_order(evidence)
    indices = [order.index(layer) for layer in layers if layer in order]
    if len(indices) == len(layers) > 2 and indices == list(range(indices[0], indices[-1] + 1)):
        return f"{layers[0]} to {layers[-1]}"
    return ", ".join(layers) if len(layers) <= 4 else f"{len(layers)} layers from {layers[0]} to {layers[-1]}"


def layer_order(evidence: Evidence) -> list[str]:
    """The names of the layers in model order, as far as a monitor recorded them."""
    records = (evidence.weights, evidence.gradients, evidence.activations)  # gradients may be of some kernels only
    return next((list(record.layers) for record in records if record), [*evidence.facts.get("kernels", {})])


def activation_of(evidence: Evidence, kernel: str) -> str | None:
    """Return the name of the activation of a kernel's layer; None where it is not known."""
    return evidence.facts.get("kernels", {}).get(kernel, {}).get("activation")


def chosen_names(names: Sequence[str], is_chosen: Iterable[bool]) -> list[str]:
    """Return the names for which `is_chosen` is true."""
    return [name for name, chosen in zip(names, is_chosen, strict=True) if chosen]


def times(ratio: float) -> str:
    """Return a ratio as text.

    >>> times(1234.5)
    '1,234 times'
    """
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.1f} times"


def number(value: float) -> str:
    """Return a number as text, with three digits.

    >>> number(123456.0), number(0.000012345)
    ('123,000', '1.23e-05')
    """
    if math.isfinite(value) and value == round(value) and abs(value) < 1e6:
        return f"{value:,.0f}"
    return f"{float(f'{value:.3g}'):,.0f}" if 1e3 <= abs(value) < 1e7 else f"{value:.3g}"


def count(many: int, thing: str) -> str:
    """Return a number and a noun, in the plural if necessary.

    >>> count(1, "weight"), count(2000, "weight")
    ('1 weight', '2,000 weights')
    """
    return f"{many:,} {thing}{'s' * (many != 1)}"


def default_rate(evidence: Evidence) -> float:
    """Return the default learning rate of the optimizer in Keras."""
    return DEFAULT_RATES.get(evidence.facts.get("optimizer", ""), 0.001)


def usual_rate(evidence: Evidence) -> str:
    """Return `the default of SGD is 0.01`; of an optimizer that is not Keras's own, `0.001 is a usual rate`."""
    name, default = evidence.facts.get("optimizer", ""), default_rate(evidence)
    return f"the default of {name} is {default:g}" if name in DEFAULT_RATES else f"{default:g} is a usual rate"


def smaller_rate(evidence: Evidence, factor: float = 10) -> str:
    """Return advice such as `Divide the learning rate of 10 by 1,000: the default of SGD is 0.01`.

    Args:
        evidence: of the training.
        factor: divisor that is used unless the rate is more than this many times the optimizer's default.
    """
    rate, default = evidence.facts.get("learning_rate"), default_rate(evidence)
    if not rate:
        return "Lower the learning rate"
    if rate > factor * default:
        return f"Divide the learning rate of {rate:g} by {rate / default:,.0f}: {usual_rate(evidence)}"
    return f"Divide the learning rate of {rate:g} by {factor:g}"


def change_rate(verb: str, evidence: Evidence) -> str:
    """Return `Raise the learning rate from 0.1`, without the number where the rate is not known."""
    rate = evidence.facts.get("learning_rate")
    return f"{verb} the learning rate" + (f" from {rate:g}" if rate else "")


def weight_gain(evidence: Evidence, kernel: str) -> float:
    """Return how much a kernel's initial weights enlarge a signal: their mean magnitude times the root of the fan-in.

    It is 1.1 with He normal weights and 0.7 with Glorot normal ones in a layer as wide as the one before.
    """
    known = evidence.facts.get("kernels", {}).get(kernel, {})
    return float(known.get("mean_weight", 0.1) * math.sqrt(math.prod(known.get("shape", [1, 1])[:-1])))
