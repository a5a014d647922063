"""What all monitors share: the layers they watch, the history they keep, how they write and plot it."""

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from . import backend, plots
from ._epoch_end import EpochEnd
from ._guard import GuardedCallback
from .keras_internals import is_built
from .tensorboard import LayerArray, RunReader, SummaryWriter
from .train_function import TrainFunctionTap


@dataclasses.dataclass(frozen=True)
class _RecordedEpoch:
    """What a monitor keeps of an epoch: statistics by quantity, counts by name, and which names are layers by now."""

    number: int
    statistics: Mapping[str, np.ndarray]
    counts: Mapping[str, float]
    columns: list[int]


class Monitor(GuardedCallback):
    """Keeps statistics of every layer for every epoch; a base class for the callbacks of this package.

    A subclass names its quantities in `QUANTITIES` (name to label of a colour bar), in `CHARTED` those of them that are
    written as scalars too, and in `PREFIX` how their TensorBoard tags begin; it calls `begin` in `_watch` and `record`
    in `_look`.

    With a `log_dir`, it writes after each epoch every quantity as one array over the layers, for the tab Layers and for
    `diagnose`, and the epoch's metrics as scalars `Summary/<metric>`.

    A model that is not built when training begins is built by its first step. `_watch` waits for that: until the first
    epoch ends at the latest, and where `_listen` was called until the optimizer is handed the first gradients.

    Args:
        log_dir: directory for TensorBoard's event file; `None` writes nothing.
        histogram_freq: histograms are written every so many epochs; 0 writes none.
        all_scalars: whether every quantity of every layer is written as a scalar for Time Series, not only those of
            `CHARTED`.

    Attributes:
        layers: list of str, the names of what is watched, in model order.
        epochs: list of int, the epochs recorded, counted from 0.
        history: dict of float arrays of shape (epochs, layers), one for each quantity.

    Raises:
        ValueError: if `histogram_freq` is no number of epochs.
    """

    QUANTITIES: dict[str, str] = {}
    CHARTED: tuple[str, ...] = ()
    PREFIX = ""
    HISTOGRAM_SUFFIX = ""
    _OF_A_FIT: tuple[str, ...] = ("_writer", "_tap", "_listener", "epoch_end")

    def __init__(
        self, log_dir: str | os.PathLike | None = None, histogram_freq: int = 0, all_scalars: bool = False
    ) -> None:
        super().__init__()
        if histogram_freq < 0 or histogram_freq != int(histogram_freq):
            raise ValueError(
                f"histogram_freq must be 0 (no histograms) or a positive number of epochs, not {histogram_freq!r}."
            )
        self.log_dir = log_dir
        self.histogram_freq = int(histogram_freq)
        self.all_scalars = all_scalars
        self.quantities = dict(self.QUANTITIES)
        self._names: list[str] = []
        self._recorded: list[_RecordedEpoch] = []
        self._is_watching = False
        self._is_first_epoch = True  # of a `fit`
        self._writer: SummaryWriter | None = None
        self._tap: TrainFunctionTap | None = None
        self.epoch_end: EpochEnd | None = None
        self._listener: Callable[[], contextlib.AbstractContextManager] | None = None  # what `_tap` was given

    @property
    def layers(self) -> list[str]:
        """List of str: the names of what is watched, in model order."""
        return [self._names[i] for i in self._columns]

    @property
    def epochs(self) -> list[int]:
        """List of int: the epochs recorded, counted from 0."""
        return [epoch.number for epoch in self._recorded]

    @property
    def history(self) -> dict[str, np.ndarray]:
        """Dict of float arrays of shape (epochs, layers), one for each quantity."""
        columns = self._columns
        rows = [epoch.statistics for epoch in self._recorded]
        shape = (len(rows), len(self._names))
        return {name: np.array([row[name] for row in rows]).reshape(shape)[:, columns] for name in self.quantities}

    def latest(self, quantity: str) -> np.ndarray:
        """Return a quantity of the last epoch recorded, an array of shape (layers,); empty where there is none."""
        return self._recorded[-1].statistics[quantity][self._columns] if self._recorded else np.zeros(0)

    def latest_count(self, name: str) -> int | None:
        """Return a count of the last epoch recorded; None where there is none."""
        return int(self._recorded[-1].counts[name]) if self._recorded else None

    @property
    def _columns(self) -> list[int]:
        """The indices of those of `_names` that are `layers`."""
        return self._recorded[-1].columns if self._recorded else list(range(len(self._names)))

    def begin(self, layers: Sequence[str], quantities: Mapping[str, str] | None = None) -> None:
        """Start to watch `layers`, a list of names; what was recorded of other layers or quantities is forgotten."""
        quantities = self.QUANTITIES if quantities is None else quantities
        if (self._names, self.quantities) != (list(layers), quantities):
            self._names, self.quantities = list(layers), dict(quantities)
            self._recorded = []
        if self.log_dir is not None and self._writer is None:
            self._writer = SummaryWriter.open(self.log_dir)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Forget what an earlier `fit` recorded of this epoch and later ones; keep what came before."""
        while self._recorded and self._recorded[-1].number >= epoch:
            self._recorded.pop()
        super().on_epoch_begin(epoch, logs)

    def _epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self.epoch_end is not None:
            self.epoch_end.forget()
        if self._is_first_epoch and epoch > 0 and self._writer is not None:
            self._writer.resume(epoch)
            if not self._recorded:
                self._recall(epoch)
        self._is_first_epoch = False

    def _recall(self, epoch: int) -> None:
        """Read what an earlier process recorded of the epochs before this one, in which training resumes."""
        assert self.log_dir is not None
        reader = RunReader(self.log_dir)
        reader.update()
        read = {name: reader.rows(f"{self.PREFIX}_{name}", self._names) for name in self.quantities}
        columns: set[int] = set()
        for before in sorted(set.intersection(*map(set, read.values())) if read else set()):
            row = {name: rows[before] for name, rows in read.items()}
            counts = {name: series[before] for name, series in reader.counts.items() if before in series}
            columns |= {i for i in range(len(self._names)) if any(not np.isnan(values[i]) for values in row.values())}
            if before < epoch:
                self._recorded.append(_RecordedEpoch(before, row, counts, sorted(columns)))

    def _train_begin(self, logs: dict | None = None) -> None:
        self._is_watching, self._is_first_epoch = False, True
        self.epoch_end = EpochEnd.of(self)
        if is_built(self.model):
            self._begin_watching()

    def _begin_watching(self) -> None:
        """Call `_watch`, unless it was called; a step that is being traced does not see it."""
        if not self._is_watching:
            self._is_watching = True
            with backend.outside_the_step():
                self._watch()

    def _epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._begin_watching()
        self._look(epoch)
        if self._writer is not None:
            self._writer.write_metrics(epoch, scalar_metrics(logs))

    def _release(self) -> None:
        writer, tap, listener = self._writer, self._tap, self._listener
        super()._release()
        if tap is not None and listener is not None:
            tap.remove(listener)
        if writer is not None:
            writer.close()

    def _watch(self) -> None:
        """Find out what there is to watch in the model, which is built, and call `begin`."""
        raise NotImplementedError

    def _look(self, epoch: int) -> None:
        """Call `record` for an epoch that ends."""
        raise NotImplementedError

    def _listen(
        self,
        optimizer: keras.optimizers.Optimizer,
        take: Callable[[list, list, Any], None],
        count_begun: Callable[[list, list], None] = lambda gradients, variables: None,
    ) -> None:
        """Hand over the gradients of each step until training ends, as `backend.listen_to_gradients` does.

        The listeners are guarded: what one of them raises while the train step is traced leaves the step as it was.
        """
        listeners = [functools.partial(self.guarded, listener) for listener in (take, count_begun)]

        @contextlib.contextmanager
        def around_a_step() -> Iterator[None]:
            with contextlib.ExitStack() as stack:
                self.guarded(lambda: stack.enter_context(backend.listen_to_gradients(optimizer, *listeners)))
                yield

        self._tap, self._listener = TrainFunctionTap.of(self.model), around_a_step
        self._tap.add(around_a_step)

    def wants_histograms(self, epoch: int) -> bool:
        """Return whether histograms of this epoch go into the event file."""
        return self._writer is not None and self.histogram_freq > 0 and epoch % self.histogram_freq == 0

    def record(
        self,
        epoch: int,
        row: Mapping[str, np.ndarray],
        samples: Sequence[np.ndarray] = (),
        counts: Mapping[str, float] | None = None,
        columns: Sequence[int] | None = None,
    ) -> None:
        """Keep an epoch's statistics, and write them if there is a `log_dir`.

        Args:
            epoch: int, counted from 0.
            row: dict of each quantity to an array with a number for each name that `begin` was given.
            samples: for each of these names an array for its histogram; empty for none.
            counts: dict of name to a number that belongs to the epoch rather than to a layer.
            columns: indices of the names that are `layers` from now on; None for all. None of those of the epoch before
                may be missing.
        """
        counts, columns = dict(counts or {}), list(range(len(self._names)) if columns is None else columns)
        self._recorded.append(_RecordedEpoch(epoch, row, counts, columns))
        if self._writer is not None:
            layers = [(i, self._names[i]) for i in columns]
            arrays = {f"{self.PREFIX}_{name}": LayerArray(self._names, values) for name, values in row.items()}
            if len(columns) < len(self._names):
                is_layer = np.isin(np.arange(len(self._names)), columns)
                arrays = {
                    tag: LayerArray(self._names, np.where(is_layer, one.values, np.nan)) for tag, one in arrays.items()
                }
            charted = row if self.all_scalars else self.CHARTED
            scalars = {f"{name}/{layer}": row[name][i] for name in charted for i, layer in layers}
            self._writer.write(
                epoch,
                arrays=arrays,
                scalars={f"{self.PREFIX}_{tag}": value for tag, value in scalars.items()},
                counts={f"{self.PREFIX}_{name}": number for name, number in counts.items()},
                histograms={f"{layer}/kernel_0{self.HISTOGRAM_SUFFIX}": samples[i] for i, layer in layers if samples},
            )

    def plot(self, quantity: str | None = None) -> Figure:
        """Plot layers by epochs, coloured by the logarithm of a quantity.

        Cells without a value are white: a share that does not apply to a layer, an epoch in which a kernel got no
        gradient. Where values were recorded but none was finite, cells are red.

        Args:
            quantity: a key of `history`; `None` takes the first of `QUANTITIES`.

        Returns:
            A `matplotlib.figure.Figure`; Jupyter shows it where it is the last line of a cell.

        Raises:
            ValueError: if there is no such quantity, or nothing recorded yet.
        """
        quantity = self._plottable(quantity)
        label = self.quantities[quantity]
        return plots.heatmap(self._masked(quantity), self.layers, self.epochs, f"{label} of each layer")

    def plot_profile(self, quantity: str | None = None, epochs: Sequence[int] | None = None) -> Figure:
        """Plot a quantity from the first to the last layer, a line for each of some epochs.

        Args:
            quantity: a key of `history`; `None` takes the first of `QUANTITIES`.
            epochs: some of `monitor.epochs`, counted from 0; `None` takes five, evenly spaced from the first to the
                last. The legend counts them from 1, as Keras does when it prints them.

        Returns:
            A `matplotlib.figure.Figure`; Jupyter shows it where it is the last line of a cell.

        Raises:
            ValueError: if there is no such quantity, no such epoch, or nothing recorded yet.
        """
        quantity = self._plottable(quantity)
        if epochs is None:
            chosen = np.unique(np.linspace(0, len(self.epochs) - 1, 5).round().astype(int)).tolist()
        else:
            unknown = [epoch for epoch in epochs if epoch not in self.epochs]
            if unknown or not len(epochs):
                raise ValueError(
                    f"epochs must be some of those recorded, {self.epochs[0]} to {self.epochs[-1]}, not {epochs}."
                )
            chosen = [self.epochs.index(epoch) for epoch in epochs]
        values = self._masked(quantity)
        lines = {self.epochs[i]: values[i] for i in chosen}
        return plots.profile(lines, self.layers, self.quantities[quantity])

    def _masked(self, quantity: str) -> np.ma.MaskedArray:
        """The history of a quantity, masked where it is NaN although nothing was counted that is not finite."""
        values = self.history[quantity]
        nonfinite = self.history.get("nonfinite", np.zeros_like(values))
        return np.ma.masked_where(np.isnan(values) & ~(nonfinite > 0), values)

    def _plottable(self, quantity: str | None) -> str:
        quantity = quantity or next(iter(self.QUANTITIES))
        if quantity not in self.quantities:
            raise ValueError(f"Unknown quantity {quantity!r}; there are {', '.join(self.quantities)}.")
        if not self._recorded:
            raise ValueError(f"{type(self).__name__} has recorded nothing yet: plot after model.fit.")
        return quantity


def scalar_metrics(logs: Mapping[str, Any] | None) -> dict[str, float]:
    """Return the metrics that are single numbers, unlike `F1Score(average=None)`, which has one for each class."""
    found = {}
    for name, value in (logs or {}).items():
        with contextlib.suppress(TypeError, ValueError):
            found[name] = float(value)
    return found
