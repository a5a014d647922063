"""Many seeds of one experiment: the whole training of a member, all its epochs, as one compiled call."""

import os
import queue
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from callbacks import ActivationMonitor, GradientMonitor, WeightNormMonitor
from callbacks.gradients import before_apply
from callbacks.monitor import kernels

from .results import KEPT, Replicates
from .training import compiled_epoch, compiled_model, fit, initial_model, order

THREADS = min(5, os.cpu_count())
"""Members trained at the same time. A network this small keeps one processor busy, and Python, which makes the models
one after another, keeps up with about five of them."""


def replicate(experiment, seeds, epochs=None, threads=THREADS):
    """Trains an experiment once for each seed.

    Member s is what `fit(compiled_model(experiment, s), ..., seed=s)` trains: the model's own `train_step` and
    `test_step`, its initial weights and the order of its points drawn from s alone, whatever
    other seeds are asked for. Only here even the loop over the epochs is compiled, once for all members,
    and Python sees nothing of a member but its beginning and its end. (An experiment with callbacks
    needs Python each epoch: it is trained by `fit` itself, a member at a time.)

    Args:
        experiment: an `Experiment`.
        seeds: the seeds, an iterable of int.
        epochs: passes over the training points; `None` takes the experiment's own.
        threads: members trained at the same time.

    Returns:
        A `Replicates`.

    Raises:
        ValueError: if there is no seed.

    >>> replicate(deep_tanh.EXPERIMENT, range(1, 31)).test_accuracy.mean()
    """
    seeds = list(seeds)
    if not seeds:
        raise ValueError("There is nothing to train: name at least one seed.")
    trainer = (_ByFit if experiment.build_callbacks else _Trainer)(experiment, epochs or experiment.epochs)
    threads = 1 if experiment.build_callbacks else threads  # Keras's own loop is no place for two
    idle = queue.SimpleQueue()
    for _ in range(threads):
        idle.put(trainer.variables())

    def train_member(start, seed):
        variables = idle.get()
        try:
            began = time.perf_counter()
            return *trainer.train(variables, start, seed), time.perf_counter() - began
        finally:
            idle.put(variables)

    examine = _Examiner(experiment).examine
    pool = ThreadPoolExecutor(threads)
    try:
        members = []
        for seed in seeds:  # in this thread, one after another: the seed of random weights is everybody's
            start = [variable.numpy() for variable in initial_model(experiment, seed).variables]
            members.append((start, pool.submit(train_member, start, seed)))
        before = [examine(start) for start, _ in members]
        trained = [member.result() for _, member in members]
        after = [examine(end) for end, _, _ in trained]
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, the members under way and no more
    ends, rows, seconds = zip(*trained, strict=True)
    small = sum(array.size for array in ends[0]) <= KEPT
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


def measured(measurement, seeds):
    """Takes a `Measurement` once for each seed; returns a `Replicates` that holds its figures and nothing else."""
    rows = [measurement.measure(seed) for seed in seeds]
    return Replicates(np.array(seeds), measured={name: np.stack([row[name] for row in rows]) for name in rows[0]})


METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")
BY_LAYER = ("gradient_abs_mean", "weight_l1", "weight_l1_change")
HEALTH = ("std", "dead_fraction", "saturated_fraction")


def _history(table):
    """Sorts the rows of all members, (S, E, 4 + 3 L), into the history of a `Replicates`."""
    by_layer = np.split(table[..., len(METRICS) :], len(BY_LAYER), axis=-1)
    history = dict(zip(METRICS, np.moveaxis(table, -1, 0), strict=False))
    return history | dict(zip(BY_LAYER, by_layer, strict=True))


class _Examiner:
    """Takes the figures of a model in any state: accuracies, activations, what the experiment measures."""

    def __init__(self, experiment):
        self._model, self._measure = compiled_model(experiment, 0), experiment.measure
        self._data = experiment.task.data()
        self._halves = [[tf.constant(part) for part in half] for half in self._data[:2]]
        self._accuracies = tf.function(self._accuracies_of).get_concrete_function()
        self._monitor = ActivationMonitor(self._halves[0][0][:1000])
        self._monitor.set_model(self._model)
        self._monitor.on_train_begin()

    def examine(self, state):
        """Returns a dict of figures of the model with these variables."""
        for variable, value in zip(self._model.variables, state, strict=True):
            variable.assign(value)
        self._monitor.on_epoch_begin(0)
        self._monitor.on_epoch_end(0)
        figures = dict(zip(("train_accuracy", "test_accuracy"), self._accuracies().numpy(), strict=True))
        figures |= {name: self._monitor.history[name][-1] for name in HEALTH}
        return figures | (self._measure(self._model, self._data) if self._measure else {})

    def _accuracies_of(self):
        accuracies = []
        for half in self._halves:
            self._model.reset_metrics()
            accuracies.append(self._model.test_step(half)["accuracy"])
        return tf.stack(accuracies)


