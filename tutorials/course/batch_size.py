"""Batch size: how many samples per batch are best for accuracy, and how many for time.

Deep tanh with Glorot weights, which learns with every seed, is trained in batches of 1 to 500 samples; all 500 samples
in one batch are plain gradient descent. The learning rate stays the tutorial's, 0.01 with momentum 0.9. Here an epoch
is one compiled call, so a batch takes only the time of its arithmetic. In plain Keras each batch takes a few
milliseconds more, so small batches are slower still.
Found with 30 seeds: with one sample per batch no network learns at this rate, and with all 500 in one batch 22 do not
learn within 500 epochs. Between these two, larger batches need more epochs and end at a slightly higher test accuracy:
0.82 with 4 samples, 0.84 with 128.
"""

from tutorials.course.course_plots import accuracy_by_batch_size, accuracy_curves
from tutorials.lab import EpochMetrics, new_run, two_circles, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment

import keras
import numpy as np
from keras.initializers import GlorotUniform
from keras.layers import Dense
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor


def build_model():
    hidden = [Dense(5, "tanh", kernel_initializer=GlorotUniform(), name=f"dense_{i}") for i in range(1, 6)]
    output = Dense(1, "sigmoid", kernel_initializer=GlorotUniform(), name="dense_6")
    model = keras.Sequential([keras.Input((2,)), *hidden, output])
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model


SIZES = (1, 4, 16, 32, 64, 128, 500)
EXPERIMENTS = [Experiment(f"batch_{size}", f"batches of {size}", build_model, batch_size=size) for size in SIZES]


def run(seed=1, epochs=500, log_dir="logs"):
    (x_train, y_train), (x_test, y_test) = two_circles()
    results, accuracies = [], {}
    for experiment in EXPERIMENTS:
        directory = new_run(log_dir, experiment.name, seed)
        keras.utils.set_random_seed(seed)
        model = build_model()
        whole_epochs(model, seed)  # thirty times faster; without this line it is plain Keras
        history = model.fit(
            x_train,
            y_train,
            batch_size=experiment.batch_size,
            validation_data=(x_test, y_test),
            epochs=epochs,
            verbose=0,
            callbacks=[
                GradientMonitor(directory),
                WeightNormMonitor(directory),
                EpochMetrics(directory),
                TqdmCallback(desc=experiment.title, verbose=0),
            ],
        )
        _, train_accuracy = model.evaluate(x_train, y_train, verbose=0)
        _, test_accuracy = model.evaluate(x_test, y_test, verbose=0)
        print(f"{experiment.title}: Train: {train_accuracy:.3f}, Test: {test_accuracy:.3f}")
        results.append(Result(experiment.title, train_accuracy, test_accuracy))
        accuracies[experiment.title] = np.array([history.history["val_accuracy"]])
    best = max(results, key=lambda result: result.test_accuracy)
    figure = accuracy_curves(accuracies, f"Deep tanh, Glorot weights: {best.title} end best, {best.test_accuracy:.3f}")
    figure.savefig(new_run(log_dir, "batch_size", seed) / "accuracy.png", dpi=120)
    return results


def summarize(study):
    for name, members in study.members.items():
        seconds_per_epoch = np.median(members.seconds) / members.history["loss"].shape[1]
        reached = np.median(np.nan_to_num(members.epochs_to_80, nan=np.inf))
        if np.isfinite(reached):
            time_to_80 = f"80 % after {reached:.0f} epochs, {reached * seconds_per_epoch:.2f} s"
        else:
            time_to_80 = "fewer than half of the seeds get to 80 %"
        print(
            f"{study.title(name)}: test accuracy {np.median(members.test_accuracy):.3f}; "
            f"{1000 * seconds_per_epoch:.2f} ms per epoch; {time_to_80} (medians)"
        )
    return {"accuracy_by_batch_size": accuracy_by_batch_size(study)}


SCRIPT = Script(__doc__, run, EXPERIMENTS, summarize)

if __name__ == "__main__":
    SCRIPT.main()
