"""GradientMonitor: the kernel gradients of every training step, layer by layer."""

import os
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
from keras import ops

from . import backend
from ._elements import GradientReader
from ._errors import NothingToWatchError
from ._histogram_sample import HistogramSample
from ._statistics import GradientStatistics
from .evidence import QUANTITIES
from .keras_internals import inner_optimizer, kernels, other_optimizers
from .model_facts import model_facts
from .monitor import Monitor

ELEMENTS_PER_EPOCH = 6_000_000
"""Gradient elements that are read in an epoch, about, unless `sampled_steps` says otherwise; see `GradientReader.cost`.

Reading costs some 10 ns per element on a CPU core, so this bounds it to some hundredths of a second per epoch.
"""

MIN_SAMPLED_STEPS, MAX_SAMPLED_STEPS = 16, 100
"""Steps that are looked at in an epoch, unless `sampled_steps` says otherwise: 100 estimate a mean to a tenth of the
steps' standard deviation, and 16, for large kernels, to a quarter of it.
"""


class GradientMonitor(Monitor):
    """Records the gradient of every kernel while `fit` trains.

    It stands where the optimizer is handed the gradients, inside the compiled train step, so what it records is what
    trains the model, on the very batches that train it: unscaled under mixed precision, summed over the replicas of a
    distribution strategy, before clipping and weight decay. Nothing is computed twice, no data is passed again, and
    the training is the same bit by bit.

    With a `log_dir`, TensorBoard shows every quantity in the tab Layers, the scalars `gradient_abs_mean/<layer>` and
    `gradient_mean/<layer>` per epoch, and every `histogram_freq` epochs a histogram `<layer>/kernel_0_grad`.

    >>> gradients = GradientMonitor(log_dir="logs/run1", histogram_freq=1)
    >>> model.fit(x, y, epochs=100, callbacks=[gradients])
    >>> gradients.history["abs_mean"][-1]        # the last epoch, input to output
    >>> gradients.plot()

    Args:
        log_dir: directory for TensorBoard's event file; `None` writes nothing.
        histogram_freq: histograms are written every so many epochs; 0 writes none. A histogram pools the elements of
            the kernel's gradient over the epoch's sampled steps (over the last of them, and over a fixed random choice
            of elements, where there are more than 4096 elements or 262,144 numbers altogether).
        sampled_steps: steps of an epoch that are looked at, at most, evenly spaced from the first. "auto" takes 100,
            or where the kernels are large as many as 6 million gradient elements allow, but 16 at least. `None`
            looks at every step and every element. (While the number of steps is unknown, as in the first
            epoch on a generator, all are looked at. Under a distribution strategy with several replicas they always
            are.)
        optimizer: the optimizer to listen to, for models that train with several; `None` takes `model.optimizer`.
        all_scalars: whether every quantity of every layer is written as a scalar `gradient_<quantity>/<layer>`.

    Attributes:
        layers: list of str, one name for each kernel that the optimizer was handed in some epoch recorded, in model
            order.
        epochs: list of int, the epochs recorded.
        history: dict of float arrays of shape (epochs, layers). For each sampled step statistics are computed over
            the finite elements of the kernel's gradient; recorded is, over the epoch's sampled steps, the mean of
            `mean` (signed), `abs_mean` (magnitudes), `l2` (the norm) and `zero_fraction` (share of exact zeros, 0 to
            1), the largest `max` (magnitude), and the sum of `nonfinite` (the number of NaN or infinite elements).
            Where the optimizer clips, `clipped_fraction` is the share of steps in which it shortened this gradient.
            A kernel that got no finite gradient in an epoch has NaN, and NaN in `nonfinite` too in an epoch whose
            `fit` never handed it to the optimizer. With gradient accumulation, each micro-batch is a step. Clipping is
            not recorded then, nor under a distribution strategy, whose replicas each clip their own part.
        sampled_elements: dict of the layers of whose kernels some elements stand for all, to their number: a fixed
            random choice of 4,096 to 65,536. `mean` and `nonfinite` are those of all elements; `abs_mean`, `l2` and
            `zero_fraction` are estimated, with a standard error of 1.2 % of `abs_mean` where 4,096 normally
            distributed elements are looked at, and of 0.3 % where it is 65,536; `max` is the largest among them. Of
            the gradient of an embedding TensorFlow hands over the rows that were looked up, and nothing is estimated;
            with JAX and PyTorch it is, from the few chosen elements that are not zero, with a larger error.
        sampled_steps_history: int array of shape (epochs,), the steps looked at.
        skipped_steps_history: int array of shape (epochs,), the steps that loss scaling dropped because of a gradient
            that was not finite; they are in no other statistic.
        facts: dict, what is known of the model before it is trained, for the diagnosis.

    Raises:
        ValueError: if an argument makes no sense.
    """

    QUANTITIES = {name: label for name, label in QUANTITIES["gradient"].items() if name != "clipped_fraction"}
    CHARTED = ("abs_mean", "mean")
    PREFIX = "gradient"
    HISTOGRAM_SUFFIX = "_grad"
    _OF_A_FIT = (*Monitor._OF_A_FIT, "_recorder", "_listened")

    def __init__(
        self,
        log_dir: str | os.PathLike | None = None,
        histogram_freq: int = 0,
        sampled_steps: int | Literal["auto"] | None = "auto",
        optimizer: keras.optimizers.Optimizer | None = None,
        all_scalars: bool = False,
    ) -> None:
        super().__init__(log_dir, histogram_freq, all_scalars)
        is_number_of_steps = isinstance(sampled_steps, int) and sampled_steps >= 1
        if not is_number_of_steps and sampled_steps not in ("auto", None):
            raise ValueError(
                "sampled_steps must be a whole number of steps, 1 or more, None for every step, or 'auto', "
                f"not {sampled_steps!r}."
            )
        if not isinstance(optimizer, keras.optimizers.Optimizer | None):
            raise ValueError(f"optimizer must be a Keras optimizer of the model, or None, not {optimizer!r}.")
        self.sampled_steps = sampled_steps
        self.optimizer = optimizer
        self.facts: dict[str, Any] = {}
        self.sampled_elements: dict[str, int] = {}
        self._recorder: _Recorder | None = None
        self._listened: keras.optimizers.Optimizer | None = None  # the optimizer, of one `fit`
        self._has_heard = False  # whether it was handed gradients in this `fit`

    @property
    def sampled_steps_history(self) -> np.ndarray:
        """Int array of shape (epochs,): the steps looked at."""
        return np.array([epoch.counts.get("sampled_steps", 0) for epoch in self._recorded], int)

    @property
    def skipped_steps_history(self) -> np.ndarray:
        """Int array of shape (epochs,): the steps that loss scaling dropped."""
        return np.array([epoch.counts.get("skipped_steps", 0) for epoch in self._recorded], int)

    def _train_begin(self, logs: dict | None = None) -> None:
        self.facts, self._has_heard = {}, False
        self._listened = optimizer = self.optimizer or self.model.optimizer
        if optimizer is None:
            raise NothingToWatchError(f"Model {self.model.name!r} has no optimizer. {self._how_to_name_one()}")
        self._listen(optimizer, self._take_step, self._count_begun)
        super()._train_begin(logs)

    def _watch(self) -> None:
        assert self._listened is not None
        assert self._tap is not None
        watched = kernels(self.model)
        wants_sample = self.histogram_freq > 0 and self.log_dir is not None
        recording = self._tap.recording
        self._recorder = _Recorder(recording, [*watched.values()], self._listened, self.sampled_steps, wants_sample)
        counts = zip(watched, self._recorder.sampled_elements, strict=True)
        self.sampled_elements = {name: count for name, count in counts if count is not None}
        self.begin(list(watched), QUANTITIES["gradient"] if self._recorder.clipping else self.QUANTITIES)
        self._recorder.begin_epoch((self.params or {}).get("steps"))
        assert self.epoch_end is not None
        self.epoch_end.add(self, self._recorder.reading)
        self._keep_facts()

    def _keep_facts(self) -> None:
        """Keep the facts once the weights can be read, and write them for `diagnose`, which reads the event files."""
        assert self._listened is not None
        if not self.facts and backend.have_values(self.model.trainable_variables):
            self.facts = model_facts(self.model, self._listened, self.params)
            if self._writer is not None:
                self._writer.write(0, facts={"facts": self.facts})

    def _count_begun(self, gradients: list[Any], variables: list[keras.Variable]) -> None:
        self._recording_of_a_step().count_begun(gradients, variables)

    def _take_step(self, gradients: list[Any], variables: list[keras.Variable], is_applied: Any) -> None:
        recorder = self._recording_of_a_step()
        if is_applied is not False:
            recorder.take_step(gradients, variables, is_applied)

    def _recording_of_a_step(self) -> "_Recorder":
        """The recorder; where the model was not built before its first step, made now."""
        self._begin_watching()
        if not self.facts:
            with backend.outside_the_step():
                self._keep_facts()
        assert self._recorder is not None
        return self._recorder

    def _how_to_name_one(self) -> str:
        """How the user names the optimizer to listen to, a sentence."""
        found = other_optimizers(self.model, self._listened)
        if found:
            return f"Name the one that trains the model: `optimizer=model.{found[0]}`."
        return "Name the one that trains the model, if there is one: `optimizer=...`."

    def _epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        super()._epoch_begin(epoch, logs)
        if self._recorder is not None:
            self._recorder.begin_epoch(self._recorder.expected_steps)

    def _look(self, epoch: int) -> None:
        recorder = self._recorder
        assert recorder is not None
        assert self.epoch_end is not None
        seen = recorder.seen(self.epoch_end.read(self))
        self._has_heard = self._has_heard or seen.begun > 0
        if self._has_heard:
            self._trouble = None
        else:
            name = type(self._listened).__name__
            told = f"The optimizer it listened to, {name}, was handed none."
            self._trouble = f"saw no gradient: {told} {self._how_to_name_one()}"
        sums = GradientStatistics(*seen.totals.sums)
        got_none = sums.finite == 0
        means = GradientStatistics(*(seen.totals.sums / np.where(got_none, np.nan, sums.finite)))
        handed = sorted(recorder.handed) or list(range(len(got_none)))
        nonfinite = np.full_like(sums.nonfinite, np.nan)
        nonfinite[handed] = sums.nonfinite[handed]
        row = {
            "abs_mean": means.abs_mean,
            "mean": means.mean,
            "l2": means.l2,
            "max": np.where(got_none, np.nan, seen.totals.max),
            "zero_fraction": means.zero_fraction,
            "nonfinite": nonfinite,
        }
        if recorder.clipping:
            row["clipped_fraction"] = means.clipped
        counts = {"sampled_steps": int(seen.totals.sampled)}
        if recorder.is_loss_scaled:
            counts["skipped_steps"] = seen.begun - seen.applied
        samples = recorder.sample.read() if recorder.sample and self.wants_histograms(epoch) else []
        handed_before = self._recorded[-1].columns if self._recorded else []
        self.record(epoch, row, samples, counts, columns=sorted({*handed_before, *handed}))
        recorder.expected_steps = seen.begun


