"""Fast epochs for small networks: `model.fit` with a whole epoch, its validation too, as one compiled call."""

from collections.abc import Callable, Iterable
from typing import Any

from tutorials.interruption import raise_if_interrupted

import keras
import numpy as np
import tensorflow as tf

from .keras_loop import replace_fit, replaced_train_step

Arrays = tuple[np.ndarray, np.ndarray]


def whole_epochs(model: keras.Model, seed: int) -> None:
    """Make `model.fit` run every epoch as one compiled call.

    What is computed stays the same: the model's own `train_step` on one shuffled batch after another, the last one
    smaller, then its `test_step` on the validation data. But plain Keras returns to Python for every batch, which for
    a network of a few units takes nearly all of its time; here XLA compiles the loop over the batches.

    Three things are different for the caller. Samples are shuffled by `seed` and the number of the epoch, not by
    `tf.random`. Callbacks see one batch per epoch. `fit` takes arrays, and of its arguments `batch_size`, `epochs`,
    `verbose`, `callbacks`, `validation_data`, `shuffle` and `initial_epoch`.

    Args:
        model: a compiled `keras.Model`.
        seed: int; with the number of the epoch it decides the order of the samples.

    Raises:
        TypeError: in `fit`, for another argument.

    >>> whole_epochs(model, seed=1)
    >>> history = model.fit(x_train, y_train, validation_data=(x_test, y_test), epochs=500, verbose=0)
    """

    def fit(
        x: np.ndarray,
        y: np.ndarray,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Iterable[keras.callbacks.Callback] | keras.callbacks.Callback | None = None,
        validation_data: Arrays | None = None,
        shuffle: bool = True,
        initial_epoch: int = 0,
        **others: Any,
    ) -> keras.callbacks.History:
        if others:
            raise TypeError(
                f"After whole_epochs(model, seed), fit does not take {', '.join(others)}: "
                "delete the line with whole_epochs to fit with it."
            )
        own_step = model.train_step
        validation = None if validation_data is None else [tf.constant(part) for part in validation_data]

        def train_epoch(samples: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
            return compiled_epoch(model, own_step, samples, batch_size or 32, validation)

        given = [callbacks] if isinstance(callbacks, keras.callbacks.Callback) else list(callbacks or [])
        with replaced_train_step(model, train_epoch):
            return type(model).fit(
                model,
                epochs_of((x, y), seed if shuffle else None, initial_epoch),
                epochs=epochs,
                steps_per_epoch=1,
                shuffle=False,
                verbose=verbose,
                callbacks=[_RaiseIfInterrupted(), *given],
                initial_epoch=initial_epoch,
            )

    replace_fit(model, fit)


def compiled_epoch(
    model: keras.Model,
    train_step: Callable,
    samples: tuple[tf.Tensor, tf.Tensor],
    batch_size: int,
    validation: Iterable[tf.Tensor] | None,
) -> dict[str, tf.Tensor]:
    """One epoch as operations of a graph: `train_step` on one batch after another, then the validation.

    Args:
        model: a compiled `keras.Model`.
        train_step: its method of this name.
        samples: x and y, tensors, in the order of the epoch.
        batch_size: samples per step; the last batch may be smaller.
        validation: x and y, evaluated in one batch; None evaluates nothing.

    Returns:
        A dict of the epoch's metrics; those of the validation begin with `val_`.
    """
    x, y = samples
    batch_size = min(batch_size, x.shape[0])
    steps, rest = divmod(x.shape[0], batch_size)
    full = steps * batch_size
    batches = [tf.reshape(part[:full], (steps, batch_size, *part.shape[1:])) for part in samples]

    def train_batch(i: tf.Tensor) -> tf.Tensor:
        train_step((batches[0][i], batches[1][i]))
        return i + 1

    model.reset_metrics()
    tf.while_loop(lambda i: i < steps, train_batch, [0])
    if rest:
        train_step((x[full:], y[full:]))
    logs = model.get_metrics_result()
    model.reset_metrics()
    if validation is None:
        return logs
    return logs | {f"val_{name}": value for name, value in model.test_step(validation).items()}


def epochs_of(train: Arrays, seed: int | None, initial_epoch: int = 0) -> tf.data.Dataset:
    """Returns an endless dataset of epochs: x and y whole, shuffled by seed and epoch; None does not shuffle."""
    x, y = map(tf.constant, train)

    if seed is None:
        return tf.data.Dataset.from_tensors((x, y)).repeat()

    def shuffled(epoch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        chosen = order(len(x), seed, epoch)
        return tf.gather(x, chosen), tf.gather(y, chosen)

    return tf.data.Dataset.counter(initial_epoch, dtype=tf.int32).map(shuffled).prefetch(2)


def order(samples: tf.Tensor | int, seed: int | None, epoch: tf.Tensor | int) -> tf.Tensor:
    """Returns the order of the samples in an epoch, int32 (samples,), drawn from seed and epoch alone."""
    return tf.random.experimental.stateless_shuffle(tf.range(samples), seed=[seed, epoch])


class _RaiseIfInterrupted(keras.callbacks.Callback):
    """Ends `fit` after the epoch in which Ctrl-C was pressed, should Python have lost the exception."""

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        raise_if_interrupted()
