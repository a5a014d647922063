"""Reading back what the callbacks of this package wrote: event files into `Evidence`."""

import dataclasses
import json
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.compat.proto import summary_pb2, tensor_pb2
from tensorboard.util import tensor_util

from ..evidence import QUANTITIES, Evidence, MonitorRecord
from .records import EventFile
from .writer import LAYERS, PLUGIN, SCALAR, SUMMARY

QUANTITY = re.compile(r"(gradient|weight|activation|prediction)_(\w+)")
SCALAR_OF_A_LAYER = re.compile(rf"({QUANTITY.pattern})/(.+)")
"""A quantity of one layer: all that versions before 0.3 wrote, and now only what is charted in other tabs."""
COUNT = re.compile(r"gradient_((?:sampled|skipped)_steps)")
METRIC = re.compile(r"(?:Summary|diagnosis)/(.+)")
"""A metric of an epoch; versions before 0.3 wrote `diagnosis/`."""
OURS = (LAYERS, SUMMARY, "diagnosis/", "epoch_")
"""How the tags begin of what is read besides, the metrics of Keras's TensorBoard callback among it."""
HISTOGRAM = re.compile(r".+/kernel_0(_grad)?")
KERAS_FOLDERS = {"train": "", "validation": "val_"}
"""Folders in which Keras's TensorBoard callback keeps a run's metrics, and what `model.fit` puts before their names."""

Series = dict[int, float]
"""The scalars of one tag: epoch to value."""


@dataclasses.dataclass
class _Quantity:
    """What was read of one quantity: `rows`, epoch to a value for each of `names`."""

    names: list[str]
    rows: dict[int, np.ndarray] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Run:
    """A run that was read from its directory.

    Attributes:
        directory: where it was logged to.
        evidence: what was recorded of it.
        damaged: the event files that could be read in part only.
    """

    directory: Path
    evidence: Evidence
    damaged: list[Path]


def runs(log_dir: str | os.PathLike) -> list[Run]:
    """Read all runs at and below a directory.

    A run is a directory with event files of `GradientMonitor`, `WeightNormMonitor`, `ActivationMonitor` or `Diagnosis`.
    A damaged event file is read up to the damage.

    Args:
        log_dir: the directory.

    Returns:
        A list of `Run`, in the order of their paths.

    Raises:
        FileNotFoundError: if there is no such directory, or no event file in it.
        ValueError: if there are event files, but none of these callbacks, or no whole epoch in any.

    >>> [run.directory.name for run in runs("logs")]
    ['run1', 'run2']
    """
    log_dir = Path(log_dir)
    if not log_dir.is_dir():
        raise FileNotFoundError(f"{log_dir} is not a directory: name one that a run was logged to.")
    directories = sorted({path.parent for path in log_dir.rglob("*tfevents*") if path.is_file()})
    if not directories:
        raise FileNotFoundError(
            f"There is no event file in {log_dir}: train with callbacks=[Diagnosis({str(log_dir)!r})]."
        )
    found = []
    for directory in directories:
        reader = RunReader(directory)
        reader.update()
        if evidence := reader.evidence():
            found.append(Run(directory, evidence, reader.damaged))
    if not found:
        raise ValueError(
            f"The event files in {log_dir} hold no whole epoch of these callbacks: "
            f"train with callbacks=[Diagnosis({str(log_dir)!r})]."
        )
    return found


