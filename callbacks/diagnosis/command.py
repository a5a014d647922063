"""The command `diagnose`: reads event files that the callbacks wrote and says what was wrong with the training."""

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..tensorboard.reader import Run
    from .finding import Finding

DESCRIPTION = """\
Print what was wrong with the runs in a directory: trainings with callbacks=[Diagnosis("logs/run1")], or with the
monitors and Keras's TensorBoard callback. Of two runs, also print what changed from the first to the second.

Exit status: 0 nothing wrong, 1 something found (of two runs, with the second), 2 unreadable."""

PIPE_CLOSED = 128 + getattr(signal, "SIGPIPE", 13)
"""Exit status where nobody reads the output to its end, as in `diagnose DIR | head -3`; a shell reports the same of a
program that ended by the signal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to a parser."""
    parser.add_argument(
        "directories", nargs="+", type=Path, metavar="DIR", help="a directory of runs; or two, of one run each"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def diagnose(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    """Print the diagnosis of every run in a directory, or of two runs and what changed between them.

    Ends the process with status 2 and a sentence where there is nothing that could be read.

    Args:
        parser: the parser that `add_arguments` was called with.
        arguments: what it parsed.

    Returns:
        The exit status: 1 where something was found wrong with a run (of two, with the second), else 0; or
        `PIPE_CLOSED`.
    """
    try:
        status = _diagnose(parser, arguments.directories, arguments.json)
        sys.stdout.flush()  # here rather than when Python ends, where an exception could no longer be caught
    except BrokenPipeError:
        # Python flushes standard output once more as it ends; what is left goes nowhere. (The recipe of Python's
        # documentation, at the module signal.)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return status


def _diagnose(parser: argparse.ArgumentParser, directories: list[Path], as_json: bool) -> int:
    if len(directories) > 2:
        parser.error(f"diagnose takes one directory, or two runs to compare, not {len(directories)}")
    from ..tensorboard import reader  # `--help` needs neither these nor NumPy
    from . import rules, wording

    found: list[tuple[Run, list[Finding]]] = []
    for directory in directories:
        try:
            runs = reader.runs(directory)
        except (OSError, ValueError) as error:
            parser.error(str(error))
        if len(directories) == 2 and len(runs) > 1:
            parser.error(
                f"{directory} holds {len(runs)} runs: to compare two, name one of them, like {runs[0].directory}"
            )
        found += [(run, rules.diagnose(run.evidence)) for run in runs]
    for run, _ in found:
        for path in run.damaged:
            print(f"{path} is damaged: it was read up to epoch {run.evidence.epochs[-1] + 1}.", file=sys.stderr)
    changes = None
    if len(directories) == 2:
        (before, findings_before), (after, findings_after) = found
        changes = wording.changes(before.evidence, after.evidence, findings_before, findings_after)
    if as_json:
        runs_as_dicts = [_as_dict(run, findings) for run, findings in found]
        print(json.dumps({"runs": runs_as_dicts} | ({"changes": changes} if changes else {}), indent=1))
    else:
        for run, findings in found:
            print(f"\n{run.directory}\n{wording.plain(findings, wording.after(len(run.evidence.epochs)))}")
        if changes:
            print(f"\nWhat changed from the first to the second:\n{changes}")
    judged = found[1:] if changes else found
    return int(any(finding.severity != "note" for _, findings in judged for finding in findings))


def _as_dict(run: "Run", findings: "list[Finding]") -> dict[str, Any]:
    return {
        "run": str(run.directory),
        "epochs": len(run.evidence.epochs),
        "damaged": [str(path) for path in run.damaged],
        "findings": [finding.as_dict() for finding in findings],
    }
