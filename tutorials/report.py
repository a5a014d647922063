"""What lies in a log directory, told: the verdict on every claim, and one HTML page of it all."""

import base64
import csv
import html
import sys
from pathlib import Path

import numpy as np

from . import catalogue
from .claims import CLAIMS
from .lab.claims import judge, markdown, members_of
from .lab.command import text_table
from .lab.results import FEW, MOST, wilson, write_whole
from .lab.studies import Study

INTRODUCTION = (
    f"A claim is tried on every seed by the rule beside it. It holds where {MOST:.0%} of seeds or more bear it out, "
    f"does not hold where {FEW:.0%} or fewer do, and holds for some seeds in between. The interval is Wilson's, 95 %."
)


def print_claims(logdir):
    """Prints the verdict on every claim and writes it to `LOGDIR/claims.csv` and `LOGDIR/claims.md`.

    Ends with exit code 2 where there is no study to judge by.
    """
    judged, missing = judge(CLAIMS, logdir)
    if not judged:
        sys.stderr.write(f"There is no study in {logdir}: train some first with python -m tutorials study all.\n")
        sys.exit(2)
    rows = [one.row() for one in judged]
    shown = [key for key in rows[0] if key != "rule for a seed"]
    print(text_table([shown, *([row[key] for key in shown] for row in rows)]))
    for claim in missing:
        print(f"{claim.key} is not measured yet: {_wanted(claim)}")
    table = mechanism(logdir)
    if table:
        print(f"\nWhy deep ReLU networks fail:\n\n{text_table(table)}")
    write_claims(rows, logdir)


