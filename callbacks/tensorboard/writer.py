"""Event files for TensorBoard: a few events per epoch, and one writer per directory.

`tf.summary` spends about 0.25 ms on a scalar and 4 ms on a histogram. An epoch's statistics built as a few `Event`s
and written as the records that an event file is made of cost a few hundredths of that. (TensorBoard's own
`EventFileWriter` computes its checksums in Python, which for histograms is slower than everything else here together.)

What the callbacks themselves read back, the tab Layers and `diagnose`, goes into events of its own, whose tags begin
with `layers/`: a quantity is one array over the layers. Everything else in the file is for other tabs.
"""

import contextlib
import dataclasses
import functools
import itertools
import json
import os
import socket
import struct
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, types_pb2
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as layout_plugin
from tensorboard.plugins.histogram import metadata as histogram_plugin
from tensorboard.plugins.image import metadata as image_plugin
from tensorboard.plugins.scalar import metadata as scalar_plugin
from tensorboard.plugins.text import metadata as text_plugin

from . import messages
from .records import framed

BUCKETS = 30
"""Buckets of a histogram, as many as `tf.summary.histogram` makes by default."""

SUMMARY = "Summary/"
"""How the tags of an epoch's metrics begin. Time Series sorts by code points, so a capital letter comes first."""

LAYERS = "layers/"
"""How the tags begin of what the tab Layers and `diagnose` read."""

# The Custom Scalars tab draws every layer of a run in one chart: by category a chart's title and its pattern of tags.
CHARTS = {
    "summary": {
        "loss, training and validation": "Summary/(val_)?loss",
        "accuracy, training and validation": "Summary/.*acc.*",
        "number of findings": "Summary/findings",
    },
    "gradients": {"mean |gradient| of each layer": "gradient_abs_mean/.*"},
    "weights": {
        "weight L1 norm of each layer": "weight_l1/.*",
        "weight change of each layer, L1": "weight_l1_change/.*",
    },
}


@dataclasses.dataclass(frozen=True)
class LayerArray:
    """A quantity of one epoch: `values`, an array with a number for each of `names`."""

    names: Sequence[str]
    values: np.ndarray


