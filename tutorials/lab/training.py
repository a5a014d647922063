"""Training a model of the course: its data order, its weights, and `fit`, which is fast."""

import random
import threading
from unittest import mock

import keras
import tensorflow as tf
from keras.src.random import seed_generator


def fit(model, train, test, epochs, batch_size=32, seed=1, callbacks=()):
    """Keras's `model.fit` with a whole epoch, its validation too, as one compiled call.

    The computation is the plain `model.fit(*train, validation_data=test)`: the model's own `train_step`
    on one shuffled batch after another, the last one smaller, then its `test_step` on the test set.
    Only the way there differs. With networks this small, nearly all of plain Keras's time goes
    into calling from Python for each batch, so here the loop over the batches is compiled by XLA, and the
    data set that Keras sees yields an epoch where it used to yield a batch. Batch callbacks are
    therefore called once an epoch.

    Args:
        model: a compiled `keras.Model`.
        train: x and y, arrays whose first axis counts the points.
        test: x and y; evaluated after each epoch in one batch, logged as `val_loss` and so on.
        epochs: passes over `train`.
        batch_size: points a step.
        seed: with the epoch's number it decides the order of the points.
        callbacks: Keras callbacks.

    Returns:
        A `keras.callbacks.History`.

    >>> history = fit(model, *two_circles(), epochs=500, callbacks=[GradientMonitor("logs/run1")])
    """
    train_step, jit_compile = model.train_step, model.jit_compile
    test = [tf.constant(part) for part in test]

    def train_epoch(points):
        return compiled_epoch(model, train_step, points, batch_size, test)

    model.train_step, model.jit_compile = train_epoch, True
    model.make_train_function(force=True)
    try:
        return model.fit(
            epochs_of(train, seed),
            epochs=epochs,
            steps_per_epoch=1,
            shuffle=False,
            verbose=0,
            callbacks=list(callbacks),
        )
    finally:
        del model.train_step
        model.jit_compile, model.train_function = jit_compile, None


def compiled_epoch(model, train_step, points, batch_size, test):
    """One epoch as operations of a graph: `train_step` on one batch after another, the last one smaller, then the test.

    Args:
        model: a compiled `keras.Model`.
        train_step: its method of this name.
        points: x and y, tensors, in the order of the epoch.
        batch_size: points a step.
        test: x and y, evaluated in one batch.

    Returns:
        A dict of the epoch's metrics; those of the test begin with `val_`.
    """
    x, y = points
    batch_size = min(batch_size, x.shape[0])
    steps, rest = divmod(x.shape[0], batch_size)
    full = steps * batch_size
    batches = [tf.reshape(part[:full], (steps, batch_size, *part.shape[1:])) for part in points]

    def train_batch(i):
        train_step((batches[0][i], batches[1][i]))
        return i + 1

    model.reset_metrics()
    tf.while_loop(lambda i: i < steps, train_batch, [0])
    if rest:
        train_step((x[full:], y[full:]))
    logs = model.get_metrics_result()
    model.reset_metrics()
    return logs | {f"val_{name}": value for name, value in model.test_step(test).items()}


def epochs_of(train, seed):
    """Returns an endless `tf.data.Dataset` of epochs: x and y whole, in an order drawn from seed and epoch."""
    x, y = map(tf.constant, train)

    def shuffled(epoch):
        chosen = order(len(x), seed, epoch)
        return tf.gather(x, chosen), tf.gather(y, chosen)

    return tf.data.Dataset.counter(dtype=tf.int32).map(shuffled).prefetch(2)


def order(points, seed, epoch):
    """Returns the order of the points in an epoch, int32 (points,), drawn from seed and epoch alone."""
    return tf.random.experimental.stateless_shuffle(tf.range(points), seed=[seed, epoch])


def compiled_model(experiment, seed):
    """Returns the experiment's model, its random weights drawn from `seed`, compiled for its task."""
    model, task = initial_model(experiment, seed), experiment.task
    model.compile(loss=task.loss, optimizer=experiment.build_optimizer(), metrics=[task.accuracy])
    return model


def initial_model(experiment, seed):
    """Returns the experiment's model, not compiled, its random weights drawn from `seed`.

    The weights are those after `keras.utils.set_random_seed(seed)`, even while other threads of the process draw
    random numbers, as those of a Dask worker do: Keras takes the seed of an initializer from Python's one
    generator, so for the time being it is given a generator of its own.
    """
    with _building, mock.patch.object(seed_generator, "python_random", random.Random(seed)):
        keras.utils.set_random_seed(seed)
        return experiment.build_model()


_building = threading.Lock()
