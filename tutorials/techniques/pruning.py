"""Pruning: removing units shrinks the network, setting weights to zero does not.

A dense network 784-1000-500-10 learns handwritten digits. Then the hidden units whose incoming weights have the
smallest L2 norm are removed, the same share in both layers; for comparison, the same share of the smallest hidden
weights is set to zero. Neither network is trained again. Removing 60 % of the units removes 60 % of the first kernel's
weights and 84 % of the second's, so it is the harder cut; but the network has smaller kernels and predicts faster.
Found with 10 seeds: without 60 % of the units the test accuracy falls from 0.97 to 0.92, and predictions take 0.44 of
the time; without 60 % of the weights it falls to 0.96.
"""

import time
from functools import partial

from tutorials.lab import EpochMetrics, digits, new_run, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment, number_of_seeds
from tutorials.techniques.technique_plots import lines

import keras
import numpy as np
from keras.initializers import HeUniform
from keras.layers import Dense
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor

SHARES = (0, 0.2, 0.4, 0.6, 0.8, 0.9)


def build_model(units=(1000, 500)):
    hidden = [
        Dense(number, "relu", kernel_initializer=HeUniform(), name=f"dense_{i}") for i, number in enumerate(units, 1)
    ]
    model = keras.Sequential([keras.Input((784,)), *hidden, Dense(10, "softmax", name="dense_3")])
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def without_units(model, share):
    """Return a smaller network, of the units with the largest norms of their incoming weights."""
    kernels, biases = ([layer.get_weights()[i] for layer in model.layers] for i in (0, 1))
    kept = [
        np.sort(np.argsort(np.linalg.norm(kernel, axis=0))[round(share * kernel.shape[1]) :]) for kernel in kernels[:-1]
    ]
    smaller = build_model([len(units) for units in kept])
    inputs, outputs = [slice(None), *kept], [*kept, slice(None)]
    for layer, kernel, bias, rows, columns in zip(smaller.layers, kernels, biases, inputs, outputs, strict=True):
        layer.set_weights([kernel[rows][:, columns], bias[columns]])
    return smaller


def without_weights(model, share):
    """Return a network of the same size whose smallest hidden weights are zero."""
    pruned = build_model()
    pruned.set_weights(model.get_weights())
    for layer in pruned.layers[:-1]:
        kernel, bias = layer.get_weights()
        layer.set_weights([np.where(np.abs(kernel) >= np.quantile(np.abs(kernel), share), kernel, 0), bias])
    return pruned


def prune(model, data):
    """Accuracies without each share of the units and of the weights, and milliseconds to predict, (shares,) each.

    The time is the median of nine predictions of all test images.
    """
    _, (x_test, y_test) = data
    of_units, of_weights, milliseconds = [], [], []
    for share in SHARES:
        smaller = without_units(model, share)
        of_units.append((smaller(x_test).numpy().argmax(axis=1) == y_test).mean())
        of_weights.append((without_weights(model, share)(x_test).numpy().argmax(axis=1) == y_test).mean())
        began = [time.perf_counter()]
        for _ in range(9):
            smaller(x_test).numpy()
            began.append(time.perf_counter())
        milliseconds.append(1000 * np.median(np.diff(began)))
    return {
        "without_units": np.array(of_units),
        "without_weights": np.array(of_weights),
        "milliseconds": np.array(milliseconds),
    }


def experiments(source=None):
    return [
        Experiment(
            "digits_pruned",
            "pruned",
            build_model,
            data=partial(digits, source),
            epochs=30,
            batch_size=75,
            measure=prune,
        )
    ]


def run(seed=1, epochs=30, log_dir="logs", data=None):
    directory = new_run(log_dir, "digits_pruned", seed)
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test) = digits(data)
    model = build_model()
    whole_epochs(model, seed)  # faster; without this line it is plain Keras
    model.fit(
        x_train,
        y_train,
        batch_size=75,
        validation_data=(x_test, y_test),
        epochs=epochs,
        verbose=0,
        callbacks=[
            GradientMonitor(directory),
            WeightNormMonitor(directory),
            EpochMetrics(directory),
            TqdmCallback(desc="digits_pruned", verbose=0),
        ],
    )
    _, train_accuracy = model.evaluate(x_train, y_train, verbose=0)
    _, test_accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Train: {train_accuracy:.3f}, Test: {test_accuracy:.3f}")
    pruned = {name: values[None] for name, values in prune(model, digits(data)).items()}
    draw(pruned, f"seed {seed}").savefig(directory / "pruning.png", dpi=120)
    return [Result("784-1000-500-10", train_accuracy, test_accuracy)]


def draw(pruned, seeds):
    """Draw accuracy and time by the share removed; `pruned` has what `prune` returns, with an axis of seeds first."""
    faster = np.median(pruned["milliseconds"][:, 0] / pruned["milliseconds"][:, -1])
    panels = {
        "test accuracy (share of images)": {
            "single weights removed": pruned["without_weights"],
            "whole units removed": pruned["without_units"],
        },
        "milliseconds to classify all test images": {"whole units removed": pruned["milliseconds"]},
    }
    accuracy = np.median(pruned["without_units"][:, -1])
    title = f"Without {SHARES[-1]:.0%} of the units: test accuracy {accuracy:.2f}, {faster:.1f} times as fast; {seeds}"
    return lines(SHARES, panels, "share removed", title)


def summarize(study):
    (members,) = study.members.values()
    pruned = {name: values[:, 1] for name, values in members.measured.items()}
    for i, share in enumerate(SHARES):
        units, weights, milliseconds = (np.median(values[:, i]) for values in pruned.values())
        print(
            f"{share:.0%} removed: test accuracy {units:.3f} without units, {weights:.3f} without weights; "
            f"{milliseconds:.2f} ms to classify all test images without units (medians)"
        )
    return {"pruning": draw(pruned, number_of_seeds(study, with_epochs=False))}


SCRIPT = Script(__doc__, run, experiments, summarize)

if __name__ == "__main__":
    SCRIPT.main()