class SummaryWriter:
    """Writes scalars, histograms, images and texts of one run into one event file.

    Callbacks that log to the same directory share one writer, because TensorBoard may stop reading the older of two
    event files in a directory: get it with `SummaryWriter.open`, and call `close` as often as `open`.

    >>> writer = SummaryWriter.open("logs/run1")
    >>> writer.write(step=0, scalars={"loss": 0.7})
    >>> writer.close()
    """

    _open: dict[Path, "SummaryWriter"] = {}
    _count = itertools.count()

    @classmethod
    def open(cls, log_dir: str | os.PathLike) -> "SummaryWriter":
        """Return the writer of `log_dir`, made if there is none."""
        key = Path(log_dir).resolve()
        if key not in cls._open:
            cls._open[key] = cls(key)
        cls._open[key]._users += 1
        return cls._open[key]

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._users = 0
        self._described: dict[str, bytes] = {}  # tags whose metadata this file already holds, and what they say
        self._last_metrics: dict[str, tuple[int, str]] = {}  # epoch and value of each, as they were last written
        # TensorBoard reads a directory's files in the order of their names, and two may begin in one second.
        name = f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}.{next(self._count)}"
        self._path = log_dir / name
        self._resumed_at: int | None = None
        self._failed = False
        self._file: BinaryIO | None = None
        try:
            log_dir.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")
            version = event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2")
            self._add(version.SerializeToString(), messages.event(0, [messages.serialized(_layout())]))
        except OSError as error:
            self._give_up("cannot be written", error)

    def write(
        self,
        step: int,
        scalars: Mapping[str, float] | None = None,
        histograms: Mapping[str, np.ndarray] | None = None,
        images: Mapping[str, bytes] | None = None,
        texts: Mapping[str, str] | None = None,
        arrays: Mapping[str, LayerArray] | None = None,
        facts: Mapping[str, Any] | None = None,
        counts: Mapping[str, float] | None = None,
        values: Iterable[summary_pb2.Summary.Value] = (),
    ) -> None:
        """Write one step and flush it, so that a killed process loses no finished epoch.

        Where the file cannot be written (the directory is gone or not ours, the disk is full) it warns, once.

        Args:
            step: the x axis of TensorBoard; an epoch, counted from 0.
            scalars: dict of tag to number.
            histograms: dict of tag to array of any shape; values that are not finite are left out.
            images: dict of tag to the bytes of a PNG file.
            texts: dict of tag to Markdown.
            arrays: dict of the name of a quantity to `LayerArray`; for the tab Layers and `diagnose`.
            facts: dict of a name to what JSON can hold; for the tab Layers and `diagnose`.
            counts: dict of tag to number, scalars that are read back too.
            values: `Summary.Value`s that others made, such as TensorBoard's `hparams_pb`.
        """
        if self._failed:
            return
        with np.errstate(over="ignore"):
            ours = [self._layer_array(LAYERS + name, array) for name, array in (arrays or {}).items()]
            ours += [self._value(LAYERS + name, *_facts(fact)) for name, fact in (facts or {}).items()]
            ours += messages.scalars(counts or {})
            others = [messages.serialized(value) for value in values] + messages.scalars(scalars or {})
            others += [self._value(tag, *_image(image)) for tag, image in (images or {}).items()]
            others += [self._value(tag, TEXT, _string(text)) for tag, text in (texts or {}).items()]
            large = [self._value(tag, *_histogram(array)) for tag, array in (histograms or {}).items()]
        try:
            self._add(*(messages.event(step, group) for group in (ours, others, large) if group))
            self._path.stat()  # writing to an open file that was deleted raises nothing
        except OSError as error:
            self._give_up("can no longer be written", error)

    def resume(self, step: int) -> None:
        """Say that what the directory's files hold of this step and later ones is of no account: a run is resumed.

        TensorBoard and `RunReader` forget it then. Further calls with the same step write nothing.
        """
        if self._failed or self._resumed_at == step:
            return
        self._resumed_at = step
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        event = event_pb2.Event(wall_time=time.time(), step=step, session_log=start)
        try:
            self._add(event.SerializeToString())
        except OSError as error:
            self._give_up("can no longer be written", error)

    def write_metrics(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write the metrics of an epoch as scalars `Summary/<name>`, each once, whichever callbacks ask for it."""
        said = {name: (epoch, repr(value)) for name, value in metrics.items()}  # NaN is equal to itself as text
        new = [name for name in metrics if self._last_metrics.get(name) != said[name]]
        if new:
            self._last_metrics |= said
            self.write(epoch, {f"{SUMMARY}{name}": metrics[name] for name in new})

    def _give_up(self, what: str, error: Exception) -> None:
        self._failed = True
        warnings.warn(
            f"TensorBoard's event file {self._path} {what} ({error}). Training goes on and "
            "the callbacks keep their history in memory; nothing more goes into this file.",
            stacklevel=3,
        )

    def close(self) -> None:
        """Close the file when the last callback that opened it is done."""
        self._users -= 1
        if self._users == 0:
            del self._open[self._log_dir]
            if self._file is not None:
                with contextlib.suppress(OSError):  # every event was flushed, or warned about
                    self._file.close()

    def _value(self, tag: str, metadata: summary_pb2.SummaryMetadata, tensor: tensor_pb2.TensorProto) -> bytes:
        """A value; its first in the file says what it is, as TensorBoard reads it, and the next one if that changes."""
        value = summary_pb2.Summary.Value(tag=tag, tensor=tensor)
        if self._described.get(tag) != metadata.plugin_data.content:
            self._described[tag] = metadata.plugin_data.content
            value.metadata.CopyFrom(metadata)
        return messages.serialized(value)

    def _layer_array(self, tag: str, array: LayerArray) -> bytes:
        metadata = _of_layers(tuple(array.names))
        if self._described.get(tag) != metadata.plugin_data.content:
            return self._value(tag, metadata, messages.array_message(array.values))
        return messages.array(tag, array.values)

    def _add(self, *events: bytes) -> None:
        assert self._file is not None
        for event in events:
            self._file.write(framed(event))
        self._file.flush()


SCALAR = scalar_plugin.create_summary_metadata("", "")
HISTOGRAM = histogram_plugin.create_summary_metadata("", "")
IMAGE = image_plugin.create_summary_metadata("", "")
TEXT = text_plugin.create_summary_metadata("", "")
PLUGIN = "layers"
"""The name of the tab Layers among TensorBoard's plugins."""


@functools.lru_cache(maxsize=64)
def _of_layers(names: tuple[str, ...]) -> summary_pb2.SummaryMetadata:
    """Metadata of a quantity of layers, which is written in every epoch."""
    return _ours({"names": names})


def _ours(content: Any = None) -> summary_pb2.SummaryMetadata:
    """Metadata of what the tab Layers reads; `content` is what JSON can hold."""
    data = summary_pb2.SummaryMetadata.PluginData(plugin_name=PLUGIN, content=json.dumps(content).encode())
    return summary_pb2.SummaryMetadata(plugin_data=data)


def _facts(facts: Any) -> tuple[summary_pb2.SummaryMetadata, tensor_pb2.TensorProto]:
    return _ours(), _string(json.dumps(facts))


def _histogram(values: np.ndarray) -> tuple[summary_pb2.SummaryMetadata, tensor_pb2.TensorProto]:
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_DOUBLE, tensor_content=histogram(values).tobytes())
    for size in (BUCKETS, 3):
        tensor.tensor_shape.dim.add(size=size)
    return HISTOGRAM, tensor


