"""What watching costs: the time of a training with callbacks over its time without, for five models.

Run with `python -m benchmarks.monitor_costs`, or `make benchmark`; with KERAS_BACKEND set, on JAX or PyTorch.

The time is that of the whole `fit` less its first epoch, so that everything counts that the callbacks do in an epoch,
between epochs and at the end. A training with and one without are measured in turn, five pairs in one process; the
number is the median of their ratios. Beside it: the ratio of the processor time of all threads, the milliseconds that
an epoch takes longer, and the seconds that the first epoch of a new model takes longer, in which the train step is
compiled; this is measured once.
`--memory` measures instead, in a process for each, by how much the largest memory in use grows.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time

import keras
import numpy as np
from keras import layers

from callbacks import ActivationMonitor, Diagnosis, GradientMonitor, WeightNormMonitor

RANDOM = np.random.RandomState(0)
PROBE = 256
"""Samples of the probe batch."""


class Clock(keras.callbacks.Callback):
    """Notes when the first epoch begins and when it ends, by the clock on the wall and by the processors'."""

    @staticmethod
    def now():
        return np.array([time.perf_counter(), time.process_time()])

    def on_train_begin(self, logs=None):
        self.first_ends = None

    def on_epoch_end(self, epoch, logs=None):
        if self.first_ends is None:
            self.first_ends = self.now()


class TapeEachEpoch(keras.callbacks.Callback):
    """The usual recipe: a tape over the training data at the end of each epoch, `tf.summary` for every kernel."""

    def __init__(self, x, y, run):
        super().__init__()
        self.x, self.y, self.run = x, y, run

    def on_train_begin(self, logs=None):
        import tensorflow as tf

        self.tf, self.writer = tf, tf.summary.create_file_writer(self.run)

    def on_epoch_end(self, epoch, logs=None):
        tf = self.tf
        with tf.GradientTape() as tape:
            loss = self.model.compute_loss(self.x, self.y, self.model(self.x, training=True))
        gradients = tape.gradient(loss, self.model.trainable_variables)
        with self.writer.as_default(step=epoch):
            for variable, gradient in zip(self.model.trainable_variables, gradients, strict=True):
                tf.summary.histogram(variable.path, gradient)
                tf.summary.scalar(variable.path, tf.reduce_mean(tf.abs(gradient)))


def tutorial():
    """Deep tanh through whole_epochs, 2 ms an epoch."""
    from tutorials.lab import two_circles, whole_epochs
    from tutorials.vanishing import deep_tanh

    (x, y), test = two_circles()
    model = deep_tanh.build_model()
    whole_epochs(model, seed=1)
    options = {"validation_data": test, "verbose": 0}
    return lambda callbacks, epochs: model.fit(x, y, epochs=epochs or 300, callbacks=callbacks, **options), x, y


def mlp():
    """Dense 784-1000-500-10, batches of 128, 50 steps."""
    stack = [layers.Dense(1000, "relu"), layers.Dense(500, "relu"), layers.Dense(10, "softmax")]
    return classifier(keras.Sequential([keras.Input((784,)), *stack]), RANDOM.rand(6400, 784), 128, 10)


def convnet():
    """Three convolutions, images of 32 x 32 x 3, batches of 64, 20 steps."""
    convolutions = [layers.Conv2D(channels, 3, activation="relu", strides=2) for channels in (16, 32, 32)]
    stack = [keras.Input((32, 32, 3)), *convolutions, layers.Flatten(), layers.Dense(10, "softmax")]
    return classifier(keras.Sequential(stack), RANDOM.rand(1280, 32, 32, 3), 64, 10)


def embedding():
    """Embedding of 500,000 x 100, 640 rows looked up in a step, 50 steps."""
    stack = [layers.Embedding(500_000, 100), layers.GlobalAveragePooling1D(), layers.Dense(10, "softmax")]
    x = RANDOM.randint(0, 500_000, (3200, 10))
    return classifier(keras.Sequential([keras.Input((10,), dtype="int32"), *stack]), x, 64, 6)


def deep():
    """200 layers of 500 units with Adam, batches of 32, 10 steps."""
    stack = [layers.Dense(500, "relu") for _ in range(200)]
    model = keras.Sequential([keras.Input((500,)), *stack, layers.Dense(10, "softmax")])
    return classifier(model, RANDOM.rand(320, 500), 32, 3, keras.optimizers.Adam())


def kernels_of(number, elements):
    """Return a function that builds a model of so many kernels of so many elements, 20 steps of 32 samples."""

    def build():
        units = int(np.sqrt(elements))
        stack = [layers.Dense(units, "relu") for _ in range(number)]
        return classifier(keras.Sequential([keras.Input((units,)), *stack]), RANDOM.rand(640, units), 32, 4, loss="mse")

    build.__doc__ = f"{number} kernels, {number * elements:,} weights, batches of 32, 20 steps."
    return build


def classifier(model, x, batch_size, epochs, optimizer=None, loss="sparse_categorical_crossentropy"):
    """Return a function that trains a model with callbacks, by default for so many epochs, and its data."""
    x = x.astype("int32" if x.dtype.kind == "i" else "float32")
    y = x if loss == "mse" else RANDOM.randint(0, 10, len(x))
    model.compile(optimizer or keras.optimizers.SGD(0.01), loss)
    options = {"batch_size": batch_size, "shuffle": False, "verbose": 0}
    return lambda callbacks, chosen: model.fit(x, y, epochs=chosen or epochs, callbacks=callbacks, **options), x, y