class _ByFit:
    """Trains one member after another with `fit` and the experiment's callbacks."""

    def __init__(self, experiment, epochs):
        self._experiment, self._epochs = experiment, epochs
        self._train, *_, self._watched = experiment.task.data()
        self.layers = list(kernels(initial_model(experiment, 0)))

    def variables(self):
        return None

    def train(self, _, start, seed):
        """Trains one member; returns what `_Trainer.train` returns, rows of NaN for epochs that a callback spared."""
        model = compiled_model(self._experiment, seed)
        for variable, value in zip(model.variables, start, strict=True):
            variable.assign(value)
        gradients, weights = GradientMonitor(sampled_steps=None), WeightNormMonitor()
        callbacks = [*self._experiment.build_callbacks(), gradients, weights]
        batch_size = self._experiment.batch_size
        history = fit(model, self._train, self._watched, self._epochs, batch_size, seed, callbacks).history
        columns = [np.array(history[name])[:, None] for name in METRICS]
        columns += [gradients.history["abs_mean"], weights.history["l1"], weights.history["l1_change"]]
        rows = np.full((self._epochs, len(METRICS) + len(BY_LAYER) * len(self.layers)), np.nan, np.float32)
        rows[: len(history["loss"])] = np.concatenate(columns, axis=1)
        return [variable.numpy() for variable in model.variables], rows


class _Trainer:
    """Trains one member after another, or several in as many threads, with one compiled function."""

    def __init__(self, experiment, epochs):
        self._model, self._epochs, self._batch_size = compiled_model(experiment, 0), epochs, experiment.batch_size
        train, *_, watched = experiment.task.data()
        self._train, self._watched = [[tf.constant(part) for part in half] for half in (train, watched)]
        named = kernels(self._model)
        self.layers, self._kernels = list(named), list(named.values())
        optimizer = self._model.optimizer
        optimizer.build(self._model.trainable_variables)
        start, self._fresh = ([tf.constant(v) for v in part.variables] for part in (self._model, optimizer))
        self._gradients = tf.Variable(tf.zeros(len(self._kernels)))
        run = tf.function(self._run_of, jit_compile=True, autograph=False)
        with before_apply(optimizer, self._look):
            self._run = run.get_concrete_function(start, self._fresh, self._orders(0))

    def variables(self):
        """Returns a set of the variables that a training writes to; each thread needs its own."""
        return [tf.Variable(variable) for variable in self._run.variables]

    def train(self, variables, start, seed):
        """Trains one member.

        Args:
            variables: a set of `variables()` that nobody else is using.
            start: the model's variables before training, a list of arrays.
            seed: decides the order of the points.

        Returns:
            The model's variables after training, and an array (E, 4 + 3 L), a row of figures for each epoch.
        """
        # The graph was traced with the model's own variables; here their places are taken by the set's.
        handles = {id(old.handle): new.handle for old, new in zip(self._run.variables, variables, strict=True)}
        captured = [handles.get(id(tensor), tensor) for tensor in self._run.captured_inputs]
        start = [tf.constant(array) for array in start]
        rows, *end = self._run.inference_fn.call_flat(*start, *self._fresh, self._orders(seed), *captured)
        return [variable.numpy() for variable in end], rows.numpy()

    def _orders(self, seed):
        return _orders(len(self._train[0]), self._epochs, tf.constant(seed))

    def _run_of(self, start, fresh, orders):
        """The whole training of one member."""
        model, optimizer = self._model, self._model.optimizer
        for variable, value in zip([*model.variables, *optimizer.variables], [*start, *fresh], strict=True):
            variable.assign(value)
        x, y = self._train
        steps = -(-len(x) // self._batch_size)

        def train_epoch(epoch, rows):
            before = [tf.identity(kernel) for kernel in self._kernels]
            self._gradients.assign(tf.zeros_like(self._gradients))
            points = tf.gather(x, orders[epoch]), tf.gather(y, orders[epoch])
            logs = compiled_epoch(model, model.train_step, points, self._batch_size, self._watched)
            changes = [kernel - old for kernel, old in zip(self._kernels, before, strict=True)]
            metrics = [logs[name] for name in METRICS]
            row = tf.concat([metrics, self._gradients / steps, _l1(self._kernels), _l1(changes)], axis=0)
            return epoch + 1, tf.tensor_scatter_nd_update(rows, [[epoch]], row[None])

        rows = tf.zeros((self._epochs, len(METRICS) + len(BY_LAYER) * len(self._kernels)))
        _, rows = tf.while_loop(lambda epoch, _: epoch < self._epochs, train_epoch, [0, rows])
        optimizer.finalize_variable_values(model.trainable_variables)  # as `fit` does: averaged weights take effect
        return [rows, *[tf.identity(variable) for variable in model.variables]]

    def _look(self, gradients, variables):
        """Adds one step's mean |gradient| of each kernel to the epoch's."""
        handed = {id(variable): gradient for gradient, variable in zip(gradients, variables, strict=True)}
        found = [tf.convert_to_tensor(handed[id(kernel)]) for kernel in self._kernels]
        self._gradients.assign_add(tf.stack([tf.reduce_mean(tf.abs(gradient)) for gradient in found]))


@tf.function
def _orders(points, epochs, seed):
    """The order of the points in every epoch, (epochs, points)."""
    return tf.map_fn(lambda epoch: order(points, seed, epoch), tf.range(epochs))


def _l1(arrays):
    return tf.stack([tf.reduce_sum(tf.abs(array)) for array in arrays])
