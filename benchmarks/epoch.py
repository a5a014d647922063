"""How long an epoch of the tutorial's deep tanh network takes: plain Keras against `fit`, with all callbacks.

Run with `make benchmark`. Compare ratios, not times: every row is measured in the same process, in turn.
"""

import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from callbacks import GradientMonitor, WeightNormMonitor
from tutorials.lab.data import two_circles
from tutorials.lab.runs import EpochMetrics
from tutorials.lab.training import compiled_model, fit
from tutorials.vanishing.deep_tanh import EXPERIMENT

ROUNDS = 3


class Clock(keras.callbacks.Callback):
    """Notes when each epoch ends, the callbacks of the epoch included, as it comes last."""

    def on_train_begin(self, logs=None):
        self.ends = []

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(time.perf_counter())

    def milliseconds(self):
        return 1000 * np.median(np.diff(self.ends)[1:])


def plain(callbacks, epochs=15):
    model = compiled_model(EXPERIMENT, seed=1)
    train, test = two_circles()
    model.fit(*train, epochs=epochs, validation_data=test, verbose=0, callbacks=callbacks)


def fast(callbacks, epochs=200):
    fit(compiled_model(EXPERIMENT, seed=1), *two_circles(), epochs, callbacks=callbacks)


def main():
    def everything(run):
        monitors = [GradientMonitor(run, histogram_freq=1), WeightNormMonitor(run, histogram_freq=1)]
        return [EpochMetrics(run), *monitors]

    rows = {
        "Keras, plain port": (plain, lambda run: []),
        "Keras, TensorBoard(histogram_freq=1)": (
            plain,
            lambda run: [keras.callbacks.TensorBoard(run, histogram_freq=1, write_graph=False)],
        ),
        "ours, no callback": (fast, lambda run: []),
        "ours, GradientMonitor()": (fast, lambda run: [GradientMonitor()]),
        "ours, all callbacks, all histograms": (fast, everything),
    }
    times = {name: [] for name in rows}
    for _ in range(ROUNDS):
        for name, (train, callbacks) in rows.items():
            clock = Clock()
            with tempfile.TemporaryDirectory() as run:
                train([*callbacks(Path(run)), clock])
            times[name].append(clock.milliseconds())
    base = np.median(times["Keras, plain port"])
    for name, measured in times.items():
        print(f"{name:40}{np.median(measured):8.2f} ms an epoch, 1/{base / np.median(measured):.1f} of the plain port")


if __name__ == "__main__":
    main()
