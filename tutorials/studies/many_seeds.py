"""Many seeds of one experiment: the whole training of a member, all its epochs, as one compiled call."""

import functools
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from tutorials.lab import whole_epochs
from tutorials.lab.compiled_epochs import compiled_epoch, order
from tutorials.lab.keras_loop import (
    Factors,
    build_metrics,
    build_with_seed,
    call_with_variables,
    penalty_factors,
    replaced_penalties,
)

import keras
import numpy as np
import tensorflow as tf

from callbacks import GradientMonitor, WeightNormMonitor
from callbacks._statistics import ActivationStatistics
from callbacks.activations import statistics_by_call
from callbacks.keras_internals import before_apply, kernels, nonlinear_layers

from .computation import computation, digest, without_values
from .experiment import Experiment, Measurement
from .replicates import MAX_STORED_WEIGHTS, Replicates

THREADS = min(5, os.cpu_count() or 1)
"""Members trained at the same time. A network this small keeps one processor busy, and Python, which builds the models
one after another, keeps up with about five of them."""

METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")
BY_LAYER = ("gradient_abs_mean", "weight_l1", "weight_l1_change")
HEALTH = ("std", "dead_fraction", "saturated_fraction")

COMPILED_AT_MOST = 32
"""Compiled functions that are kept for experiments to come."""


def replicate(
    experiment: Experiment, seeds: Iterable[int], epochs: int | None = None, threads: int = THREADS
) -> Replicates:
    """Train an experiment once for each seed.

    Member s is what the script trains with seed s: the model's own `train_step` and `test_step`, its initial weights
    and the order of its samples drawn from s alone, whatever other seeds are asked for. But here even the loop over
    the epochs is compiled, and Python sees only the beginning and the end of a member. One compiled function serves all
    members, and all experiments that differ in nothing but initial weights, learning rate, the factors of L1 and L2
    penalties or the values of the data. (An experiment with callbacks needs Python after each epoch: it is trained by
    `fit`, one member at a time. What an experiment is pretrained on is trained first, with the same seeds.)

    Args:
        experiment: an `Experiment`.
        seeds: the seeds, an iterable of int.
        epochs: passes over the training samples; None takes the experiment's own.
        threads: members trained at the same time.

    Returns:
        A `Replicates`.

    Raises:
        ValueError: if there is no seed.

    >>> replicate(EXPERIMENT, range(1, 31)).test_accuracy.mean()
    """
    seeds = list(seeds)
    if not seeds:
        raise ValueError("There is nothing to train: name at least one seed.")
    trainer: _ByFit | _Compiled
    example = build_with_seed(experiment.build_model, 0)
    if experiment.build_callbacks:
        trainer, threads = _ByFit(experiment, example, epochs or experiment.epochs), 1  # Keras's own loop takes one
    else:
        trainer = _Compiled(experiment, example, epochs or experiment.epochs)
    idle: queue.SimpleQueue = queue.SimpleQueue()
    for _ in range(threads):
        idle.put(trainer.variables())

    def train_member(start: list[np.ndarray], seed: int) -> tuple:
        variables = idle.get()
        try:
            began = time.perf_counter()
            return *trainer.train(variables, start, seed), time.perf_counter() - began
        finally:
            idle.put(variables)

    first = experiment.pretrained
    begin = _beginnings(experiment, pretrained_members(first, tuple(seeds), threads) if first else None)
    examine = _Examiner(experiment, example).examine
    pool = ThreadPoolExecutor(threads)
    try:
        members = []
        for seed in seeds:  # in this thread, because initializers draw from global state
            start = begin(seed)
            members.append((start, pool.submit(train_member, start, seed)))
        before = [examine(start, seed) for seed, (start, _) in zip(seeds, members, strict=True)]
        trained = [member.result() for _, member in members]
        after = [examine(end, seed) for seed, (end, _, _) in zip(seeds, trained, strict=True)]
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, finish the members under way and no more
    ends, rows, seconds = zip(*trained, strict=True)
    small = sum(array.size for array in ends[0]) <= MAX_STORED_WEIGHTS
    starts = [start for start, _ in members]
    examined = {name: np.stack([[one[name] for one in when] for when in (before, after)], axis=1) for name in before[0]}
    return Replicates(
        seeds=np.array(seeds),
        layers=np.array(trainer.layers),
        history=_history(np.stack(rows)),
        train_accuracy=examined.pop("train_accuracy")[:, 1],
        test_accuracy=examined.pop("test_accuracy")[:, 1],
        activations={name: examined.pop(name) for name in HEALTH},
        measured=examined,
        seconds=np.array(seconds),
        initial=[np.stack(values) for values in zip(*starts, strict=True)] if small else [],
        trained=[np.stack(values) for values in zip(*ends, strict=True)] if small else [],
    )