class RunReader:
    """Reads what the callbacks wrote to one directory, and goes on where it stopped while the training goes on.

    Args:
        directory: the log directory of one run.

    Attributes:
        facts: what is known of the model and the data.
        metrics: dict of name to epoch to value.
        counts: dict of `sampled_steps` or `skipped_steps` to epoch to value.

    >>> reader = RunReader("logs/run1")
    >>> reader.update()
    True
    >>> reader.evidence().epochs[-1]
    499
    """

    def __init__(self, directory: str | os.PathLike) -> None:
        self.directory = Path(directory)
        self.facts: dict[str, Any] = {}
        self.metrics: dict[str, Series] = {}
        self.counts: dict[str, Series] = {}
        self._quantities: dict[str, _Quantity] = {}
        self._files: dict[Path, EventFile] = {}
        self._scalars: dict[str, dict[str, Series]] = {}  # quantity to layer; of files that hold no arrays
        self._has_arrays = False
        self._plugins: dict[str, str] = {}  # of each tag: only its first value says it
        self._histograms: dict[int, list[tuple[EventFile, int]]] = {}  # epoch to the places of its events
        self._keras: dict[str, RunReader] = {}  # metrics of Keras's TensorBoard callback, by folder

    def update(self) -> bool:
        """Read what was written since the last call; returns whether there was anything."""
        paths = sorted(self.directory.glob("*tfevents*"), key=lambda path: (path.stat().st_mtime, path.name))
        for path in paths:
            self._files.setdefault(path, EventFile(path))
        before = sum(file.offset for file in self._files.values())
        for file in self._files.values():
            self._read(file)
        return sum(file.offset for file in self._files.values()) > before

    @property
    def damaged(self) -> list[Path]:
        """The files that could be read in part only; a training that is under way may be writing the rest."""
        ours = [file.path for file in self._files.values() if file.is_damaged or file.ends_within_a_record]
        return ours + [path for reader in self._keras.values() for path in reader.damaged]

    @property
    def quantities(self) -> list[str]:
        """The quantities that were recorded, by names like `gradient_abs_mean`."""
        return [*dict.fromkeys([*self._quantities, *self._scalars])]

    def rows(self, quantity: str, names: Sequence[str]) -> dict[int, np.ndarray]:
        """Return what was recorded of a quantity of these layers, epoch to an array; nothing where they are others."""
        found = self._quantities.get(quantity)
        if found is None or {*found.names} != {*names}:
            return {}
        return {epoch: _rearranged(found.names, names, row).astype("float64") for epoch, row in found.rows.items()}

    def evidence(self) -> Evidence | None:
        """All that was recorded; None where that is not one whole epoch."""
        recorded: dict[str, dict[str, _Quantity]] = {}  # monitor: quantity
        for name, quantity in self._all_quantities().items():
            if match := QUANTITY.fullmatch(name):
                recorded.setdefault(match[1], {})[match[2]] = quantity
        metrics = self.metrics or self._metrics_of_keras()
        # An epoch is whole if every monitor has it, and metrics too if there are any. A monitor may lack single
        # quantities, one that an older version did not write; and `fit` may validate in some epochs only.
        epochs_of_monitors = [
            set().union(*(quantity.rows for quantity in quantities.values())) for quantities in recorded.values()
        ]
        if not epochs_of_monitors:
            return None
        epochs_of_metrics = [set().union(*metrics.values())] if metrics else []
        epochs = sorted(set.intersection(*epochs_of_monitors, *epochs_of_metrics))
        if not epochs:
            return None
        monitors = {f"{monitor}s": _as_record(monitor, quantities, epochs) for monitor, quantities in recorded.items()}
        by_epoch = {name: np.array([series.get(epoch, np.nan) for epoch in epochs]) for name, series in metrics.items()}
        return Evidence(epochs, by_epoch, facts=self.facts, **monitors)

    def histogram(self, tag: str, epoch: int) -> tuple[int, np.ndarray] | None:
        """Return the histogram that was written last, up to an epoch: that epoch and an array (30, 3); or None.

        The columns of the array are left edge, right edge, count.
        """
        for written in sorted((one for one in self._histograms if one <= epoch), reverse=True):
            for file, offset in self._histograms[written]:
                event = file.event_at(offset)
                for value in event.summary.value if event else ():
                    if value.tag == tag:
                        return written, tensor_util.make_ndarray(value.tensor)
        return None

    @property
    def has_histograms(self) -> bool:
        """Whether histograms were written."""
        return bool(self._histograms)

    def _read(self, file: EventFile) -> None:
        def is_wanted(tag: str, epoch: int, offset: int) -> bool:
            is_of_old_version = SCALAR_OF_A_LAYER.fullmatch(tag) and not self._has_arrays
            if HISTOGRAM.fullmatch(tag) or is_of_old_version:  # which wrote both into one event, scalars first
                self._histograms.setdefault(epoch, []).append((file, offset))
            return bool(is_of_old_version) or tag.startswith(OURS)

        for event in file.new_events(is_wanted):
            if event.HasField("session_log"):  # the run was resumed: a new process trained these epochs again
                self._forget(event.step)
            for value in event.summary.value:
                self._take(event.step, value)

    def _forget(self, epoch: int) -> None:
        """Forget this epoch and later ones."""
        of_layers = [series for by_layer in self._scalars.values() for series in by_layer.values()]
        by_epoch: list[dict[int, Any]] = [quantity.rows for quantity in self._quantities.values()]
        for recorded in (*by_epoch, *of_layers, *self.metrics.values(), *self.counts.values(), self._histograms):
            for one in [one for one in recorded if one >= epoch]:
                del recorded[one]

    def _take(self, epoch: int, value: summary_pb2.Summary.Value) -> None:
        tag = value.tag
        plugin = value.metadata.plugin_data.plugin_name or self._plugins.get(tag, "")
        self._plugins[tag] = plugin
        if tag in (f"{LAYERS}facts", "diagnosis/facts") and plugin in (PLUGIN, "diagnosis"):  # the latter before 0.3
            self.facts |= json.loads(value.tensor.string_val[0])
        elif tag.startswith(LAYERS) and plugin == PLUGIN:
            self._has_arrays = True
            self._take_array(epoch, tag.removeprefix(LAYERS), value)
        elif value.HasField("simple_value") or plugin == SCALAR.plugin_data.plugin_name:
            number = value.simple_value if value.HasField("simple_value") else _number(value.tensor)
            if match := SCALAR_OF_A_LAYER.fullmatch(tag):
                quantity, kind, name, layer = match.groups()
                if name in QUANTITIES[kind]:
                    self._scalars.setdefault(quantity, {}).setdefault(layer, {})[epoch] = number
            elif match := COUNT.fullmatch(tag):
                self.counts.setdefault(match[1], {})[epoch] = number
            elif (match := METRIC.fullmatch(tag)) and match[1] != "findings":
                self.metrics.setdefault(match[1], {})[epoch] = number
            elif tag.startswith("epoch_"):
                self.metrics.setdefault(tag.removeprefix("epoch_"), {})[epoch] = number

    def _take_array(self, epoch: int, name: str, value: summary_pb2.Summary.Value) -> None:
        row = np.frombuffer(value.tensor.tensor_content, "<f4")
        if content := value.metadata.plugin_data.content:
            names = json.loads(content)["names"]
            known = self._quantities.setdefault(name, _Quantity(names))
            if known.names != names:
                known.rows = {old: _rearranged(known.names, names, array) for old, array in known.rows.items()}
                known.names = names
        self._quantities[name].rows[epoch] = row

    def _all_quantities(self) -> dict[str, _Quantity]:
        """What was read, with what versions before 0.3 wrote, a scalar for each layer, of the same run."""
        found = dict(self._quantities)
        for name, by_layer in self._scalars.items():
            new = self._quantities.get(name, _Quantity([]))
            names = [*dict.fromkeys([*new.names, *by_layer])]
            rows = {epoch: _rearranged(new.names, names, row) for epoch, row in new.rows.items()}
            for epoch in set().union(*by_layer.values()) - {*new.rows}:
                rows[epoch] = np.array([by_layer.get(layer, {}).get(epoch, np.nan) for layer in names])
            found[name] = _Quantity(names, rows)
        return found

    def _metrics_of_keras(self) -> dict[str, Series]:
        """What Keras's TensorBoard callback wrote of the same run."""
        found: dict[str, Series] = {}
        for folder, prefix in KERAS_FOLDERS.items():
            reader = self._keras.setdefault(folder, RunReader(self.directory / folder))
            reader.update()
            found |= {f"{prefix}{name}": series for name, series in reader.metrics.items()}
        return found


