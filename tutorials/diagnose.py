"""The command `diagnose`: reads event files that the callbacks wrote and says what was wrong with the training."""

import json
import sys

from .lab.command import load_tensorflow


def diagnose(parser, directories, as_json):
    """Prints the diagnosis of every run in a directory, or of two runs and what changed between them.

    Args:
        parser: reports what cannot be read, with exit code 2.
        directories: one `pathlib.Path`, or two of one run each.
        as_json: whether to print JSON.

    Returns:
        The exit status: 1 where something was found wrong with a run (of two, with the second), else 0.
    """
    load_tensorflow()
    from callbacks import events, report, rules

    if len(directories) > 2:
        parser.error(f"diagnose takes one directory, or two runs to compare, not {len(directories)}")
    found = []
    for directory in directories:
        try:
            runs = events.runs(directory)
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
    change = (
        report.changes(*[run.evidence for run, _ in found], *[one for _, one in found]) if directories[1:] else None
    )
    if as_json:
        print(
            json.dumps({"runs": [_as_dict(*one) for one in found]} | ({"changes": change} if change else {}), indent=1)
        )
    else:
        for run, findings in found:
            print(f"\n{run.directory}\n{report.plain(findings, len(run.evidence.epochs))}")
        if change:
            print(f"\nWhat changed from the first to the second:\n{change}")
    return int(any(findings for _, findings in (found[1:] if change else found)))


def _as_dict(run, findings):
    return {
        "run": str(run.directory),
        "epochs": len(run.evidence.epochs),
        "damaged": [str(path) for path in run.damaged],
        "findings": [finding.as_dict() for finding in findings],
    }