def measured(measurement: Measurement, seeds: Sequence[int], directory: Path) -> Replicates:
    """Take a `Measurement` once for each seed; returns a `Replicates` that holds its values and nothing else.

    Args:
        measurement: the `Measurement`.
        seeds: the seeds.
        directory: where one that resumes has a directory for each seed.
    """
    if measurement.resumes:
        rows = [measurement.measure(seed, directory / f"seed{seed}") for seed in seeds]
    else:
        rows = [measurement.measure(seed) for seed in seeds]
    return Replicates(np.array(seeds), measured={name: np.stack([row[name] for row in rows]) for name in rows[0]})


def _history(table: np.ndarray) -> dict[str, np.ndarray]:
    """Sorts the rows of all members, (S, E, 4 + 3 L), into the history of a `Replicates`."""
    by_layer = np.split(table[..., len(METRICS) :], len(BY_LAYER), axis=-1)
    history = dict(zip(METRICS, np.moveaxis(table, -1, 0), strict=False))
    return history | dict(zip(BY_LAYER, by_layer, strict=True))


def _beginnings(experiment: Experiment, pretrained: Replicates | None) -> Callable[[int], list[np.ndarray]]:
    """Returns a function of a seed that returns the variables of its member before training.

    Args:
        experiment: the `Experiment`.
        pretrained: the trained members of the experiment that it goes on from; None where there is none.
    """

    def begin(seed: int) -> list[np.ndarray]:
        model = build_with_seed(experiment.build_model, seed)
        if pretrained and experiment.pretrained and experiment.transfer:
            source = build_with_seed(experiment.pretrained.build_model, seed)
            for variable, value in zip(source.variables, pretrained.select([seed]).trained, strict=True):
                variable.assign(value[0])
            experiment.transfer(model, source)
        return [variable.numpy() for variable in model.variables]

    return begin


@functools.lru_cache(maxsize=1)
def pretrained_members(experiment: Experiment, seeds: tuple[int, ...], threads: int) -> Replicates:
    """The members that an experiment goes on from; those used last are kept, as several experiments go on from them.

    A study forgets them as it begins, because what `build_model` returns may have changed.
    """
    members = replicate(experiment, seeds, threads=threads)
    if not members.trained:
        raise ValueError(
            f"{experiment.name} has more than {MAX_STORED_WEIGHTS:,} weights, too many for another experiment to go on "
            "from: make its layers smaller."
        )
    return members


class _Examiner:
    """Takes the statistics of a model in any state: accuracies, activations, what the experiment measures."""

    def __init__(self, experiment: Experiment, model: keras.Model) -> None:
        self._experiment = experiment
        data, halves = self._samples(0)
        shapes = [(tensor.shape, tensor.dtype) for half in halves for tensor in half]
        key = digest([without_values(computation(model)), shapes])
        self._statistics = _shared(_examiners, key, lambda: _Statistics(model, halves))
        self._of_all_seeds = [] if experiment.own_samples else [(data, halves)]

    def _samples(self, seed: int) -> tuple[tuple, list[list[tf.Tensor]]]:
        """What the experiment's `data` returns for a seed, and of it the training and the test samples as tensors."""
        data = self._experiment.samples(seed)
        return data, [[tf.constant(part) for part in half] for half in data[:2]]

    def examine(self, state: list[np.ndarray], seed: int) -> dict[str, Any]:
        """Returns a dict of statistics of the model with these variables, on the samples of a seed."""
        data, halves = self._of_all_seeds[0] if self._of_all_seeds else self._samples(seed)
        measure = self._experiment.measure
        with self._statistics.in_use:
            found = self._statistics.of(state, halves)
            return found | (measure(self._statistics.model, data) if measure else {})


