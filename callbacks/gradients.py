"""GradientMonitor: the kernel gradients of every training step, layer by layer."""

import contextlib
import os
from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from ._accumulation import EpochTotals, StepCounts, StepSampler
from ._guard import NothingToWatchError
from ._histogram_sample import HistogramSample
from ._statistics import GradientStatistics, gradient_statistics
from .evidence import QUANTITIES
from .keras_internals import distribution_strategy, have_values, inner_optimizer, kernels, other_optimizers
from .model_facts import model_facts
from .monitor import Monitor

ELEMENTS_PER_EPOCH = 25_000_000
"""Gradient elements that are read in an epoch, about, unless `sampled_steps` says otherwise.

Reading costs some 1 to 2 ns per element on a CPU core, so this bounds it to some hundredths of a second per epoch.
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
    `gradient_mean/<layer>` per epoch, every `histogram_freq` epochs a histogram `<layer>/kernel_0_grad`, and at the
    end an image of `gradient_abs_mean`, layers by epochs.

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
            or where the kernels are large as many as 25 million gradient elements allow, but 16 at least: with a
            million weights 25. `None` looks at every step. (While the number of steps is unknown, as in the first
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
        sampled_steps_history: int array of shape (epochs,), the steps looked at.
        skipped_steps_history: int array of shape (epochs,), the steps that loss scaling dropped because of a gradient
            that was not finite; they are in no other statistic.
        facts: dict, what is known of the model before it is trained, for the diagnosis.

    Raises:
        ValueError: if an argument makes no sense.
        RuntimeError: if Keras does not run on TensorFlow.
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
        self._recorder: _Recorder | None = None
        self._listened: keras.optimizers.Optimizer | None = None  # the optimizer, of one `fit`
        self._has_heard = False  # whether it was handed gradients in this `fit`

    @property
    def sampled_steps_history(self) -> np.ndarray:
        """Int array of shape (epochs,): the steps looked at."""
        return np.array([epoch.counts["sampled_steps"] for epoch in self._recorded], int)

    @property
    def skipped_steps_history(self) -> np.ndarray:
        """Int array of shape (epochs,): the steps that loss scaling dropped."""
        return np.array([epoch.counts.get("skipped_steps", 0) for epoch in self._recorded], int)

    def _train_begin(self, logs: dict | None = None) -> None:
        self.facts, self._has_heard = {}, False
        self._listened = optimizer = self.optimizer or self.model.optimizer
        if optimizer is None:
            raise NothingToWatchError(f"Model {self.model.name!r} has no optimizer. {self._how_to_name_one()}")
        super()._train_begin(logs)
        listeners = [(inner_optimizer(optimizer), self._take_step)]
        if inner_optimizer(optimizer) is not optimizer:
            listeners.append((optimizer, self._count_begun))
        self._listen(*listeners)

    def _watch(self) -> None:
        assert self._listened is not None
        watched = kernels(self.model)
        wants_sample = self.histogram_freq > 0 and self.log_dir is not None
        strategy = distribution_strategy(self.model)
        with strategy.scope():
            self._recorder = _Recorder(
                list(watched.values()), self._listened, self.sampled_steps, strategy.num_replicas_in_sync, wants_sample
            )
        self.begin(list(watched), QUANTITIES["gradient"] if self._recorder.clipping else self.QUANTITIES)
        self._recorder.sampler.expect((self.params or {}).get("steps"))
        self._keep_facts()

    def _keep_facts(self) -> None:
        """Keep the facts once the weights can be read, and write them for `diagnose`, which reads the event files."""
        assert self._listened is not None
        if not self.facts and have_values(self.model.trainable_variables):
            self.facts = model_facts(self.model, self._listened, self.params)
            if self._writer is not None:
                self._writer.write(0, facts={"facts": self.facts})

    def _count_begun(self, gradients: list[Any], variables: list[keras.Variable]) -> None:
        self._recording_of_a_step().count_begun(gradients)

    def _take_step(self, gradients: list[Any], variables: list[keras.Variable]) -> None:
        self._recording_of_a_step().take_step(gradients, variables)

    def _recording_of_a_step(self) -> "_Recorder":
        """The recorder; where the model was not built before its first step, made now."""
        self._begin_watching()
        if not self.facts:
            with tf.init_scope():
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
        if self._recorder is not None:
            self._recorder.totals.reset()

    def _look(self, epoch: int) -> None:
        recorder = self._recorder
        assert recorder is not None
        totals, steps = recorder.totals.read()
        self._has_heard = self._has_heard or steps.begun > 0 or steps.applied > 0
        if self._has_heard:
            self._trouble = None
        else:
            name = type(self._listened).__name__
            told = f"The optimizer it listened to, {name}, was handed none."
            self._trouble = f"saw no gradient: {told} {self._how_to_name_one()}"
        handed = sorted(recorder.handed) or list(range(len(totals.finite)))
        nonfinite = np.full_like(totals.nonfinite, np.nan)
        nonfinite[handed] = totals.nonfinite[handed]
        finite = np.where(totals.finite > 0, totals.finite, np.nan)
        row = {
            "abs_mean": totals.abs_mean / finite,
            "mean": totals.mean / finite,
            "l2": totals.l2 / finite,
            "max": np.where(np.isnan(finite), np.nan, totals.max),
            "zero_fraction": totals.zero_fraction / finite,
            "nonfinite": nonfinite,
        }
        if recorder.clipping:
            row["clipped_fraction"] = totals.clipped / finite
        counts = {"sampled_steps": steps.sampled}
        if recorder.is_loss_scaled:
            counts["skipped_steps"] = steps.begun - steps.applied
        samples: list[np.ndarray] = []
        if recorder.sample and self.wants_histograms(epoch):
            samples = recorder.sample.read(steps.sampled)
        handed_before = self._recorded[-1].columns if self._recorded else []
        self.record(epoch, row, samples, counts, columns=sorted({*handed_before, *handed}))
        recorder.sampler.expect(steps.applied)


class _Recorder:
    """Records the gradients of one `fit`, in operations of its compiled train step.

    Args:
        watched: the kernels.
        optimizer: the optimizer to listen to.
        sampled_steps: as `GradientMonitor` takes it.
        replicas: number of replicas that train at the same time.
        wants_sample: whether to keep gradient elements for histograms.

    Attributes:
        totals: `EpochTotals`.
        sampler: `StepSampler`.
        sample: `HistogramSample`, or None.
        clipping: the optimizer's argument that makes it clip each step's gradients, or None.
        is_loss_scaled: whether steps may be dropped before they reach the optimizer.
        handed: set of int, the kernels that the optimizer was handed; known once a step was traced.
    """

    def __init__(
        self,
        watched: Sequence[keras.Variable],
        optimizer: keras.optimizers.Optimizer,
        sampled_steps: int | Literal["auto"] | None,
        replicas: int,
        wants_sample: bool,
    ) -> None:
        self._inner = inner_optimizer(optimizer)
        self._index = {id(kernel): i for i, kernel in enumerate(watched)}
        self._replicas = replicas
        elements = sum(int(np.prod(kernel.shape)) for kernel in watched)
        automatic = min(max(ELEMENTS_PER_EPOCH // elements, MIN_SAMPLED_STEPS), MAX_SAMPLED_STEPS)
        self._takes_every_step = replicas > 1 or sampled_steps is None
        self.totals = EpochTotals(len(watched))
        self.sampler = StepSampler(automatic if sampled_steps == "auto" else sampled_steps)
        self.sample = HistogramSample(watched) if wants_sample else None
        self.clipping = _clipping(self._inner) if replicas == 1 else None
        self.is_loss_scaled = self._inner is not optimizer
        self.handed: set[int] = set()

    def count_begun(self, gradients: list[Any]) -> None:
        """Count a step that loss scaling may still drop."""
        with _once_computed(gradients):
            self.totals.count(StepCounts(begun=1))

    def take_step(self, gradients: list[Any], variables: list[keras.Variable]) -> None:
        """Look at one step's gradients if it is one of the sampled."""
        watched = {}
        for gradient, variable in zip(gradients, variables, strict=True):
            if id(variable) in self._index:
                self.handed.add(self._index[id(variable)])
                if gradient is not None:
                    watched[self._index[id(variable)]] = gradient
        present = [gradient for gradient in gradients if gradient is not None]
        if self._replicas > 1:
            context = tf.distribute.get_replica_context()
            watched = {i: context.all_reduce("sum", tf.convert_to_tensor(g)) for i, g in watched.items()}
        with _once_computed(present):
            if self._takes_every_step:
                self._add(watched, present)
            else:
                is_due = self.sampler.is_due(self.totals.counts().applied)
                tf.cond(is_due, lambda: self._add(watched, present), lambda: tf.constant(0))
            self.totals.count(StepCounts(applied=1))

    def _add(self, watched: dict[int, Any], present: list[Any]) -> tf.Tensor:
        """Add the statistics of one step to the totals; returns what both branches of a `tf.cond` return."""
        scale = self._inner.loss_scale_factor or 1.0  # where it is set, the optimizer divides by it
        watched = {i: tf.cast(tf.convert_to_tensor(g), tf.float32) / scale for i, g in sorted(watched.items())}
        if watched:
            statistics = gradient_statistics(list(watched.values()))
            if self.clipping:
                statistics = statistics._replace(clipped=self._is_clipped(statistics, present, scale))
            self.totals.add(list(watched), statistics)
        if self.sample is not None:
            self.sample.add(self.totals.counts().sampled, watched)
        self.totals.count(StepCounts(sampled=1))
        return tf.constant(0)

    def _is_clipped(self, statistics: GradientStatistics, present: list[Any], scale: float) -> tf.Tensor:
        """1 for each kernel whose gradient the optimizer is going to shorten, else 0."""
        if self.clipping == "clipvalue":
            return tf.cast(statistics.max > self._inner.clipvalue, tf.float32)
        if self.clipping == "clipnorm":
            return tf.cast(statistics.l2 > self._inner.clipnorm, tf.float32)
        norm = tf.linalg.global_norm(present) / scale
        return statistics.finite * tf.cast(norm > self._inner.global_clipnorm, tf.float32)


def _clipping(optimizer: keras.optimizers.Optimizer) -> str | None:
    """The argument that makes an optimizer clip each step's gradients, or None."""
    if optimizer.gradient_accumulation_steps:
        return None
    return next((name for name in ("clipnorm", "global_clipnorm", "clipvalue") if getattr(optimizer, name)), None)


def _once_computed(gradients: list[Any]) -> contextlib.AbstractContextManager:
    """A context whose operations wait for the gradients.

    At the end of data of unknown length TensorFlow starts one more step, and what does not wait for its batch runs all
    the same. (Keras's own `optimizer.iterations` is one too high after such an epoch.)
    """
    present = [gradient for gradient in gradients if gradient is not None]
    return tf.control_dependencies(tf.nest.flatten(present, expand_composites=True))
