"""The gradients of a training by the backend's own automatic differentiation, and what NumPy finds in them."""

import keras
import numpy as np

from callbacks.keras_internals import kernels

BACKEND = keras.backend.backend()


def array(value):
    """A variable or tensor as an array of its own: PyTorch's share the memory of the variable."""
    return np.array(keras.ops.convert_to_numpy(getattr(value, "value", value)))


def step_by_tape(model, x, y, weight):
    """TensorFlow: one training step; returns the gradient of each trainable variable, unscaled, as arrays."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = model.compute_loss(x, y, model(x, training=True), sample_weight=weight)
        scaled = model.optimizer.scale_loss(loss)
    gradients = tape.gradient(scaled, model.trainable_variables)
    model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    return [tf.convert_to_tensor(gradient).numpy() / float(scaled / loss) for gradient in gradients]


def step_by_grad(model, x, y, weight):
    """JAX: one training step; returns the gradient of each trainable variable, unscaled, as arrays."""
    import jax

    model.optimizer.build(model.trainable_variables)
    start = [variable.value for variable in model.trainable_variables]
    state = [variable.value for variable in model.optimizer.variables]

    def loss_of(trainable):
        mapping = list(zip(model.trainable_variables, trainable, strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            loss = model.compute_loss(x, y, model(x, training=True), sample_weight=weight)
            scaled = model.optimizer.scale_loss(loss)
        others = [scope.get_current_value(variable) for variable in model.non_trainable_variables]
        return scaled, (scaled / loss, others)

    gradients, (scale, others) = jax.grad(loss_of, has_aux=True)(start)
    trainable, optimizer = model.optimizer.stateless_apply(state, gradients, start)
    for variable, value in zip(model.trainable_variables, trainable, strict=True):
        variable.assign(value)
    for variable, value in zip(model.optimizer.variables, optimizer, strict=True):
        variable.assign(value)
    for variable, value in zip(model.non_trainable_variables, others, strict=True):
        if value is not None:
            variable.assign(value)
    return [np.asarray(gradient) / float(scale) for gradient in gradients]


def step_by_backward(model, x, y, weight):
    """PyTorch: one training step; returns the gradient of each trainable variable, unscaled, as arrays."""
    import torch

    model.zero_grad()
    loss = model.compute_loss(x, y, model(x, training=True), sample_weight=weight)
    scaled = model.optimizer.scale_loss(loss)
    scaled.backward()
    gradients = [variable.value.grad for variable in model.trainable_variables]
    with torch.no_grad():
        model.optimizer.apply(gradients, model.trainable_variables)
    return [gradient.detach().cpu().numpy() / float(scaled.detach() / loss.detach()) for gradient in gradients]


STEP = {"tensorflow": step_by_tape, "jax": step_by_grad, "torch": step_by_backward}[BACKEND]


def gradients_by_tape(model, x, y, batch_size, sample_weight=None):
    """Train one epoch by hand; returns each step's gradients of the kernels, as float64, a list of lists."""
    watched = {id(kernel) for kernel in kernels(model).values()}
    steps = []
    for start in range(0, len(keras.tree.flatten(x)[0]), batch_size):
        cut = lambda part, start=start: keras.ops.convert_to_tensor(part[start : start + batch_size])  # noqa: E731
        batch, target = keras.tree.map_structure(cut, x), keras.tree.map_structure(cut, y)
        variables = list(model.trainable_variables)
        gradients = STEP(model, batch, target, None if sample_weight is None else cut(sample_weight))
        steps.append([g.astype("float64") for g, v in zip(gradients, variables, strict=True) if id(v) in watched])
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