class _Statistics:
    """Accuracies and activations of a model in any state, compiled; `in_use` is held while the model has that state.

    Args:
        model: a compiled model.
        halves: x and y of the training samples, x and y of the test samples, tensors; only their shapes count.
    """

    def __init__(self, model: keras.Model, halves: list[list[tf.Tensor]]) -> None:
        self.model, self.in_use = model, threading.Lock()
        self._watched = nonlinear_layers(model)
        build_metrics(model, tuple(halves[0]))
        self._function = tf.function(self._of_halves, autograph=False).get_concrete_function(halves)

    def of(self, state: list[np.ndarray], halves: list[list[tf.Tensor]]) -> dict[str, Any]:
        """Returns the statistics of the model with these variables, which it keeps."""
        for variable, value in zip(self.model.variables, state, strict=True):
            variable.assign(value)
        accuracies, activations = self._function(halves)
        found = dict(zip(("train_accuracy", "test_accuracy"), accuracies.numpy(), strict=True))
        by_name = ActivationStatistics(*activations.numpy().astype("float64"))._asdict()
        return found | {name: by_name[name] for name in HEALTH}

    def _of_halves(self, halves: list[list[tf.Tensor]]) -> tuple[tf.Tensor, tf.Tensor]:
        """The accuracies on both halves, and the activations on the training half, as operations of a graph."""
        accuracies = []
        for half in halves:
            self.model.reset_metrics()
            accuracies.append(self.model.test_step(half)["accuracy"])
        if not self._watched:
            return tf.stack(accuracies), tf.zeros((len(ActivationStatistics._fields), 0))
        _, activations = statistics_by_call(self.model, self._watched, halves[0][0][:1000])
        return tf.stack(accuracies), activations


