"""How long an epoch of the tutorial's deep tanh network takes: plain Keras, and with whole epochs compiled.

Run with `make benchmark`. Compare ratios, not times: every row is measured in the same process, in turn.
"""

import argparse
import tempfile
import time
from pathlib import Path

from tutorials.lab import EpochMetrics, two_circles, whole_epochs
from tutorials.vanishing.deep_tanh import build_model

import keras
import numpy as np

from callbacks import GradientMonitor, WeightNormMonitor


class Clock(keras.callbacks.Callback):
    """Notes when each epoch ends, the callbacks of the epoch included, as it comes last."""

    def on_train_begin(self, logs=None):
        self.ends = []

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(time.perf_counter())

    def milliseconds(self):
        """The median epoch after the first, in which the functions are compiled."""
        return 1000 * np.median(np.diff(self.ends))


def train(callbacks, epochs, compiled):
    """Trains deep tanh, a whole epoch in one compiled call or as plain Keras does."""
    keras.utils.set_random_seed(1)
    train_half, test_half = two_circles()
    model = build_model()
    if compiled:
        whole_epochs(model, seed=1)
    model.fit(*train_half, epochs=epochs, validation_data=test_half, verbose=0, callbacks=callbacks)


def everything(run):
    """All that a script records, and a histogram of every kernel's gradient and weights each epoch."""
    return [EpochMetrics(run), GradientMonitor(run, histogram_freq=1), WeightNormMonitor(run, histogram_freq=1)]


def main(argv=None):
    """Time each row in turn, and print its median epoch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=15, help="of plain Keras, 2 or more (default: 15)")
    parser.add_argument("--compiled-epochs", type=int, default=200, help="of ours, 2 or more (default: 200)")
    parser.add_argument("--rounds", type=int, default=3, help="the median round counts (default: 3)")
    arguments = parser.parse_args(argv)
    plain, compiled = (arguments.epochs, False), (arguments.compiled_epochs, True)
    rows = {
        "Keras, plain port": (plain, lambda run: []),
        "Keras, TensorBoard(histogram_freq=1)": (
            plain,
            lambda run: [keras.callbacks.TensorBoard(run, histogram_freq=1, write_graph=False)],
        ),
        "ours, no callback": (compiled, lambda run: []),
        "ours, GradientMonitor()": (compiled, lambda run: [GradientMonitor()]),
        "ours, all callbacks, all histograms": (compiled, everything),
    }
    times = {name: [] for name in rows}
    for _ in range(arguments.rounds):
        for name, (training, callbacks) in rows.items():
            clock = Clock()
            with tempfile.TemporaryDirectory() as run:
                train([*callbacks(Path(run)), clock], *training)
            times[name].append(clock.milliseconds())
    base = np.median(times["Keras, plain port"])
    for name, measured in times.items():
        print(f"{name:40}{np.median(measured):8.2f} ms an epoch, 1/{base / np.median(measured):.1f} of the plain port")


if __name__ == "__main__":
    main()