def write_claims(rows, logdir):
    """Writes the table of claims as CSV and as Markdown."""
    with write_whole(Path(logdir, "claims.csv"), "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    with write_whole(Path(logdir, "claims.md"), "w", encoding="utf-8") as file:
        file.write(markdown(rows))
    print(f"\nwrote {Path(logdir, 'claims.csv')} and {Path(logdir, 'claims.md')}")


def _wanted(claim):
    return f"python -m tutorials study {' '.join(catalogue.studies_of(claim.experiments))}"


def mechanism(logdir):
    """Returns rows of words that tell vanishing gradients from dead units in the ReLU networks that fail.

    A hidden layer whose units are all zero on the whole training half passes no signal on and no gradient back: the
    gradients of its own kernel and of those before it are exactly zero. Gradients that vanish are small, not zero.
    """
    members = members_of(logdir)
    rows = []
    for name in ("deep_relu", "relu_15_layers", "relu_20_layers"):
        if name not in members:
            continue
        one = members[name]
        dead = (one.activations["dead_fraction"] == 1).any(axis=2)  # (S, 2): some hidden layer wholly dead
        zero = one.history["gradient_abs_mean"][:, -1, 0] == 0
        failed = ~one.learned
        alive = failed & ~dead[:, 1]
        first = one.history["gradient_abs_mean"][:, 0]
        first = first[~dead[:, 0] & (first[:, -1] > 0)]
        ratio = np.median(first[:, 0] / first[:, -1]) if len(first) else np.nan
        rows.append(
            (
                name,
                f"{failed.sum()} of {len(failed)}",
                f"{(failed & dead[:, 0]).sum()}",
                f"{(failed & dead[:, 1]).sum()}",
                f"{(failed & zero).sum()}",
                f"{alive.sum()}",
                f"{ratio:.2g}",
            )
        )
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


def write_report(logdir):
    """Writes `LOGDIR/report.html`, one page with everything in it, and prints where."""
    path = Path(logdir, "report.html")
    with write_whole(path, "w", encoding="utf-8") as file:
        file.write(page(logdir))
    print(f"wrote {path}")


def page(logdir):
    """Returns the report as HTML; what is missing is named with the command that makes it."""
    judged, missing = judge(CLAIMS, logdir)
    parts = [
        "<h1>Vanishing gradients on two circles</h1>",
        f"<p>Drawn from what lies in <code>{_safe(logdir)}</code>.</p>",
    ]
    parts.append("<h2>Claims</h2>")
    if judged:
        parts += [f"<p>{INTRODUCTION}</p>", _table([one.row() for one in judged])]
    if missing:
        parts.append("<p>Not measured yet:</p><ul>")
        parts += [f"<li>{claim.key}, {_safe(claim.sentence)}: <code>{_wanted(claim)}</code></li>" for claim in missing]
        parts.append("</ul>")
    why = mechanism(logdir)
    if why:
        parts += [
            "<h3>Why deep ReLU networks fail</h3>",
            _table([dict(zip(why[0], row, strict=True)) for row in why[1:]]),
        ]
    parts.append("<h2>Studies</h2>")
    for folder, name in catalogue.sections():
        if catalogue.experiments(folder, name):
            parts += _study(logdir, folder, name)
    parts.append("<h2>Single runs</h2>")
    for folder, name in catalogue.sections():
        if folder == "vanishing":
            parts += _runs(logdir, folder, name)
    return PAGE.format(body="\n".join(parts))


def _study(logdir, folder, name):
    """The HTML of one script's study."""
    parts = [f"<h3>{name}</h3>", f"<p>{_safe(catalogue.first_line(folder, name))}</p>"]
    try:
        study = Study.load(logdir, name)
    except (OSError, ValueError, KeyError):
        return [*parts, f'<p class="missing">Missing: <code>python -m tutorials study {name}</code></p>']
    parts += [_picture(path) for path in sorted(study.directory.glob("*.png"))]
    rows = []
    for one, members in study.trained.items():
        low, middle, high = np.quantile(members.test_accuracy, [0.25, 0.5, 0.75])
        learned = int(members.learned.sum())
        interval = "{:.0%} to {:.0%}".format(*wilson(learned, len(members.seeds)))
        rows.append(
            {
                "model": study.title(one),
                "test accuracy, median (quartiles)": f"{middle:.3f} ({low:.3f} to {high:.3f})",
                "seeds that learned": f"{learned} of {len(members.seeds)}",
                "95 % interval": interval,
            }
        )
    if not rows:
        return parts
    return [*parts, f"<details><summary>{len(rows)} configurations</summary>{_table(rows)}</details>"]


def _runs(logdir, folder, name):
    """The HTML of the newest single run of each of a script's models."""
    module = catalogue.script(folder, name)
    trained = getattr(module, "WATCHED", None) or catalogue.experiments(folder, name)
    names = [one.name for one in trained] or [name]
    parts = [f"<h3>{name}</h3>", f"<p>{_safe(catalogue.first_line(folder, name))}</p>"]
    for one in names:
        runs = sorted(path for path in Path(logdir, one).glob("*_seed*") if any(path.glob("*.png")))
        if runs:
            parts += [_picture(path) for path in sorted(runs[-1].glob("*.png"))]
        else:
            parts.append(f'<p class="missing">{one} is missing: <code>python -m tutorials run {name}</code></p>')
    return parts


def _picture(path):
    data = base64.b64encode(path.read_bytes()).decode()
    words = _safe(f"{path.parent.name}: {path.stem.replace('_', ' ')}")
    return f'<figure><img src="data:image/png;base64,{data}" alt="{words}"><figcaption>{words}</figcaption></figure>'


def _table(rows):
    """Dicts of equal keys as an HTML table; verdicts are coloured."""
    head = "".join(f"<th>{_safe(key)}</th>" for key in rows[0])
    lines = []
    for row in rows:
        kind = {"holds": "yes", "does not hold": "no"}.get(row.get("verdict"), "")
        lines.append(f'<tr class="{kind}">' + "".join(f"<td>{_safe(value)}</td>" for value in row.values()) + "</tr>")
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _safe(text):
    return html.escape(str(text))


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Vanishing gradients on two circles</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #222; }}
h2 {{ margin-top: 3rem; border-bottom: 1px solid #ccc; }}
figure {{ margin: 1rem 0; }}
img {{ max-width: 100%; height: auto; }}
figcaption {{ color: #666; font-size: 0.85rem; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: 0.85rem; }}
th, td {{ text-align: left; vertical-align: top; padding: 0.3rem 0.6rem; border-bottom: 1px solid #ddd; }}
tr.yes td:last-child {{ color: #00517d; font-weight: bold; }}
tr.no td:last-child {{ color: #a63c00; font-weight: bold; }}
.missing {{ color: #666; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""