class _ByFit:
    """Trains one member after another with `fit` and the experiment's callbacks."""

    def __init__(self, experiment: Experiment, model: keras.Model, epochs: int) -> None:
        self._experiment, self._epochs = experiment, epochs
        self.layers = list(kernels(model))

    def variables(self) -> None:
        """Returns None: every member has a model of its own."""

    def train(self, _: None, start: list[np.ndarray], seed: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Trains one member; returns what `_Compiled.train` returns, rows of NaN for skipped epochs."""
        model = build_with_seed(self._experiment.build_model, seed)
        for variable, value in zip(model.variables, start, strict=True):
            variable.assign(value)
        gradients, weights = GradientMonitor(sampled_steps=None), WeightNormMonitor()
        data = self._experiment.samples(seed)
        whole_epochs(model, seed)
        history = model.fit(
            *data[0],
            batch_size=self._experiment.batch_size,
            epochs=self._epochs,
            validation_data=data[-1],
            verbose=0,
            callbacks=[*self._experiment.build_callbacks(), gradients, weights],  # type: ignore[misc]
        ).history
        columns = [np.array(history[name])[:, None] for name in METRICS]
        columns += [gradients.history["abs_mean"], weights.history["l1"], weights.history["l1_change"]]
        rows = np.full((self._epochs, len(METRICS) + len(BY_LAYER) * len(self.layers)), np.nan, np.float32)
        rows[: len(history["loss"])] = np.concatenate(columns, axis=1)
        return [variable.numpy() for variable in model.variables], rows


class _Compiled:
    """Trains one member after another, or several in as many threads, with one compiled function."""

    def __init__(self, experiment: Experiment, model: keras.Model, epochs: int) -> None:
        model.optimizer.build(model.trainable_variables)
        self._experiment, self._epochs = experiment, epochs
        self._data = self._tensors(0)
        self._samples = len(self._data[0])
        self._fresh = [tf.constant(variable) for variable in model.optimizer.variables]
        self._factors = _as_tensors(penalty_factors(model))
        self.layers = list(kernels(model))
        shapes = [(tensor.shape, tensor.dtype) for tensor in self._data]
        key = digest([without_values(computation(model)), experiment.batch_size, epochs, shapes])
        training = _shared(_trainings, key, lambda: _Training(model, self._data, experiment.batch_size, epochs))
        self._function = training.function

    def _tensors(self, seed: int) -> list[tf.Tensor]:
        """The samples of a seed: x and y to train on, x and y to validate on."""
        train, *_, validation = self._experiment.samples(seed)
        return [tf.constant(part) for half in (train, validation) for part in half]

    def variables(self) -> list[tf.Variable]:
        """Returns a set of the variables that a training writes to; each thread needs its own."""
        return [tf.Variable(variable) for variable in self._function.variables]

    def train(
        self, variables: list[tf.Variable], start: list[np.ndarray], seed: int
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Trains one member.

        Args:
            variables: a set of `variables()` that no other thread is using.
            start: the model's variables before training, a list of arrays.
            seed: decides the order of the samples, and the samples where each seed has its own.

        Returns:
            The model's variables after training, and an array (E, 4 + 3 L): for each epoch its metrics, then the
            layers' mean |gradient|, L1 norms, and L1 norms of the change.
        """
        orders = _orders(tf.constant(self._samples), tf.constant(self._epochs), tf.constant(seed))
        data = self._tensors(seed) if self._experiment.own_samples else self._data
        rows, *end = call_with_variables(
            self._function,
            variables,
            [*map(tf.constant, start), *self._fresh, *data, orders, *tf.nest.flatten(self._factors)],
        )
        return [variable.numpy() for variable in end], rows.numpy()


class _Training:
    """The whole training of one member, as one compiled function of what it begins with.

    Args:
        model: a compiled model, its optimizer built.
        data: x and y to train on, x and y to validate on, tensors; only their shapes count.
        batch_size: samples per step.
        epochs: passes over the training samples.

    Attributes:
        function: takes the model's variables, the optimizer's, the data, the order of the samples in each epoch, and
            the factors of the variables' penalties; returns what `_Compiled.train` returns, in reverse order.
    """

    def __init__(self, model: keras.Model, data: list[tf.Tensor], batch_size: int, epochs: int) -> None:
        self._model, self._batch_size, self._epochs = model, batch_size, epochs
        self._kernels = list(kernels(model).values())
        self._gradients = tf.Variable(tf.zeros(len(self._kernels)))
        begin = [[tf.constant(variable) for variable in part.variables] for part in (model, model.optimizer)]
        orders = tf.TensorSpec((epochs, len(data[0])), tf.int32)
        build_metrics(model, (data[0][:batch_size], data[1][:batch_size]))
        training = tf.function(self._train_all_epochs, jit_compile=True, autograph=False)
        with before_apply(model.optimizer, self._add_gradients):
            self.function = training.get_concrete_function(*begin, data, orders, _as_tensors(penalty_factors(model)))

    def _train_all_epochs(
        self,
        start: list[tf.Tensor],
        fresh: list[tf.Tensor],
        data: list[tf.Tensor],
        orders: tf.Tensor,
        factors: list[dict[str, tf.Tensor]],
    ) -> list[tf.Tensor]:
        """The whole training of one member, as operations of a graph."""
        model, optimizer = self._model, self._model.optimizer
        for variable, value in zip([*model.variables, *optimizer.variables], [*start, *fresh], strict=True):
            variable.assign(value)
        x, y, *validation = data
        steps = -(-x.shape[0] // self._batch_size)

        def train_epoch(epoch: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            before = [tf.identity(kernel) for kernel in self._kernels]
            self._gradients.assign(tf.zeros_like(self._gradients))
            samples = tf.gather(x, orders[epoch]), tf.gather(y, orders[epoch])
            logs = compiled_epoch(model, model.train_step, samples, self._batch_size, validation)
            changes = [kernel - old for kernel, old in zip(self._kernels, before, strict=True)]
            metrics = [logs[name] for name in METRICS]
            row = tf.concat([metrics, self._gradients / steps, _l1(self._kernels), _l1(changes)], axis=0)
            return epoch + 1, tf.tensor_scatter_nd_update(rows, [[epoch]], row[None])

        rows = tf.zeros((self._epochs, len(METRICS) + len(BY_LAYER) * len(self._kernels)))
        with replaced_penalties(model, factors):
            _, rows = tf.while_loop(lambda epoch, _: epoch < self._epochs, train_epoch, [0, rows])
        optimizer.finalize_variable_values(model.trainable_variables)  # as `fit` does: averaged weights take effect
        return [rows, *[tf.identity(variable) for variable in model.variables]]

    def _add_gradients(self, gradients: list[tf.Tensor], variables: list[keras.Variable]) -> None:
        """Adds one step's mean |gradient| of each kernel to the epoch's."""
        handed = {id(variable): gradient for gradient, variable in zip(gradients, variables, strict=True)}
        found = [tf.convert_to_tensor(handed[id(kernel)]) for kernel in self._kernels]
        self._gradients.assign_add(tf.stack([tf.reduce_mean(tf.abs(gradient)) for gradient in found]))


_trainings: dict[str, _Training] = {}
_examiners: dict[str, _Statistics] = {}
_sharing = threading.Lock()

Shared = TypeVar("Shared")


def _shared(kept: dict[str, Shared], key: str, make: Callable[[], Shared]) -> Shared:
    """Returns what is kept under a key, made if it is not there; of many, those used last are kept."""
    with _sharing:  # the threads of a Dask worker share them too
        found = kept.pop(key) if key in kept else make()
        kept[key] = found
        while len(kept) > COMPILED_AT_MOST:
            del kept[next(iter(kept))]
        return found


@tf.function
def _orders(samples: tf.Tensor, epochs: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """The order of the samples in every epoch, (epochs, samples)."""
    return tf.map_fn(lambda epoch: order(samples, seed, epoch), tf.range(epochs))


def _as_tensors(factors: Sequence[Factors]) -> list[dict[str, tf.Tensor]]:
    return [{name: tf.constant(value) for name, value in own.items()} for own in factors]


def _l1(arrays: Sequence[tf.Tensor]) -> tf.Tensor:
    return tf.stack([tf.reduce_sum(tf.abs(array)) for array in arrays])