class _EpochTotals(NamedTuple):
    """What is kept of an epoch's sampled steps."""

    sums: Any
    """The sum of each statistic, (fields of `GradientStatistics`, kernels)."""
    max: Any
    """The largest magnitude, (kernels,)."""
    sampled: Any
    """The number of sampled steps."""

    def joined(self, step: GradientStatistics) -> "_EpochTotals":
        """Return the totals with one more step in them."""
        return _EpochTotals(self.sums + ops.stack(step), ops.maximum(self.max, step.max), self.sampled + 1.0)


class _Epoch(NamedTuple):
    """What was recorded of an epoch, in NumPy arrays."""

    totals: _EpochTotals
    begun: int
    """Steps that asked the optimizer to apply gradients."""
    applied: int
    """Steps whose gradients reached it: all, unless loss scaling dropped some."""


class _Recorder:
    """Records the gradients of one `fit`, in operations of its train step.

    Args:
        recording: the `Recording` of the steps.
        watched: the kernels.
        optimizer: the optimizer to listen to.
        sampled_steps: as `GradientMonitor` takes it.
        wants_sample: whether to keep gradient elements for histograms.

    Attributes:
        reading: what `EpochEnd` takes: it returns the totals, and the numbers of steps.
        expected_steps: number of steps that the next epoch is expected to have, or None.
        sampled_elements: list of the number of elements of each kernel that are looked at, None where it is all.
        sample: `HistogramSample`, or None.
        clipping: the optimizer's argument that makes it clip each step's gradients, or None.
        is_loss_scaled: whether steps may be dropped before they reach the optimizer.
        handed: set of int, the kernels that the optimizer was handed; known once a step was traced.
    """

    def __init__(
        self,
        recording: backend.Recording,
        watched: Sequence[keras.Variable],
        optimizer: keras.optimizers.Optimizer,
        sampled_steps: int | Literal["auto"] | None,
        wants_sample: bool,
    ) -> None:
        self._recording = recording
        self._inner = inner_optimizer(optimizer)
        self._index = {id(kernel): i for i, kernel in enumerate(watched)}
        sizes = [int(np.prod(kernel.shape)) for kernel in watched]
        self._reader = GradientReader(sizes, is_exact=sampled_steps is None)
        self.sampled_elements = self._reader.sampled
        automatic = min(max(ELEMENTS_PER_EPOCH // self._reader.cost, MIN_SAMPLED_STEPS), MAX_SAMPLED_STEPS)
        self._max_steps = automatic if sampled_steps == "auto" else sampled_steps  # None takes every step
        self._sampler = recording.sampler(takes_every_step=recording.replicas > 1 or sampled_steps is None)
        nothing = np.zeros((len(GradientStatistics._fields), len(watched)))
        self._totals = recording.accumulator(_EpochTotals(nothing, nothing[0], np.zeros(())), _EpochTotals.joined)
        self.sample = HistogramSample(recording, sizes) if wants_sample else None
        self.clipping = _clipping(self._inner) if recording.replicas == 1 else None
        self.is_loss_scaled = self._inner is not optimizer
        if self.is_loss_scaled:
            self._begun = recording.sampler()
            self._applied = recording.accumulator(np.zeros(()), lambda count, one: count + one)
        counted: list[Any] = [self._begun, self._applied] if self.is_loss_scaled else []
        self.reading = recording.reading([self._totals, self._sampler, *counted])
        self.handed: set[int] = set()
        self.expected_steps: int | None = None

    def begin_epoch(self, steps: int | None) -> None:
        """Forget what was recorded, and expect so many steps; None where nobody knows."""
        self.expected_steps = steps
        self._sampler.begin_epoch(-(-steps // self._max_steps) if steps and self._max_steps else 1)
        self._totals.reset()
        if self.is_loss_scaled:
            self._begun.begin_epoch()
            self._applied.reset()
        if self.sample is not None:
            self.sample.reset()

    def seen(self, read: list[Any]) -> _Epoch:
        """Return what was recorded of the epoch, of what `reading` returned."""
        totals, steps = read[:2]
        begun, applied = read[2:] or (steps, steps)
        return _Epoch(totals, begun, int(applied))

    def count_begun(self, gradients: list[Any], variables: list[keras.Variable]) -> None:
        """Count a step that loss scaling may still drop."""
        with backend.once_computed([*self._watched(gradients, variables).values()]):
            self._begun.count()

    def _watched(self, gradients: list[Any], variables: list[keras.Variable]) -> dict[int, Any]:
        """The gradients of kernels among those of a step, by the numbers of the kernels, in order."""
        pairs = zip(gradients, variables, strict=True)
        found = {self._index[id(variable)]: one for one, variable in pairs if id(variable) in self._index}
        return dict(sorted(found.items()))

    def take_step(self, gradients: list[Any], variables: list[keras.Variable], is_applied: Any) -> None:
        """Look at one step's gradients if it is one of the sampled."""
        handed = self._watched(gradients, variables)
        self.handed |= {*handed}
        present = [gradient for gradient in gradients if gradient is not None]
        watched = {i: gradient for i, gradient in handed.items() if gradient is not None}
        watched = self._recording.summed_over_replicas(watched)
        # Wait for the gradients of kernels only: those of the scales of batch normalization TensorFlow would compute in
        # another way if operations depended on them, and round differently.
        with backend.once_computed([*watched.values()]):
            self._totals.add(lambda: self._statistics(watched, present), self._sampler, is_applied)
            if self.sample is not None:
                self.sample.add(lambda: self._reader.vectors(watched, self._divisor), self._sampler, is_applied)
            if self.is_loss_scaled:
                self._applied.add(lambda: ops.ones(()), condition=is_applied)
            self._sampler.count()

    @property
    def _divisor(self) -> float:
        """What the optimizer divides gradients by, where `loss_scale_factor` is set."""
        return self._inner.loss_scale_factor or 1.0

    def _statistics(self, watched: dict[int, Any], present: list[Any]) -> GradientStatistics:
        """The statistics of one step's gradients."""
        if not watched:
            return GradientStatistics(*ops.unstack(ops.zeros((len(GradientStatistics._fields), len(self._index)))))
        statistics = self._reader.statistics(watched, self._divisor)
        return statistics._replace(clipped=self._is_clipped(statistics, present)) if self.clipping else statistics

    def _is_clipped(self, statistics: GradientStatistics, present: list[Any]) -> Any:
        """1 for each kernel whose gradient the optimizer is going to shorten, else 0."""
        if self.clipping == "clipvalue":
            return ops.cast(statistics.max > self._inner.clipvalue, "float32")
        if self.clipping == "clipnorm":
            return ops.cast(statistics.l2 > self._inner.clipnorm, "float32")
        squares = [ops.sum(ops.square(ops.cast(backend.dense(gradient)[0], "float32"))) for gradient in present]
        norm = ops.sqrt(sum(squares)) / self._divisor
        return statistics.finite * ops.cast(norm > self._inner.global_clipnorm, "float32")


def _clipping(optimizer: keras.optimizers.Optimizer) -> str | None:
    """The argument that makes an optimizer clip each step's gradients, or None."""
    if optimizer.gradient_accumulation_steps:
        return None
    return next((name for name in ("clipnorm", "global_clipnorm", "clipvalue") if getattr(optimizer, name)), None)
