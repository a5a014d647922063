"""What cured each fault, and how often: counted with many seeds on networks for the two circles.

The counts lie in cures.csv, beside this module, which `python -m tutorials publish` writes in the repository from the
study of its script `advice`.
"""

import csv
import dataclasses
from collections.abc import Collection
from pathlib import Path

MIN_SHARE = 0.9
"""Share of the seeds that have to learn with a remedy for it to be advised."""

MAX_ADVICE = 6
"""Remedies that are advised against a fault, at most."""


@dataclasses.dataclass(frozen=True)
class Advice:
    """A remedy that was tried alone against a fault.

    Attributes:
        remedy: what was changed.
        learned: seeds that learned with it.
        seeds: seeds tried.
        network: description of the network that it was tried on.
        without: seeds that learned without it.
    """

    remedy: str
    learned: int
    seeds: int
    network: str
    without: int


@dataclasses.dataclass(frozen=True)
class Trial:
    """The remedies tried against one fault.

    Attributes:
        rule: the rule that finds the fault.
        activation: the activation of the network's hidden layers.
        network: description of the network.
        seeds: seeds tried, as it is and with each remedy.
        without: seeds that learned without a remedy.
        remedies: dict of what was changed to the number of seeds that learned with it.
    """

    rule: str
    activation: str
    network: str
    seeds: int
    without: int
    remedies: dict[str, int]


def _read_trials() -> list[Trial]:
    """The trials in cures.csv, where a row without a remedy begins each and tells of the network as it is."""
    trials: list[Trial] = []
    with Path(__file__).with_name("cures.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            learned = int(row["learned"])
            if row["remedy"]:
                trials[-1].remedies[row["remedy"]] = learned
            else:
                trials.append(Trial(row["rule"], row["activation"], row["network"], int(row["seeds"]), learned, {}))
    return trials


TRIALS = _read_trials()


def advice_for(rule: str, activations: Collection[str | None], already: Collection[str] = ()) -> list[Advice]:
    """Return the remedies against a rule's fault that helped, best first, at most six.

    Args:
        rule: a key of `RULES`.
        activations: names of the activations of the layers concerned; where a rule was tried on several networks,
            one of such layers is taken. If there is none, nothing is known to help, unless None is among the names:
            then any network will do.
        already: words that name what the network has already, such as "normalization" or "glorot uniform".
    """
    trials = [trial for trial in TRIALS if trial.rule == rule]
    if None not in activations:
        trials = [trial for trial in trials if trial.activation in activations]
    if not trials:
        return []
    trial = next((trial for trial in trials if trial.activation in activations), trials[0])
    new = {name: count for name, count in trial.remedies.items() if not any(word in name.lower() for word in already)}
    helped = [(remedy, learned) for remedy, learned in new.items() if learned >= MIN_SHARE * trial.seeds]
    helped.sort(key=lambda remedy_and_learned: -remedy_and_learned[1])
    return [
        Advice(remedy, learned, trial.seeds, trial.network, trial.without) for remedy, learned in helped[:MAX_ADVICE]
    ]
