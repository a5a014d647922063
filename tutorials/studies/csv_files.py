"""Tables on disk: rows as CSV files, whole or not at all."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .replicates import write_whole

Row = dict[str, str]
"""A row that was read: column to text."""


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a CSV file, each a dict of strings; none where there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as a CSV file; the columns are those of the row that has most."""
    with write_whole(path, "w", encoding="utf-8", newline="") as file:
        file.write(as_csv(rows))


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as the text of a CSV file."""
    text = io.StringIO()
    columns = list(dict.fromkeys(column for row in sorted(rows, key=len, reverse=True) for column in row))
    table = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()
