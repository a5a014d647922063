"""Many seeds of one experiment: the whole training of a member, all its epochs, as one compiled call."""

import os
import queue
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from callbacks import ActivationMonitor
from callbacks.gradients import before_apply
from callbacks.monitor import kernels

from .data import two_circles
from .results import Replicates
from .training import compiled_epoch, compiled_model, initial_model, order

THREADS = min(5, os.cpu_count())
"""Members trained at the same time. A network this small keeps one processor busy, and Python, which makes the models
one after another, keeps up with about five of them."""


def replicate(experiment, seeds, epochs=None, threads=THREADS):
    """Trains an experiment on the two circles once for each seed.

    Member s is what `fit(compiled_model(experiment, s), ..., seed=s)` trains: the model's own `train_step` and
    `test_step`, its initial weights and the order of its points drawn from s alone, whatever
    other seeds are asked for. Only here even the loop over the epochs is compiled, once for all members,
    and Python sees nothing of a member but its beginning and its end.

    Args:
        experiment: an `Experiment`.
        seeds: the seeds, an iterable of int.
        epochs: passes over the training half; `None` takes the experiment's own.
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
    trainer = _Trainer(compiled_model(experiment, seeds[0]), epochs or experiment.epochs, experiment.batch_size)
    idle = queue.SimpleQueue()
    for _ in range(threads):
        idle.put(trainer.variables())

    def train_member(start, seed):
        variables = idle.get()
        try:
            return trainer.train(variables, start, seed)
        finally:
            idle.put(variables)

    pool = ThreadPoolExecutor(threads)
    try:
        members = []
        for seed in seeds:  # in this thread, one after another: the seed of random weights is everybody's
            start = [variable.numpy() for variable in initial_model(experiment, seed).variables]
            members.append((start, pool.submit(train_member, start, seed)))
        before = [(start, trainer.examine(start)) for start, _ in members]
        after = [(end, trainer.examine(end), rows) for end, rows in (member.result() for _, member in members)]
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, the members under way and no more
    return trainer.replicates(seeds, before, after)


METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")
BY_LAYER = ("gradient_abs_mean", "weight_l1", "weight_l1_change")
HEALTH = ("std", "dead_fraction", "saturated_fraction")


class _Trainer:
    """Trains one member after another, or several in as many threads, with one compiled function."""

    def __init__(self, model, epochs, batch_size):
        self._model, self._epochs, self._batch_size = model, epochs, batch_size
        self._train, self._test = [[tf.constant(part) for part in half] for half in two_circles()]
        named = kernels(model)
        self.layers, self._kernels = list(named), list(named.values())
        model.optimizer.build(model.trainable_variables)
        start, self._fresh = ([tf.constant(v) for v in part.variables] for part in (model, model.optimizer))
        self._gradients = tf.Variable(tf.zeros(len(self._kernels)))
        run = tf.function(self._run_of, jit_compile=True, autograph=False)
        with before_apply(model.optimizer, self._look):
            self._run = run.get_concrete_function(start, self._fresh, self._orders(0))
        self._monitor = ActivationMonitor(self._train[0])
        self._monitor.set_model(model)

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

    def examine(self, state):
        """Returns the accuracy of the model in this state on the training half, and its activations, as `HEALTH`."""
        if not self._monitor.layers:
            self._monitor.on_train_begin()
            self._accuracy = tf.function(self._accuracy_of).get_concrete_function()
        for variable, value in zip(self._model.variables, state, strict=True):
            variable.assign(value)
        self._monitor.on_epoch_begin(0)
        self._monitor.on_epoch_end(0)
        return self._accuracy().numpy(), [self._monitor.history[name][-1] for name in HEALTH]

    def replicates(self, seeds, before, after):
        """Sorts the figures of all members into a `Replicates`."""
        starts, examined = zip(*before, strict=True)
        ends, examined_again, rows = zip(*after, strict=True)
        table = np.stack(rows)
        by_layer = np.split(table[..., len(METRICS) :], len(BY_LAYER), axis=-1)
        history = dict(zip(METRICS, np.moveaxis(table, -1, 0), strict=False))
        history |= dict(zip(BY_LAYER, by_layer, strict=True))
        accuracy = np.array([accuracy for accuracy, _ in examined_again])
        health = np.stack([[values for _, values in members] for members in (examined, examined_again)], axis=1)
        activations = dict(zip(HEALTH, health.transpose(2, 0, 1, 3), strict=True))
        initial, trained = ([np.stack(values) for values in zip(*states, strict=True)] for states in (starts, ends))
        return Replicates(np.array(seeds), np.array(self.layers), history, accuracy, activations, initial, trained)

    def _accuracy_of(self):
        self._model.reset_metrics()
        return self._model.test_step(self._train)["accuracy"]

    def _orders(self, seed):
        return _orders(len(self._train[0]), self._epochs, tf.constant(seed))

    def _run_of(self, start, fresh, orders):
        """The whole training of one member."""
        model = self._model
        for variable, value in zip([*model.variables, *model.optimizer.variables], [*start, *fresh], strict=True):
            variable.assign(value)
        x, y = self._train
        steps = -(-len(x) // self._batch_size)

        def train_epoch(epoch, rows):
            before = [tf.identity(kernel) for kernel in self._kernels]
            self._gradients.assign(tf.zeros_like(self._gradients))
            points = tf.gather(x, orders[epoch]), tf.gather(y, orders[epoch])
            logs = compiled_epoch(model, model.train_step, points, self._batch_size, self._test)
            changes = [kernel - old for kernel, old in zip(self._kernels, before, strict=True)]
            metrics = [logs[name] for name in METRICS]
            row = tf.concat([metrics, self._gradients / steps, _l1(self._kernels), _l1(changes)], axis=0)
            return epoch + 1, tf.tensor_scatter_nd_update(rows, [[epoch]], row[None])

        rows = tf.zeros((self._epochs, len(METRICS) + len(BY_LAYER) * len(self._kernels)))
        _, rows = tf.while_loop(lambda epoch, _: epoch < self._epochs, train_epoch, [0, rows])
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
