"""The gradients of a training by an eager `tf.GradientTape`, and the statistics that NumPy finds in them."""

import keras
import numpy as np
import tensorflow as tf

from callbacks.keras_internals import kernels


def gradients_by_tape(model, x, y, batch_size, sample_weight=None):
    """Train one epoch by hand; returns each step's gradients of the kernels, as float64, a list of lists."""
    watched = {id(kernel) for kernel in kernels(model).values()}
    steps = []
    for start in range(0, len(keras.tree.flatten(x)[0]), batch_size):
        cut = lambda part, start=start: tf.constant(part[start : start + batch_size])  # noqa: E731
        batch, target = keras.tree.map_structure(cut, x), keras.tree.map_structure(cut, y)
        with tf.GradientTape() as tape:
            predicted = model(batch, training=True)
            weight = None if sample_weight is None else cut(sample_weight)
            loss = model.compute_loss(batch, target, predicted, sample_weight=weight)
            scaled = model.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, model.trainable_variables)
        scale = float(scaled / loss)
        pairs = list(zip(gradients, model.trainable_variables, strict=True))
        steps.append([tf.convert_to_tensor(g).numpy().astype("float64") / scale for g, v in pairs if id(v) in watched])
        model.optimizer.apply_gradients(pairs)
    return steps


STATISTICS = {
    "mean": lambda steps: np.mean([g.mean() for g in steps]),
    "abs_mean": lambda steps: np.mean([np.abs(g).mean() for g in steps]),
    "l2": lambda steps: np.mean([np.linalg.norm(g) for g in steps]),
    "max": lambda steps: np.max([np.abs(g).max() for g in steps]),
    "zero_fraction": lambda steps: np.mean([(g == 0).mean() for g in steps]),
    "nonfinite": lambda steps: np.sum([(~np.isfinite(g)).sum() for g in steps]),
}
"""Each quantity of `GradientMonitor.history`, computed from a kernel's gradients in the steps of an epoch."""


def largest_error(history, steps, epoch=0):
    """The largest difference of one epoch's statistics from those of `steps`, relative to the kernel's own.

    Gradients below 1e-6 are rounding (the bias of attention's keys has none at all), and compared as absolute numbers.
    """
    worst = 0
    for i in range(len(steps[0])):
        kernel = [step[i] for step in steps]
        largest = max(STATISTICS["max"](kernel), 1e-6)
        sizes = {"l2": max(STATISTICS["l2"](kernel), 1e-6), "zero_fraction": 1 if largest > 1e-6 else np.inf}
        for name, statistic in STATISTICS.items():
            worst = max(worst, abs(history[name][epoch, i] - statistic(kernel)) / sizes.get(name, largest))
    return worst
