"""Reading back what the callbacks of this package wrote: event files into `Evidence`."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorboard.compat.proto import event_pb2
from tensorboard.util import tensor_util

from ..evidence import Evidence, Figures
from .writer import FACTS, SCALAR

TAG = re.compile(r"(gradient|weight|activation)_(\w+)/(.+)")
METRIC = re.compile(r"diagnosis/(.+)")
KERAS = {"train": "", "validation": "val_"}
"""Folders in which Keras's TensorBoard callback keeps a run's metrics, and what `model.fit` puts before their names."""


@dataclasses.dataclass(frozen=True)
class Run:
    """A run that was read from its directory.

    Attributes:
        directory: `pathlib.Path`.
        evidence: `Evidence`.
        damaged: list of `pathlib.Path`, the event files that could be read in part only.
    """

    directory: Path
    evidence: Evidence
    damaged: list


def runs(log_dir):
    """Reads all runs at and below a directory.

    A run is a directory with event files of `GradientMonitor`, `WeightNormMonitor`, `ActivationMonitor` or `Diagnosis`.
    Its metrics come from `Diagnosis`, or else from Keras's TensorBoard callback, if that wrote to the same place. A
    damaged event file is read up to the damage.

    Args:
        log_dir: a path.

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


def _read_run(directory):
    """The run in a directory; None where the event files are of other tools, or end before the first epoch does."""
    values, facts, damaged = _read_directory(directory)
    figures = {}  # monitor: quantity: layer: {epoch: value}
    metrics = {}
    for tag, points in values.items():
        if named := TAG.fullmatch(tag):
            monitor, quantity, layer = named.groups()
            figures.setdefault(monitor, {}).setdefault(quantity, {})[layer] = points
        elif (named := METRIC.fullmatch(tag)) and named[1] != "findings":
            metrics[named[1]] = points
    if not figures:
        return None
    if not metrics:
        for folder, prefix in KERAS.items():
            points_of, _, more = _read_directory(directory / folder)
            damaged += more
            metrics |= {f"{prefix}{tag[6:]}": one for tag, one in points_of.items() if tag.startswith("epoch_")}
    everything = [
        points for quantities in figures.values() for layers in quantities.values() for points in layers.values()
    ]
    epochs = sorted(set.intersection(*map(set, [*everything, *metrics.values()])))
    if not epochs:
        return None
    metrics = {name: np.array([points[epoch] for epoch in epochs]) for name, points in metrics.items()}
    monitors = {}
    for monitor, quantities in figures.items():
        names = list(next(iter(quantities.values())))
        history = {
            quantity: np.array([[points[layer][epoch] for layer in names] for epoch in epochs])
            for quantity, points in quantities.items()
        }
        monitors[f"{monitor}s"] = Figures(names, history)
    return Run(directory, Evidence(epochs, metrics, facts=facts, **monitors), damaged)


def _read_directory(directory):
    """All scalars in a directory's event files as {tag: {step: value}}, the facts, and the damaged files."""
    values, facts, damaged, plugins = {}, {}, [], {}
    for path in sorted(directory.glob("*tfevents*"), key=lambda path: (path.stat().st_mtime, path.name)):
        try:
            for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                event = event_pb2.Event.FromString(record)
                for value in event.summary.value:
                    plugin = value.metadata.plugin_data.plugin_name or plugins.get(value.tag)
                    plugins[value.tag] = plugin
                    if plugin == SCALAR.plugin_data.plugin_name:
                        tensor = value.tensor
                        number = tensor.float_val[0] if tensor.float_val else tensor_util.make_ndarray(tensor).item()
                        values.setdefault(value.tag, {})[event.step] = number
                    elif plugin == FACTS.plugin_data.plugin_name:
                        facts = json.loads(value.tensor.string_val[0])
        except (tf.errors.DataLossError, DecodeError):
            damaged.append(path)
    return values, facts, damaged
