"""The results in a log directory, presented: the verdict on every claim, and one HTML page of everything."""

import base64
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import jinja2
import numpy as np
from tabulate import tabulate

from . import catalogue
from .studies.csv_files import write_rows
from .studies.judging import DOES_NOT_HOLD, HOLDS, Claim, FoundMembers, Judged, judge
from .studies.replicates import write_whole
from .studies.store import Study
from .studies.study_tables import text_table

INTRODUCTION = (
    f"A claim is tried on every seed by the rule beside it. It holds where {HOLDS:.0%} of seeds or more bear it out, "
    f"does not hold where {DOES_NOT_HOLD:.0%} or fewer do, and holds for some seeds in between. The interval is "
    "Wilson's, 95 %. Only trainings at the experiments' own number of epochs count."
)


def print_claims(log_dir: str | Path) -> None:
    """Print the verdict on every claim and write it to `LOG_DIR/claims.csv` and `LOG_DIR/claims.md`.

    Ends with exit code 2 where there is no study to judge by.
    """
    judged = judge(catalogue.claims(), log_dir)
    if not judged.judgements:
        for sentence in judged.left_out:
            sys.stderr.write(f"{sentence}\n")
        sys.stderr.write(f"There is no study in {log_dir}: train some first with python -m tutorials study all.\n")
        sys.exit(2)
    rows = [one.row() for one in judged.judgements]
    shown = [key for key in rows[0] if key != "rule for a seed"]
    print(text_table([shown, *([row[key] for key in shown] for row in rows)]))
    for claim in judged.missing:
        print(f"{claim.key} is not measured yet: {_command_for(claim)}")
    for sentence in judged.left_out:
        print(sentence)
    table = causes_of_failure(log_dir)
    if table:
        print(f"\nWhy deep ReLU networks fail:\n\n{text_table(table)}")
    write_claims(rows, log_dir)


def write_claims(rows: Sequence[dict[str, str]], log_dir: str | Path) -> None:
    """Write the table of claims as CSV and as Markdown."""
    write_rows(Path(log_dir, "claims.csv"), rows)
    with write_whole(Path(log_dir, "claims.md"), "w", encoding="utf-8") as file:
        file.write(tabulate(rows, "keys", tablefmt="github", disable_numparse=True) + "\n")
    print(f"\nwrote {Path(log_dir, 'claims.csv')} and {Path(log_dir, 'claims.md')}")


def _command_for(claim: Claim) -> str:
    return f"python -m tutorials study {' '.join(catalogue.scripts_that_train(claim.experiments))}"


def causes_of_failure(log_dir: str | Path) -> list[tuple[str, ...]]:
    """Return rows of strings that tell vanishing gradients from dead units in the ReLU networks that fail.

    A hidden layer whose units are all zero on the whole training half passes no signal on and no gradient back: the
    gradients of its own kernel and of those before it are exactly zero. Gradients that vanish are small, not zero.
    """
    found = FoundMembers(log_dir)
    rows = []
    for name in ("deep_relu", "relu_15_layers", "relu_20_layers"):
        if name not in found:
            continue
        members = found.load(name)
        dead = (members.activations["dead_fraction"] == 1).any(axis=2)  # (S, 2): some hidden layer wholly dead
        zero = members.history["gradient_abs_mean"][:, -1, 0] == 0
        failed = ~members.learned
        alive = failed & ~dead[:, 1]
        first = members.history["gradient_abs_mean"][:, 0]
        first = first[~dead[:, 0] & (first[:, -1] > 0)]
        ratio = np.median(first[:, 0] / first[:, -1]) if len(first) else np.nan
        counts = (failed & dead[:, 0], failed & dead[:, 1], failed & zero, alive)
        rows.append((name, f"{failed.sum()} of {len(failed)}", *(f"{count.sum()}" for count in counts), f"{ratio:.2g}"))
    head = (
        "model",
        "seeds that fail",
        "with a dead layer before training",
        "after training",
        "first kernel's gradient exactly 0 at the end",
        "fail with every layer alive",
        "first/last gradient in epoch 1, layers alive",
    )
    return [head, *rows] if rows else []


@dataclasses.dataclass(frozen=True)
class Section:
    """A script in the report: its pictures, its table, or the command that makes what is missing."""

    title: str
    description: str
    pictures: list[tuple[str, str]]
    rows: list[dict[str, str]]
    missing: str


def write_report(log_dir: str | Path) -> None:
    """Write `LOG_DIR/report.html`, one page with everything in it, and print where."""
    path = Path(log_dir, "report.html")
    with write_whole(path, "w", encoding="utf-8") as file:
        file.write(page(log_dir))
    print(f"wrote {path}")


def page(log_dir: str | Path) -> str:
    """Return the report as HTML; what is missing is named with the command that makes it."""
    judged: Judged = judge(catalogue.claims(), log_dir)
    head, *causes = causes_of_failure(log_dir) or [()]
    scripts = [(folder, name) for folder, name in catalogue.sections() if catalogue.script(folder, name).experiments]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("report.html.jinja").render(
        log_dir=log_dir,
        introduction=INTRODUCTION,
        claims=[one.row() for one in judged.judgements],
        missing=[(claim.key, claim.sentence, _command_for(claim)) for claim in judged.missing],
        left_out=judged.left_out,
        causes=[dict(zip(head, row, strict=True)) for row in causes],
        studies=[_study(log_dir, folder, name) for folder, name in scripts],
        runs=_runs(log_dir),
    )


def _study(log_dir: str | Path, folder: str, name: str) -> Section:
    """One script's study."""
    description = catalogue.first_line(folder, name)
    try:
        study = Study.load(log_dir, name)
    except (OSError, ValueError, KeyError):
        return Section(name, description, [], [], f"python -m tutorials study {name}")
    return Section(
        name, description, [_picture(path) for path in sorted(study.directory.glob("*.png"))], study.rows(), ""
    )


def _runs(log_dir: str | Path) -> list[Section]:
    """The newest single run of every network that `run` trained."""
    newest: dict[str, Path] = {}
    for path in sorted(Path(log_dir).glob("*/seed*/*.png"), key=lambda path: path.parent.stat().st_mtime):
        newest[path.parts[-3]] = path.parent
    sections = [
        Section(name, "", [_picture(path) for path in sorted(directory.glob("*.png"))], [], "")
        for name, directory in sorted(newest.items())
    ]
    return sections or [Section("vanishing", "", [], [], "python -m tutorials run vanishing")]


def _picture(path: Path) -> tuple[str, str]:
    """The data of a PNG file in base64, and a title."""
    parts = [part for part in path.parts[-3:-1] if part != "study"]
    return base64.b64encode(path.read_bytes()).decode(), f"{'/'.join(parts)}: {path.stem.replace('_', ' ')}"
