"""Reading back what the callbacks of this package wrote: event files into `Evidence`."""

import dataclasses
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorboard.compat.proto import event_pb2
from tensorboard.util import tensor_util

from ..evidence import Evidence, MonitorRecord
from .writer import FACTS, SCALAR

TAG = re.compile(r"(gradient|weight|activation|prediction)_(\w+)/(.+)")
METRIC = re.compile(r"diagnosis/(.+)")
KERAS_FOLDERS = {"train": "", "validation": "val_"}
"""Folders in which Keras's TensorBoard callback keeps a run's metrics, and what `model.fit` puts before their names."""

Series = dict[int, float]
"""The scalars of one tag: epoch to value."""


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
    Its metrics come from `Diagnosis`, or else from Keras's TensorBoard callback, if that wrote to the same place. A
    damaged event file is read up to the damage.

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
    found = [run for run in map(_read_run, directories) if run]
    if not found:
        raise ValueError(
            f"The event files in {log_dir} hold no whole epoch of these callbacks: "
            f"train with callbacks=[Diagnosis({str(log_dir)!r})]."
        )
    return found


def _read_run(directory: Path) -> Run | None:
    """The run in a directory; None where the event files are of other tools, or end before the first epoch does."""
    scalars, facts, damaged = _read_directory(directory)
    recorded: dict[str, dict[str, dict[str, Series]]] = {}  # monitor: quantity: layer
    metrics: dict[str, Series] = {}
    for tag, series in scalars.items():
        if match := TAG.fullmatch(tag):
            monitor, quantity, layer = match.groups()
            recorded.setdefault(monitor, {}).setdefault(quantity, {})[layer] = series
        elif (match := METRIC.fullmatch(tag)) and match[1] != "findings":
            metrics[match[1]] = series
    if not recorded:
        return None
    if not metrics:
        for folder, prefix in KERAS_FOLDERS.items():
            in_folder, _, damaged_in_folder = _read_directory(directory / folder)
            damaged += damaged_in_folder
            metrics |= {f"{prefix}{tag[6:]}": series for tag, series in in_folder.items() if tag.startswith("epoch_")}
    # An epoch is whole if every monitor and every metric has it. A monitor may lack single tags: a layer that was
    # frozen at first, a quantity that an older version did not write.
    epochs_of_monitors = [
        set().union(*(series for layers in quantities.values() for series in layers.values()))
        for quantities in recorded.values()
    ]
    epochs = sorted(set.intersection(*epochs_of_monitors, *map(set, metrics.values())))
    if not epochs:
        return None
    monitors = {f"{monitor}s": _as_record(quantities, epochs) for monitor, quantities in recorded.items()}
    metrics_by_epoch = {name: _as_array(series, epochs) for name, series in metrics.items()}
    return Run(directory, Evidence(epochs, metrics_by_epoch, facts=facts, **monitors), damaged)


def _as_record(quantities: dict[str, dict[str, Series]], epochs: list[int]) -> MonitorRecord:
    """What one monitor wrote as arrays (epochs, layers), NaN where it wrote nothing."""
    layers = list(dict.fromkeys(layer for by_layer in quantities.values() for layer in by_layer))
    history = {
        quantity: np.stack([_as_array(by_layer.get(layer, {}), epochs) for layer in layers], axis=1)
        for quantity, by_layer in quantities.items()
    }
    return MonitorRecord(layers, history)


def _as_array(series: Series, epochs: list[int]) -> np.ndarray:
    return np.array([series.get(epoch, np.nan) for epoch in epochs])


def _read_directory(directory: Path) -> tuple[dict[str, Series], dict[str, Any], list[Path]]:
    """The scalars of a directory's event files by tag, the facts of the run, and the damaged files."""
    scalars: dict[str, Series] = {}
    facts: dict[str, Any] = {}
    damaged: list[Path] = []
    plugins: dict[str, str] = {}  # of each tag: only its first value says it
    for path in sorted(directory.glob("*tfevents*"), key=lambda path: (path.stat().st_mtime, path.name)):
        try:
            for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                event = event_pb2.Event.FromString(record)
                for value in event.summary.value:
                    plugin = value.metadata.plugin_data.plugin_name or plugins.get(value.tag, "")
                    plugins[value.tag] = plugin
                    if plugin == SCALAR.plugin_data.plugin_name:
                        tensor = value.tensor
                        number = tensor.float_val[0] if tensor.float_val else tensor_util.make_ndarray(tensor).item()
                        scalars.setdefault(value.tag, {})[event.step] = number
                    elif plugin == FACTS.plugin_data.plugin_name:
                        facts = json.loads(value.tensor.string_val[0])
        except (tf.errors.DataLossError, DecodeError):
            damaged.append(path)
    return scalars, facts, damaged
