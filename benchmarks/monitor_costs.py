"""What watching costs: the time of an epoch with callbacks over its time without, for three models.

Run with `make benchmark`. Each row is measured in turn with a training without callbacks, several times, in
one process. As in `timeit`, the fastest epoch counts, on both sides: other programs can only make it slower. Beside
it, the ratio of the processor time that all threads of the process took.
"""

import argparse
import tempfile
import time

from tutorials.lab import two_circles, whole_epochs
from tutorials.vanishing import deep_tanh

import keras
import numpy as np
import tensorflow as tf

from callbacks import ActivationMonitor, Diagnosis, GradientMonitor, WeightNormMonitor

RANDOM = np.random.RandomState(0)


class Clock(keras.callbacks.Callback):
    """Notes when each epoch ends, by the clock on the wall and by the processors', all callbacks included."""

    def on_train_begin(self, logs=None):
        self.ends = []

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append((time.perf_counter(), time.process_time()))

    def milliseconds(self):
        """The fastest epoch after the first, in which the functions are compiled: wall, processors."""
        return 1000 * np.diff(self.ends, axis=0).min(axis=0)


class TapeEachEpoch(keras.callbacks.Callback):
    """The usual recipe: a tape over the training data at the end of each epoch, `tf.summary` for every kernel."""

    def __init__(self, x, y, run):
        super().__init__()
        self.x, self.y, self.run = tf.constant(x), tf.constant(y), run

    def on_train_begin(self, logs=None):
        self.writer = tf.summary.create_file_writer(self.run)

    def on_epoch_end(self, epoch, logs=None):
        with tf.GradientTape() as tape:
            loss = self.model.compute_loss(self.x, self.y, self.model(self.x, training=True))
        gradients = tape.gradient(loss, self.model.trainable_variables)
        with self.writer.as_default(step=epoch):
            for variable, gradient in zip(self.model.trainable_variables, gradients, strict=True):
                tf.summary.histogram(variable.path, gradient)
                tf.summary.scalar(variable.path, tf.reduce_mean(tf.abs(gradient)))


def tutorial(epochs, share):
    """The tutorial's deep tanh network; returns a function that trains it with callbacks, and its data."""
    (x, y), test = two_circles()
    model = deep_tanh.build_model()
    whole_epochs(model, seed=1)
    options = {"validation_data": test, "epochs": epochs or 100, "verbose": 0}
    return lambda callbacks: model.fit(x, y, callbacks=callbacks, **options), x, y


def mlp(epochs, share):
    """Two large dense layers on random numbers."""
    sizes = [(1000, "relu"), (500, "relu"), (10, "softmax")]
    model = keras.Sequential([keras.Input((784,)), *(keras.layers.Dense(*size) for size in sizes)])
    return keras_fit(model, RANDOM.rand(int(60000 * share), 784), 128, epochs)


def convnet(epochs, share):
    """Three convolutions on random numbers."""
    convolutions = [keras.layers.Conv2D(channels, 3, activation="relu", strides=2) for channels in (16, 32, 32)]
    model = keras.Sequential(
        [keras.Input((32, 32, 3)), *convolutions, keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]
    )
    return keras_fit(model, RANDOM.rand(int(19200 * share), 32, 32, 3), 64, epochs)


def keras_fit(model, x, batch_size, epochs):
    """Return a function that trains a model with callbacks for a few epochs of plain Keras, and its data."""
    x, y = x.astype("float32"), RANDOM.randint(0, 10, len(x))
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size).cache()
    return lambda callbacks: model.fit(data, epochs=epochs or 4, shuffle=False, verbose=0, callbacks=callbacks), x, y


MODELS = {build.__name__: build for build in (tutorial, mlp, convnet)}


ROWS = {
    "GradientMonitor()": lambda run, x, y: [GradientMonitor()],
    "GradientMonitor(log_dir)": lambda run, x, y: [GradientMonitor(run)],
    "GradientMonitor(sampled_steps=None)": lambda run, x, y: [GradientMonitor(sampled_steps=None)],
    "all three monitors, log_dir": lambda run, x, y: [
        GradientMonitor(run),
        WeightNormMonitor(run),
        ActivationMonitor(x[:128], run),
    ],
    "Diagnosis(log_dir, probe=...)": lambda run, x, y: [Diagnosis(run, probe=x[:128], verbose=0)],
    "gradient and weight histograms every epoch": lambda run, x, y: [
        GradientMonitor(run, histogram_freq=1),
        WeightNormMonitor(run, histogram_freq=1),
    ],
    "keras TensorBoard(histogram_freq=1)": lambda run, x, y: [
        keras.callbacks.TensorBoard(run, histogram_freq=1, write_graph=False)
    ],
    "tape over the data each epoch": lambda run, x, y: [TapeEachEpoch(x, y, run)],
}
"""The callbacks of each row, made by a function of the run's directory and the data."""


def main(argv=None):
    """Time each row against no callbacks, model by model, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=[*MODELS], help="models to train (default: all)")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=[*ROWS], help="callbacks to time (default: all)")
    parser.add_argument("--epochs", type=int, help="of each training, 2 or more (default: 100 of tutorial, else 4)")
    parser.add_argument("--share", type=float, default=1, help="of the samples of mlp and convnet (default: 1)")
    parser.add_argument("--rounds", type=int, default=3, help="trainings of each row (default: 3)")
    arguments = parser.parse_args(argv)
    for name_of_model in arguments.models:
        train, x, y = MODELS[name_of_model](arguments.epochs, arguments.share)
        without, watched = ({name: [] for name in arguments.rows} for _ in range(2))
        for _ in range(arguments.rounds):
            for name in arguments.rows:
                without[name].append(timed(train, lambda *_: [], x, y))
                watched[name].append(timed(train, ROWS[name], x, y))
        base = np.min(list(without.values()), axis=(0, 1))
        print(f"\n{name_of_model}: {base[0]:.1f} ms an epoch without callbacks, {base[1]:.1f} ms of processor time")
        for name in arguments.rows:
            wall, processors = np.min(watched[name], axis=0) / np.min(without[name], axis=0)
            added = np.min(watched[name], axis=0)[0] - np.min(without[name], axis=0)[0]
            print(f"  {name:44} x {wall:5.2f}, processors x {processors:5.2f} {added:+8.1f} ms", flush=True)


def timed(train, callbacks, x, y):
    """Milliseconds an epoch, from a training with the callbacks that `callbacks(run, x, y)` makes."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as run:
        train([*callbacks(run, x, y), clock])
    return clock.milliseconds()


if __name__ == "__main__":
    main()