MODELS = {build.__name__: build for build in (tutorial, mlp, convnet, embedding, deep)}
SIZES = {f"kernels_{number}": kernels_of(number, 10_000) for number in (10, 100, 300)}
SIZES |= {f"weights_1e{power}": kernels_of(10, 10 ** (power - 1)) for power in (5, 6, 7, 8)}
"""Models whose costs show how they grow with the number of kernels and of weights."""


ROWS = {
    "GradientMonitor()": lambda run, x, y: [GradientMonitor()],
    "GradientMonitor(log_dir)": lambda run, x, y: [GradientMonitor(run)],
    "GradientMonitor(sampled_steps=None)": lambda run, x, y: [GradientMonitor(sampled_steps=None)],
    "all three monitors, log_dir": lambda run, x, y: [
        GradientMonitor(run),
        WeightNormMonitor(run),
        ActivationMonitor(x[:PROBE], run),
    ],
    "Diagnosis(log_dir, probe=...)": lambda run, x, y: [Diagnosis(run, probe=x[:PROBE], verbose=0)],
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
ONLY_ON_TENSORFLOW = ("tutorial", "keras TensorBoard(histogram_freq=1)", "tape over the data each epoch")
WITHOUT = "no callbacks"


def no_callbacks(run, x, y):
    """Make what a training without callbacks is given."""
    return []


def main(argv=None):
    """Time each row against no callbacks, model by model, and print the ratios."""
    is_tensorflow = keras.backend.backend() == "tensorflow"
    models = {
        name: build for name, build in (MODELS | SIZES).items() if is_tensorflow or name not in ONLY_ON_TENSORFLOW
    }
    rows = {name: make for name, make in ROWS.items() if is_tensorflow or name not in ONLY_ON_TENSORFLOW}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = [name for name in MODELS if name in models]
    parser.add_argument("--models", nargs="+", choices=models, default=default, help=f"default: {' '.join(default)}")
    parser.add_argument("--rows", nargs="+", choices=[*rows, WITHOUT], default=[*rows], help="default: all")
    parser.add_argument("--pairs", type=int, default=5, help="trainings with and without, of each row (default: 5)")
    parser.add_argument("--epochs", type=int, help="of each training, 2 or more (default: 3 to 300, by the model)")
    parser.add_argument("--memory", action="store_true", help="measure memory rather than time")
    parser.add_argument("--only-train", action="store_true", help="print the largest memory in use, in MB, and end")
    arguments = parser.parse_args(argv)
    for name in arguments.models:
        if arguments.only_train:
            train, x, y = models[name]()
            timed(train, x, y, rows.get(arguments.rows[0], no_callbacks), arguments.epochs)
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        elif arguments.memory:
            print(f"\n{name}: {models[name].__doc__}")
            base = memory(name, WITHOUT)
            for row in arguments.rows:
                print(f"  {row:44} {memory(name, row) - base:+8.0f} MB beside {base:.0f}", flush=True)
        else:
            measure(name, models[name], {row: rows[row] for row in arguments.rows}, arguments)


def measure(name, build, rows, arguments):
    """Print the costs of each row for one model."""
    print(f"\n{name}: {build.__doc__}")
    timed(*build(), no_callbacks, 2)  # what a process does once
    for row, make in rows.items():
        first, ratios, added = [], [], []
        for callbacks in (no_callbacks, make):
            train, x, y = build()
            first.append(timed(train, x, y, callbacks, 2)[0][0][0])
        for _ in range(arguments.pairs):
            plain, epochs = timed(train, x, y, no_callbacks, arguments.epochs)
            watched, _ = timed(train, x, y, make, arguments.epochs)
            ratios.append(watched[1] / plain[1])
            added.append(1000 * (watched[1] - plain[1])[0] / (epochs - 1))
        wall, processors = np.median(ratios, axis=0)
        spread = f"{np.min(ratios, axis=0)[0]:.2f} to {np.max(ratios, axis=0)[0]:.2f}"
        print(
            f"  {row:44} x {wall:5.2f} ({spread}), processors x {processors:5.2f}, {np.median(added):+8.2f} ms "
            f"of {1000 * plain[1][0] / (epochs - 1):.1f}, first epoch {first[1] - first[0]:+5.1f} s of {first[0]:.1f}",
            flush=True,
        )


def timed(train, x, y, make, epochs):
    """Train with the callbacks that `make(run, x, y)` makes; return the seconds of first epoch and rest, and epochs.

    Each are two numbers: by the clock on the wall, and of all processors.
    """
    clock = Clock()
    with tempfile.TemporaryDirectory() as run:
        start = Clock.now()
        history = train([*make(run, x, y), clock], epochs)
        end = Clock.now()
    return (clock.first_ends - start, end - clock.first_ends), len(history.epoch)


def memory(name, row):
    """The largest memory in use of a process that trains once, in MB."""
    command = [sys.executable, "-m", "benchmarks.monitor_costs", "--models", name, "--rows", row, "--only-train"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


if __name__ == "__main__":
    main()
