"""The results of many seeds: the arrays, how they are kept on disk, and the statistics derived from them."""

import contextlib
import dataclasses
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

LEARNED = 0.75
"""Test accuracy from which a model counts as having learned: about three quarters of the way from chance level (0.5) to
the 0.84 of the tutorial's best network."""

MAX_STORED_WEIGHTS = 100_000
"""Weights of a model up to which they are stored, member by member."""


@dataclasses.dataclass(frozen=True)
class Replicates:
    """The results of one experiment with many seeds. S seeds, E epochs, L kernels, A layers with an activation.

    Attributes:
        seeds: int array (S,).
        layers: names of the kernels, array (L,), input to output.
        history: dict of arrays. Of shape (S, E), as in the history of `model.fit`: `loss`, `accuracy`, `val_loss`,
            `val_accuracy`. Of shape (S, E, L), as in the monitors' histories: `gradient_abs_mean`, the mean magnitude
            of the kernel's gradient over the epoch's steps; `weight_l1`, the L1 norm at the epoch's end;
            `weight_l1_change`, the L1 norm of the difference from the end of the epoch before. NaN in the
            epochs skipped by early stopping.
        train_accuracy, test_accuracy: (S,), of the trained model on all training samples and on all test samples.
        activations: dict of arrays (S, 2, A), before and after training, on the training samples (the first thousand),
            as in `ActivationMonitor`: `std`, `dead_fraction`, `saturated_fraction`.
        measured: dict of arrays: (S, 2, ...), before and after training, what the experiment's `measure` returned; or
            (S, ...), what a `Measurement`'s did, which has nothing else.
        seconds: (S,), the duration of the training. Members train side by side, so compare medians only.
        initial, trained: lists of arrays (S, ...), the model's variables before and after training, in the order of
            `model.variables`; empty where the model has more than `MAX_STORED_WEIGHTS` weights.
    """

    seeds: np.ndarray
    layers: np.ndarray = dataclasses.field(default_factory=lambda: np.array([]))
    history: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    train_accuracy: np.ndarray = None  # type: ignore[assignment]  # a `Measurement` has none
    test_accuracy: np.ndarray = None  # type: ignore[assignment]
    activations: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    measured: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    seconds: np.ndarray = None  # type: ignore[assignment]
    initial: list[np.ndarray] = dataclasses.field(default_factory=list)
    trained: list[np.ndarray] = dataclasses.field(default_factory=list)

    @property
    def learned(self) -> np.ndarray:
        """Bool (S,): whether the trained model's test accuracy is at least `LEARNED`."""
        return self.test_accuracy >= LEARNED

    @property
    def gap(self) -> np.ndarray:
        """(S,): training accuracy minus test accuracy."""
        return self.train_accuracy - self.test_accuracy

    @property
    def gradients(self) -> np.ndarray:
        """(S, L): mean |gradient| of each kernel over all steps of the run."""
        return self.history["gradient_abs_mean"].mean(axis=1)

    @property
    def epochs_to_80(self) -> np.ndarray:
        """(S,): the first epoch, counted from 1, with a test accuracy of 80 %; NaN where there is none."""
        reached = self.history["val_accuracy"] >= 0.8
        return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.nan)

    def select(self, seeds: Sequence[int]) -> "Replicates":
        """Returns the members with these seeds, in this order."""
        places = {seed: place for place, seed in enumerate(self.seeds.tolist())}
        rows = [places[seed] for seed in seeds]
        return Replicates(**_mapped(lambda array: array[rows], self))

    def joined(self, other: "Replicates") -> "Replicates":
        """Returns the members of both."""
        return Replicates(**_mapped(lambda *arrays: np.concatenate(arrays), self, other))

    def save(self, path: str | Path) -> None:
        """Writes all arrays to an `.npz` file that is there whole or not at all."""
        arrays = {"layers": self.layers}
        for name, value in _mapped(lambda array: array, self).items():
            if isinstance(value, dict):
                arrays |= {f"{name}.{key}": array for key, array in value.items()}
            elif isinstance(value, list):
                arrays |= {f"{name}.{number}": array for number, array in enumerate(value)}
            elif value is not None:
                arrays[name] = value
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(path) as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    @staticmethod
    def readable(path: str | Path) -> bool:
        """Returns whether `load` can read a file: it is there, whole, and was written by this version."""
        try:
            with np.load(path) as arrays:
                return ("train_accuracy" in arrays.files) == ("test_accuracy" in arrays.files)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return False

    @classmethod
    def load(cls, path: str | Path) -> "Replicates":
        """Reads what `save` wrote."""
        fields: dict[str, Any] = {"history": {}, "activations": {}, "measured": {}, "initial": [], "trained": []}
        with np.load(path) as arrays:
            for key in arrays.files:
                name, _, part = key.partition(".")
                if name in ("initial", "trained"):
                    fields[name].append(arrays[key])
                elif part:
                    fields[name][part] = arrays[key]
                else:
                    fields[name] = arrays[key]
        return cls(**fields)


def _mapped(function: Callable, *replicates: Replicates) -> dict[str, Any]:
    """Applies a function to the arrays of all members, field by field; the names of the layers stay."""
    first = replicates[0]
    mapped: dict[str, Any] = {}
    for field in dataclasses.fields(Replicates):
        values = [getattr(one, field.name) for one in replicates]
        if field.name == "layers":
            mapped["layers"] = first.layers
        elif isinstance(values[0], dict):
            mapped[field.name] = {key: function(*[value[key] for value in values]) for key in values[0]}
        elif isinstance(values[0], list):
            mapped[field.name] = [function(*arrays) for arrays in zip(*values, strict=True)]
        else:
            mapped[field.name] = None if values[0] is None else function(*values)
    return mapped


@contextlib.contextmanager
def write_whole(path: str | Path, mode: str = "wb", **options: Any) -> Iterator[IO]:
    """Opens a file for writing that takes its name when it is complete: nobody ever sees half of it.

    >>> with write_whole("results.csv", "w") as file:
    ...     file.write("seed,accuracy")
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open(mode, **options) as file:
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
