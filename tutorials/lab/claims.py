"""Claims: a sentence of the course, how it is measured on every seed, and the verdict that the counts give."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .results import FEW, LEARNED, MOST, Replicates, wilson


@dataclasses.dataclass(frozen=True)
class Claim:
    """One statement that a seed's members either bear out or do not.

    Args:
        key: its name in the course, T3, with a letter where it says several things.
        sentence: the claim.
        published: the course's own figure, or a dash.
        rule: in words, what is measured on a seed and when it counts.
        experiments: names of the experiments that `measure` takes.
        measure: function of a `Replicates` for each of them, all of the same seeds. Returns the measured value of
            every seed, NaN where it has none, and whether the claim is true of it; arrays (S,).
    """

    key: str
    sentence: str
    published: str
    rule: str
    experiments: tuple[str, ...]
    measure: Callable


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What the seeds say of a claim.

    Attributes:
        claim: the `Claim`.
        values: float array (S,), NaN where a seed has no value.
        true: bool array (S,).
    """

    claim: Claim
    values: np.ndarray
    true: np.ndarray

    @property
    def verdict(self):
        """`holds`, `does not hold`, or `holds for some seeds`."""
        share = self.true.mean()
        if share >= MOST:
            return "holds"
        return "does not hold" if share <= FEW else "holds for some seeds"

    def row(self):
        """Returns the judgement as a dict of words, the columns of the table."""
        low, high = wilson(int(self.true.sum()), len(self.true))
        finite = self.values[np.isfinite(self.values)]
        quartiles = np.quantile(finite, [0.25, 0.5, 0.75]) if len(finite) else [np.nan] * 3
        return {
            "claim": self.claim.key,
            "sentence": self.claim.sentence,
            "published": self.claim.published,
            "rule for a seed": self.claim.rule,
            "median (quartiles)": "{1:.3g} ({0:.3g} to {2:.3g})".format(*quartiles) if len(finite) else "none",
            "seeds": f"{self.true.sum()} of {len(self.true)}",
            "95 % interval": f"{low:.0%} to {high:.0%}",
            "verdict": self.verdict,
        }


def judge(claims, logdir):
    """Measures what can be measured with the studies in a log directory.

    Args:
        claims: list of `Claim`.
        logdir: directory that `study` wrote to.

    Returns:
        A list of `Judgement`, and a list of the claims whose experiments are missing. Where studies hold different
        seeds, a claim is judged on those that all of its experiments have.
    """
    members, judged, missing = members_of(logdir), [], []
    for claim in claims:
        found = [members[name] for name in claim.experiments if name in members]
        seeds = sorted(set.intersection(*[set(one.seeds.tolist()) for one in found])) if found else []
        if len(found) < len(claim.experiments) or not seeds:
            missing.append(claim)
            continue
        values, true = claim.measure(*[one.select(seeds) for one in found])
        judged.append(Judgement(claim, np.asarray(values, float), np.asarray(true, bool)))
    return judged, missing


def members_of(logdir):
    """Returns a dict of experiment name to `Replicates`, over all studies of a log directory; the most seeds win."""
    members = {}
    for path in sorted(Path(logdir).glob("study/*/study.json")):
        index = json.loads(path.read_text(encoding="utf-8"))
        for one in index["configurations"]:
            file = path.parent.parent / "trained" / one["file"]
            if len(index["seeds"]) > len(members.get(one["name"], ((), ()))[1]) and Replicates.readable(file):
                members[one["name"]] = (file, index["seeds"])
    return _Lazily(members)


class _Lazily(dict):
    """A dict of name to (file, seeds) that gives the `Replicates`."""

    def __getitem__(self, name):
        file, seeds = super().__getitem__(name)
        return Replicates.load(file).select(seeds)


def markdown(rows):
    """Returns dicts of equal keys as a Markdown table."""
    lines = [" | ".join(rows[0]), " | ".join("---" for _ in rows[0]), *(" | ".join(row.values()) for row in rows)]
    return "".join(f"| {line} |\n" for line in lines)


LEARNS = f"test accuracy after training; at least {LEARNED}"
FAILS = f"test accuracy after training; below {LEARNED}"
"""The rules of the two measures that most claims take."""


def learns(members):
    """A measure: the trained model has learned; its value is the test accuracy."""
    return members.test_accuracy, members.learned


def fails(members):
    """A measure: the trained model has not learned."""
    return members.test_accuracy, ~members.learned


def beats(ours, theirs):
    """A measure: the first model's test accuracy is above the second's, seed by seed; its value is the difference."""
    return ours.test_accuracy - theirs.test_accuracy, ours.test_accuracy > theirs.test_accuracy


def later(ours, theirs):
    """A measure: the first model gets to 80 % later than the second, or never; its value is the difference."""
    ours, theirs = ours.epochs_to_80, theirs.epochs_to_80
    return ours - theirs, np.isfinite(theirs) & (np.nan_to_num(ours, nan=np.inf) > theirs)


def best_learns(*grid):
    """A measure: of several settings, the one with the best median training accuracy has learned."""
    return learns(max(grid, key=lambda members: np.median(members.train_accuracy)))
