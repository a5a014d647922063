"""Publishing: from the studies in a log directory to docs/results/, and from there to everything made of it."""

import re
from pathlib import Path

from tutorials.studies.csv_files import as_csv
from tutorials.studies.replicates import write_whole

from .kept import ROOT, Results, collect
from .pictures import PICTURES
from .tables import BLOCKS, cures

CURES = "callbacks/diagnosis/cures.csv"
PAGES = ("README.md", "docs/results.md", "docs/diagnosis.md")
"""Pages in which the text between `<!-- begin NAME -->` and `<!-- end NAME -->` is made by a function of `BLOCKS`."""


def publish(log_dir: str | Path, root: Path = ROOT) -> None:
    """Collect what lies in a log directory, make everything from docs/results/, and print what was written."""
    collect(log_dir, root)
    for path in render(root):
        print(f"wrote {path.relative_to(root)}")


def render(root: Path = ROOT) -> list[Path]:
    """Make the counts, the pages' tables and the pictures from docs/results/; returns the files written."""
    results, written = Results(root), []
    for path, text in texts(results, root).items():
        with write_whole(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        written.append(path)
    for name, draw in PICTURES.items():
        path = root / "docs" / f"{name}.png"
        draw(results).savefig(path, dpi=110)
        written.append(path)
    return written


def texts(results: Results, root: Path = ROOT) -> dict[Path, str]:
    """Return the text of every file that is made from docs/results/, pages with their blocks made anew."""
    made = {root / CURES: as_csv(cures(results))}
    for name in PAGES:
        page = root / name
        made[page] = re.sub(
            r"(<!-- begin (\w+) -->\n).*?(<!-- end \2 -->)",
            lambda block: f"{block[1]}\n{BLOCKS[block[2]](results).strip()}\n\n{block[3]}",
            page.read_text(encoding="utf-8"),
            flags=re.DOTALL,
        )
    return made
