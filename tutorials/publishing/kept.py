"""What is kept of the studies in docs/results/, as text, and how it is read again."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tutorials import catalogue
from tutorials.course import recurrent
from tutorials.report import causes_of_failure
from tutorials.studies import Claim, Experiment, Judgement, Measurement, Replicates, Study, judge
from tutorials.studies.csv_files import Row, read_rows, write_rows
from tutorials.studies.judging import FoundMembers

import keras
import numpy as np
import tensorflow as tf

ROOT = Path(__file__).parent.parent.parent
"""Of the checkout."""

RESULTS = "docs/results"

PICTURED_STEPS = 100
"""Length of the sequences whose gradients are drawn."""


def collect(log_dir: str | Path, root: Path = ROOT) -> None:
    """Copy what the studies in a log directory found to docs/results/.

    What is not studied there keeps what docs/results/ has of it. Studies of another length than their experiments' own
    are left out.
    """
    results = root / RESULTS
    results.mkdir(parents=True, exist_ok=True)
    for name in _studied_scripts():
        table = Path(log_dir, "study", name, "results.csv")
        if table.exists():
            write_rows(results / f"{name}.csv", read_rows(table))
    judged = judge(catalogue.claims(), log_dir).judgements
    if judged:
        versions = [{"package": one.__name__, "version": one.__version__} for one in (tf, keras, np)]
        write_rows(results / "versions.csv", versions)
        rows = [row for judgement in judged for row in _claim_rows(judgement)]
        new = {row["claim"] for row in rows}
        old = [row for row in read_rows(results / "claims.csv") if row["claim"] not in new]
        order = {claim.key: number for number, claim in enumerate(catalogue.claims())}
        kept = [row for row in [*old, *rows] if row["claim"] in order]
        write_rows(results / "claims.csv", sorted(kept, key=lambda row: (order[row["claim"]], int(row["seed"]))))
    head, *causes = causes_of_failure(log_dir) or [()]
    if causes:
        write_rows(results / "causes.csv", [dict(zip(head, row, strict=True)) for row in causes])
    found = FoundMembers(log_dir)
    if "deep_tanh" in found and "deep_relu" in found:
        write_rows(results / "gradients.csv", _gradient_rows(found))
    if all(f"{cell}_{PICTURED_STEPS}" in found for cell in recurrent.CELLS):
        write_rows(results / "input_gradients.csv", _input_gradient_rows(found))


def _studied_scripts() -> list[str]:
    return [name for folder, name in catalogue.sections() if catalogue.script(folder, name).experiments]


def _claim_rows(judgement: Judgement) -> list[Row]:
    return [
        {
            "claim": judgement.claim.key,
            "seed": str(seed),
            "value": f"{value:.6g}",
            "true": str(int(true)),
            "epochs": " ".join(map(str, judgement.epochs)),
        }
        for seed, value, true in zip(judgement.seeds, judgement.values, judgement.true, strict=True)
    ]


def _gradient_rows(found: FoundMembers) -> list[Row]:
    """Mean |gradient| of each kernel in each epoch of the tutorial's two networks, with the first seed."""
    rows = []
    for name in ("deep_tanh", "deep_relu"):
        members = found.load(name)
        for epoch, values in enumerate(members.history["gradient_abs_mean"][0], 1):
            by_layer = {str(layer): f"{value:.4g}" for layer, value in zip(members.layers, values, strict=True)}
            rows.append({"network": name, "epoch": str(epoch), **by_layer})
    return rows


def _input_gradient_rows(found: FoundMembers) -> list[Row]:
    """The norm of the answer's gradient with respect to each step's input, before and after training."""
    rows = []
    for cell in recurrent.CELLS:
        members = found.load(f"{cell}_{PICTURED_STEPS}")
        for seed, both in zip(members.seeds, members.measured["input_gradient"], strict=True):
            for trained, norms in enumerate(both):
                by_step = {f"step_{step}": f"{norm:.4g}" for step, norm in enumerate(norms, 1)}
                rows.append({"cell": cell, "seed": str(seed), "trained": str(trained), **by_step})
    return rows


class Results:
    """The files of docs/results/, read again.

    Args:
        root: of the checkout.

    Attributes:
        claims: the `Judgement` of each claim that was judged, by the claim's key. The verdict is computed from the
            seeds' values.
    """

    def __init__(self, root: Path = ROOT) -> None:
        self._directory = root / RESULTS
        rows: dict[str, list[Row]] = {}
        for row in read_rows(self._directory / "claims.csv"):
            rows.setdefault(row["claim"], []).append(row)
        self.claims = {
            claim.key: _judgement(claim, rows[claim.key]) for claim in catalogue.claims() if claim.key in rows
        }

    def study(self, name: str) -> Study:
        """Return a study as far as its table tells: accuracies, mean gradients, and measured numbers of each seed."""
        folder = next(folder for folder, script in catalogue.sections() if script == name)
        experiments = {one.name: one for one in catalogue.script(folder, name).experiments_on()}
        rows: dict[str, list[Row]] = {}
        for row in read_rows(self._directory / f"{name}.csv"):
            rows.setdefault(row["experiment"], []).append(row)
        named = [one for one in experiments if one in rows]
        configurations = {one: _configuration(experiments[one], rows[one][0]) for one in named}
        return Study(self._directory / name, configurations, {one: _replicates(rows[one]) for one in named})

    def rows(self, name: str) -> list[Row]:
        """Return the rows of one of the files."""
        return read_rows(self._directory / f"{name}.csv")


def _judgement(claim: Claim, rows: Sequence[Row]) -> Judgement:
    return Judgement(
        claim,
        seeds=np.array([int(row["seed"]) for row in rows]),
        values=np.array([float(row["value"]) for row in rows]),
        true=np.array([row["true"] == "1" for row in rows]),
        epochs=tuple(map(int, rows[0]["epochs"].split())),
    )


def _configuration(experiment: Experiment | Measurement, row: Row) -> dict[str, Any]:
    """What `Study.configurations` says of an experiment, as far as its row tells."""
    numbers: dict[str, Callable] = {"hidden_layers": int, "width": int, "learning_rate": float, "epochs": int}
    described = {key: number(row[key]) for key, number in numbers.items() if row.get(key)}
    return {"title": experiment.title, **described, "optimizer": row.get("optimizer", "")}


def _replicates(rows: Sequence[Row]) -> Replicates:
    def column(name: str) -> np.ndarray:
        return np.array([float(row[name]) for row in rows])

    if not rows[0].get("test_accuracy"):
        return Replicates(np.array([int(row["seed"]) for row in rows]))
    kernels = [name for name, value in rows[0].items() if re.fullmatch(r"gradient_\d+", name) and value]
    return Replicates(
        seeds=np.array([int(row["seed"]) for row in rows]),
        history={"gradient_abs_mean": np.stack([column(name) for name in kernels], axis=1)[:, None]},
        train_accuracy=column("train_accuracy"),
        test_accuracy=column("test_accuracy"),
    )