def _number(tensor: tensor_pb2.TensorProto) -> float:
    """The number of a scalar, as Keras's TensorBoard callback and versions before 0.3 wrote it."""
    return tensor.float_val[0] if tensor.float_val else tensor_util.make_ndarray(tensor).item()


def _as_record(monitor: str, quantities: dict[str, _Quantity], epochs: list[int]) -> MonitorRecord:
    """What one monitor wrote as arrays (epochs, layers), NaN where it wrote nothing, of whole quantities too.

    A kernel of which nothing at all was recorded was never handed to the optimizer, so it is no layer.
    """
    layers = list(dict.fromkeys(name for quantity in quantities.values() for name in quantity.names))
    history = {}
    for name, quantity in quantities.items():
        nothing = np.full(len(quantity.names), np.nan)
        values = np.array([quantity.rows.get(epoch, nothing) for epoch in epochs], "float64")
        history[name] = _rearranged(quantity.names, layers, values)
    is_recorded = np.any([~np.isnan(values).all(axis=0) for values in history.values()], axis=0)
    chosen = np.flatnonzero(is_recorded)
    missing = dict.fromkeys(QUANTITIES[monitor], np.full((len(epochs), len(layers)), np.nan))
    missing.pop("clipped_fraction", None)  # is recorded of some trainings only
    history = missing | history
    return MonitorRecord([layers[i] for i in chosen], {name: values[:, chosen] for name, values in history.items()})


def _rearranged(names: list[str], wanted: Iterable[str], values: np.ndarray) -> np.ndarray:
    """The last axis of `values`, which has `names`, rearranged to the names that are wanted; NaN for new ones."""
    wanted = [*wanted]
    if names == wanted:
        return values
    place = {name: i for i, name in enumerate(names)}
    padded = np.concatenate([values, np.full((*values.shape[:-1], 1), np.nan, values.dtype)], axis=-1)
    return padded[..., [place.get(name, -1) for name in wanted]]