def histogram(values: np.ndarray) -> np.ndarray:
    """Return `values` as TensorBoard's histogram tensor: (30, 3) of left edge, right edge, count.

    The buckets are equal, from the smallest to the largest finite value; where all values are the same, that value is
    both edges of every bucket and the last bucket counts them, as `tf.summary.histogram` has it.
    """
    values = np.asarray(values, "float64").ravel()
    values = values[np.isfinite(values)]
    table = np.zeros((BUCKETS, 3))
    if values.size == 0:
        return table
    low, high = values.min(), values.max()
    if low == high:
        table[:, :2] = low
        table[-1, 2] = values.size
        return table
    edges = np.linspace(low, high, BUCKETS + 1)
    bucket = ((values - low) / (high - low) * BUCKETS).astype(int)
    table[:, 0], table[:, 1] = edges[:-1], edges[1:]
    table[:, 2] = np.bincount(np.minimum(bucket, BUCKETS - 1), minlength=BUCKETS)
    return table


def _image(png: bytes) -> tuple[summary_pb2.SummaryMetadata, tensor_pb2.TensorProto]:
    width, height = struct.unpack(">II", png[16:24])  # a PNG's header comes first (RFC 2083, 3.2)
    sizes = [str(width).encode(), str(height).encode()]
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[*sizes, png])
    tensor.tensor_shape.dim.add(size=3)
    return IMAGE, tensor


def _string(text: str) -> tensor_pb2.TensorProto:
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[text.encode()])
    tensor.tensor_shape.dim.add(size=1)
    return tensor


def _layout() -> summary_pb2.Summary.Value:
    layout = layout_pb2.Layout()
    for category, charts in CHARTS.items():
        group = layout.category.add(title=category)
        for title, pattern in charts.items():
            group.chart.add(title=title).multiline.tag.append(pattern)
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[layout.SerializeToString()])
    return summary_pb2.Summary.Value(
        tag=layout_plugin.CONFIG_SUMMARY_TAG,
        metadata=layout_plugin.create_summary_metadata(),
        tensor=tensor,
    )
