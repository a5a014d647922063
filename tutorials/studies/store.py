"""What a study leaves on disk, and how it is read again.

`LOG_DIR/study/NAME` holds the table `results.csv`, the index `study.json`, the study's plots, and runs for
TensorBoard's HParams tab. The members themselves lie in `LOG_DIR/study/trained`, in files named by the experiment's
fingerprint, so that studies share them and a second run trains only what is missing. A study at another length than
its experiments' own has a directory of its own, `NAME_20_epochs`.
"""

import contextlib
import dataclasses
import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tutorials.lab.hyperparameters import hyperparameter_values

import numpy as np
from matplotlib.figure import Figure

from callbacks.plots import png
from callbacks.tensorboard import SummaryWriter

from .csv_files import write_rows
from .replicates import Replicates, write_whole
from .study_tables import gradient_ratio, median_and_quartiles, text_table, wilson

NOT_DESCRIBING = ("title", "file", "own_epochs")
"""Entries of a configuration that are no columns of results.csv."""


@dataclasses.dataclass(frozen=True)
class Study:
    """The finished configurations of a study.

    Attributes:
        directory: where its table and plots are.
        configurations: an experiment's name to a dict: its `title`, the `epochs` it was trained for, its `own_epochs`,
            and the columns that describe it.
        members: an experiment's name to its `Replicates`.
    """

    directory: Path
    configurations: dict[str, dict[str, Any]]
    members: dict[str, Replicates]

    @classmethod
    def load(cls, log_dir: str | Path, name: str) -> "Study":
        """Read a study that `study` left; raises `FileNotFoundError` where there is none."""
        directory = Path(log_dir, "study", name)
        index = read_index(directory)
        members = {
            name: Replicates.load(directory.parent / "trained" / one["file"]).select(index["seeds"])
            for name, one in index["configurations"].items()
        }
        return cls(directory, index["configurations"], members)

    @property
    def name(self) -> str:
        """The name of its directory."""
        return self.directory.name

    @property
    def trained(self) -> dict[str, Replicates]:
        """The members that are models: those of `Experiment`, not of `Measurement`."""
        return {name: members for name, members in self.members.items() if members.test_accuracy is not None}

    def title(self, name: str) -> str:
        """Return the title of an experiment."""
        return self.configurations[name]["title"]

    def described(self, name: str) -> dict[str, Any]:
        """Return the columns that describe an experiment."""
        return {key: value for key, value in self.configurations[name].items() if key not in NOT_DESCRIBING}

    def rows(self) -> list[dict[str, str]]:
        """Return the models as rows of a table: column to text."""
        return [
            {
                "model": self.title(name),
                "epochs": str(self.configurations[name]["epochs"]),
                "test accuracy, median (quartiles)": median_and_quartiles(members.test_accuracy),
                "seeds that learned": f"{members.learned.sum()} of {len(members.seeds)}",
                "95 % interval": "{:.0%} to {:.0%}".format(*wilson(int(members.learned.sum()), len(members.seeds))),
            }
            for name, members in self.trained.items()
        ]

    def table(self) -> str:
        """Return the study as text, a line per model: its row, and the ratio of its first and last gradient."""
        ratios = [f"{gradient_ratio(members):.3g}" for members in self.trained.values()]
        rows = [row | {"first/last gradient": ratio} for row, ratio in zip(self.rows(), ratios, strict=True)]
        return text_table([[*rows[0]], *([*row.values()] for row in rows)])


def read_index(directory: Path) -> dict[str, Any]:
    """Return a study's index: its `seeds`, and its `configurations` by name."""
    index = json.loads((directory / "study.json").read_text(encoding="utf-8"))
    return index | {"configurations": {one.pop("name"): one for one in index["configurations"]}}


def stored(path: Path) -> Replicates | None:
    """Return the members in a file; None where there is no file, or none that can be read."""
    try:
        return Replicates.load(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        print(f"{path} cannot be read ({error}); its members are trained again.")
        return None


def write_study(done: Study, seeds: list[int]) -> None:
    """Write `study.json`, from which `Study.load` finds everything again, and `results.csv`."""
    index = {"seeds": seeds, "configurations": [{"name": name, **one} for name, one in done.configurations.items()]}
    with write_whole(done.directory / "study.json", "w", encoding="utf-8") as file:
        json.dump(index, file, indent=1)
    rows = [row for name in done.members for row in _rows(done, name)]
    write_rows(done.directory / "results.csv", rows)


def _rows(done: Study, name: str) -> list[dict[str, Any]]:
    """The rows of `results.csv` of one configuration, one per seed; the gradients' columns count from the input."""
    rows, members, is_model = [], done.members[name], name in done.trained
    for i, seed in enumerate(members.seeds):
        row = {"experiment": name, **done.described(name), "seed": seed}
        if is_model:
            reached = members.epochs_to_80[i]
            row["train_accuracy"] = f"{members.train_accuracy[i]:.4f}"
            row["test_accuracy"] = f"{members.test_accuracy[i]:.4f}"
            row["epochs_to_80"] = "" if np.isnan(reached) else int(reached)
            row |= {f"gradient_{number}": f"{g:.6g}" for number, g in enumerate(members.gradients[i], 1)}
        values = {key: array[i, 1] if is_model else array[i] for key, array in members.measured.items()}
        rows.append(row | {key: f"{value:.6g}" for key, value in values.items() if value.ndim == 0})
    return rows


def write_tensorboard(done: Study, figures: Mapping[str, Figure]) -> None:
    """Write one run per configuration for the HParams tab, and the plots for the Images tab."""
    root = done.directory / "tensorboard"
    shutil.rmtree(root, ignore_errors=True)  # a second event file in a directory would be drawn as a zigzag
    with contextlib.closing(SummaryWriter.open(root)) as writer:
        writer.write(0, images={f"{done.name}/{name}": png(figure) for name, figure in figures.items()})
    for name, members in done.trained.items():
        scalars = {
            "median_test_accuracy": float(np.median(members.test_accuracy)),
            "share_learned": float(members.learned.mean()),
            "gradient_ratio_first_to_last": gradient_ratio(members),
        }
        with contextlib.closing(SummaryWriter.open(root / name)) as writer:
            described = done.described(name)
            writer.write(0, scalars, values=hyperparameter_values(done.name, described, f"{done.name}/{name}"))
