"""Claims: a sentence of the course, how it is measured on every seed, and the verdict that the counts give."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .replicates import LEARNED, Replicates
from .store import read_index
from .study_tables import wilson

HOLDS, DOES_NOT_HOLD = 0.9, 0.1
"""Shares of the seeds from which a claim holds, and up to which it does not hold."""

Measured = tuple[Any, Any]
"""Arrays (S,): every seed's value, and whether the claim is true of it."""


@dataclasses.dataclass(frozen=True)
class Claim:
    """One statement that a seed's members either bear out or do not.

    Args:
        key: its name in the course, T3, with a letter where it says several things.
        sentence: the claim.
        published: the course's own number, or a dash.
        rule: what is measured on a seed and when it counts, in a phrase.
        experiments: names of the experiments that `measure` takes.
        measure: function of a `Replicates` for each of them, all of the same seeds. Returns the measured value of
            every seed, NaN where it has none, and whether the claim is true of it; arrays (S,).
    """

    key: str
    sentence: str
    published: str
    rule: str
    experiments: tuple[str, ...]
    measure: Callable[..., Measured]


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What the seeds say of a claim.

    Attributes:
        claim: the `Claim`.
        values: float array (S,), NaN where a seed has no value.
        true: bool array (S,).
        epochs: the numbers of epochs for which the experiments were trained, their own.
        seeds: int array (S,).
    """

    claim: Claim
    values: np.ndarray
    true: np.ndarray
    epochs: tuple[int, ...] = ()
    seeds: np.ndarray = dataclasses.field(default_factory=lambda: np.array([], int))

    @property
    def verdict(self) -> str:
        """`holds`, `does not hold`, or `holds for some seeds`."""
        share = self.true.mean()
        if share >= HOLDS:
            return "holds"
        return "does not hold" if share <= DOES_NOT_HOLD else "holds for some seeds"

    def row(self) -> dict[str, str]:
        """Return the judgement as a dict of strings, the columns of the table."""
        low, high = wilson(int(self.true.sum()), len(self.true))
        finite = self.values[np.isfinite(self.values)]
        quartiles = np.quantile(finite, [0.25, 0.5, 0.75]) if len(finite) else []
        return {
            "claim": self.claim.key,
            "sentence": self.claim.sentence,
            "published": self.claim.published,
            "rule for a seed": self.claim.rule,
            "median (quartiles)": "{1:.3g} ({0:.3g} to {2:.3g})".format(*quartiles) if len(finite) else "none",
            "epochs": ", ".join(map(str, self.epochs)) or "-",
            "seeds": f"{self.true.sum()} of {len(self.true)}",
            "95 % interval": f"{low:.0%} to {high:.0%}",
            "verdict": self.verdict,
        }


@dataclasses.dataclass(frozen=True)
class Judged:
    """The verdicts that the studies of a log directory allow.

    Attributes:
        judgements: what could be judged.
        missing: the claims whose experiments are missing.
        left_out: a sentence for each study that no claim is judged by, as it was trained for another number of epochs.
    """

    judgements: list[Judgement]
    missing: list[Claim]
    left_out: list[str]


def judge(claims: Iterable[Claim], log_dir: str | Path) -> Judged:
    """Measure what can be measured with the studies in a log directory.

    A claim is judged by trainings at the experiments' own number of epochs only. Where studies hold different seeds,
    it is judged on those that all of its experiments have.

    Args:
        claims: the claims.
        log_dir: directory that `study` wrote to.

    Returns:
        A `Judged`.
    """
    found = FoundMembers(log_dir)
    judgements, missing = [], []
    for claim in claims:
        members = [found.load(name) for name in claim.experiments if name in found]
        seeds = sorted(set.intersection(*[set(one.seeds.tolist()) for one in members])) if members else []
        if len(members) < len(claim.experiments) or not seeds:
            missing.append(claim)
            continue
        values, true = claim.measure(*[one.select(seeds) for one in members])
        epochs = sorted({found.epochs[name] for name in claim.experiments} - {0})
        values, true = np.asarray(values, float), np.asarray(true, bool)
        if not len(true):  # a claim about groups of seeds, and fewer than a group
            missing.append(claim)
            continue
        # Where a claim is about groups of seeds, as the vote of five is, a group is named by its first seed.
        groups = np.array(seeds)[:: max(1, len(seeds) // len(true))][: len(true)]
        judgements.append(Judgement(claim, values, true, tuple(epochs), groups))
    return Judged(judgements, missing, found.left_out)


class FoundMembers:
    """The members that lie in a log directory, by the experiment's name; of several studies the one of most seeds.

    Args:
        log_dir: directory that `study` wrote to.

    Attributes:
        epochs: an experiment's name to the number of epochs it was trained for; 0 for a measurement.
        left_out: a sentence for each study of another length than its experiments' own.
    """

    def __init__(self, log_dir: str | Path) -> None:
        self.epochs: dict[str, int] = {}
        self.left_out: list[str] = []
        self._places: dict[str, tuple[Path, list[int]]] = {}
        for path in sorted(Path(log_dir).glob("study/*/study.json")):
            index, other = read_index(path.parent), {}
            for name, one in index["configurations"].items():
                epochs, own = one.get("epochs", 0), one.get("own_epochs", 0)
                file = path.parent.parent / "trained" / one["file"]
                if epochs != own:
                    other[epochs] = own
                elif len(index["seeds"]) > len(self._places.get(name, ("", ()))[1]) and Replicates.readable(file):
                    self._places[name], self.epochs[name] = (file, index["seeds"]), epochs
            self.left_out += [
                f"{path.parent} is left out: it was trained for {epochs} epochs instead of {own}."
                for epochs, own in other.items()
            ]

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def load(self, name: str) -> Replicates:
        """Return the members of an experiment; raises `KeyError` where there are none."""
        file, seeds = self._places[name]
        return Replicates.load(file).select(seeds)


LEARNS = f"test accuracy after training; at least {LEARNED}"
FAILS = f"test accuracy after training; below {LEARNED}"
"""The rules of the two measures that most claims take."""


def learns(members: Replicates) -> Measured:
    """A measure: the trained model has learned; its value is the test accuracy."""
    return members.test_accuracy, members.learned


def fails(members: Replicates) -> Measured:
    """A measure: the trained model has not learned."""
    return members.test_accuracy, ~members.learned


def beats(ours: Replicates, theirs: Replicates) -> Measured:
    """A measure: the first model's test accuracy is above the second's, seed by seed; its value is the difference."""
    return ours.test_accuracy - theirs.test_accuracy, ours.test_accuracy > theirs.test_accuracy


def as_good(ours: Replicates, theirs: Replicates, short_by: float = 0) -> Measured:
    """A measure: the first model's test accuracy is at most so much below the second's; its value is the difference."""
    difference = ours.test_accuracy - theirs.test_accuracy
    return difference, difference >= -short_by


def falls_short(ours: Replicates, theirs: Replicates) -> Measured:
    """A measure: the first model's test accuracy is below the second's; its value is the difference."""
    return ours.test_accuracy - theirs.test_accuracy, ours.test_accuracy < theirs.test_accuracy


def narrower_gap(ours: Replicates, theirs: Replicates) -> Measured:
    """A measure: the first model's gap between training and test accuracy is narrower; its value is the difference."""
    difference = ours.gap - theirs.gap
    return difference, difference < 0


def later(ours: Replicates, theirs: Replicates) -> Measured:
    """A measure: the first model gets to 80 % later than the second, or never; its value is the difference."""
    first, second = ours.epochs_to_80, theirs.epochs_to_80
    return first - second, np.isfinite(second) & (np.nan_to_num(first, nan=np.inf) > second)


def best_learns(*grid: Replicates) -> Measured:
    """A measure: of several settings, the one with the best median training accuracy has learned."""
    return learns(best(grid))


def best(grid: Sequence[Replicates]) -> Replicates:
    """Return the members with the best median training accuracy, so that the test half has no say in the choice."""
    return max(grid, key=lambda members: float(np.median(members.train_accuracy)))
