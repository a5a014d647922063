"""The statistics of one step's gradients, of one epoch's weights, of one batch's activations: pure functions."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops


class GradientStatistics(NamedTuple):
    """Statistics of the gradients of n kernels in one step: tensors or arrays of shape (n,), over finite elements.

    The order of these fields is the order of the rows wherever they are stacked.
    """

    mean: Any
    abs_mean: Any
    """Mean magnitude."""
    l2: Any
    """Euclidean norm."""
    zero_fraction: Any
    """Share of elements that are exactly zero, 0 to 1."""
    nonfinite: Any
    """Number of elements that are NaN or infinite."""
    finite: Any
    """1 where at least one element is finite, else 0, and then so are the other statistics but `nonfinite`."""
    clipped: Any
    """1 where the optimizer is going to shorten this gradient, else 0."""
    max: Any
    """Largest magnitude."""


def gradient_statistics(matrix: Any, elements: Any, scale: Any) -> GradientStatistics:
    """Return the statistics of n gradients, a row each, with `clipped` 0.

    Everything is computed on the gradient divided by its largest magnitude, so that squares neither overflow when
    gradients explode nor underflow to a false zero when they vanish.

    Args:
        matrix: float32 tensor of shape (n, width), elements of each gradient; zeros may follow them.
        elements: (n,), how many elements the row stands for, zeros that are not in it included.
        scale: (n,), how many times as many the whole gradient has: 1 where all of it is looked at.
    """
    is_finite = ops.isfinite(matrix)
    values = ops.where(is_finite, matrix, 0.0)
    nonfinite = ops.sum(ops.cast(ops.logical_not(is_finite), "float32"), axis=1)
    count = elements - nonfinite
    counted = ops.maximum(count, 1.0)
    peak = ops.max(ops.absolute(values), axis=1)
    relative = values / ops.where(peak > 0, peak, 1.0)[:, None]
    nonzero = ops.sum(ops.cast(values != 0, "float32"), axis=1)
    return GradientStatistics(
        mean=peak * (ops.sum(relative, axis=1) / counted),
        abs_mean=peak * (ops.sum(ops.absolute(relative), axis=1) / counted),
        l2=peak * ops.sqrt(ops.sum(relative * relative, axis=1) * scale),
        zero_fraction=(count - nonzero) / counted,
        nonfinite=nonfinite,
        finite=ops.minimum(count, 1.0),
        clipped=ops.zeros_like(peak),
        max=peak,
    )


class WeightStatistics(NamedTuple):
    """Statistics of n kernels at the end of an epoch: arrays of shape (n,)."""

    l1_change: np.ndarray
    """Sum of the magnitudes of what was added to the weights, over those that are finite before and after."""
    l1: np.ndarray
    """Sum of the magnitudes of the finite weights."""
    update_ratio: np.ndarray
    """`l1_change` over the `l1` before the change; NaN where that is 0."""
    nonfinite: np.ndarray
    """Number of weights that are NaN or infinite."""


def weight_statistics(
    before: np.ndarray, after: np.ndarray, starts: np.ndarray, l1_before: np.ndarray, scale: np.ndarray
) -> WeightStatistics:
    """Return the statistics of kernels that were `before`, with the norms `l1_before`, and now are `after`.

    Args:
        before: elements of the first kernel, of the second, and so on.
        after: the same elements later.
        starts: (n,), where each kernel's elements begin.
        l1_before: (n,), the norm of each kernel before.
        scale: (n,), how many times as many elements each kernel has.
    """
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        change = l1_norms(after - before, starts)[0] * scale
    l1, nonfinite = l1_norms(after, starts)
    update_ratio = np.divide(change, l1_before, out=np.full_like(change, np.nan), where=l1_before > 0)
    return WeightStatistics(l1_change=change, l1=l1 * scale, update_ratio=update_ratio, nonfinite=nonfinite)


def l1_norms(elements: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each part the sum of its finite magnitudes, NaN where there is none, and the number of the others."""
    magnitudes = np.abs(elements)
    norms, nonfinite = np.add.reduceat(magnitudes, starts), np.zeros(len(starts))
    if not np.isfinite(norms).all():
        is_finite = np.isfinite(magnitudes)
        finite = np.add.reduceat(is_finite.astype(float), starts)
        norms = np.add.reduceat(np.where(is_finite, magnitudes, 0.0), starts)
        norms[finite == 0] = np.nan
        nonfinite = np.diff([*starts, len(elements)]) - finite
    return norms, nonfinite


SATURATED_OUTPUT = 0.9**0.5
"""|output| from which a tanh unit counts as saturated, 0.949: there the derivative of tanh, 1 - a², is a tenth of its
largest value. For sigmoid the same holds of 2a - 1, as sigmoid(x) = (1 + tanh(x / 2)) / 2: saturated is an output
below 0.026 or above 0.974.
"""

SATURATING_ACTIVATIONS = ("tanh", "sigmoid")
RELU_ACTIVATIONS = ("relu", "relu6")
"""Activations that are exactly zero, with a derivative of zero, over half of their inputs."""


class ActivationStatistics(NamedTuple):
    """Statistics of the outputs of n layers on one batch: tensors or arrays of shape (n,), over finite outputs."""

    std: Any
    """Standard deviation."""
    mean: Any
    saturated_fraction: Any
    """Share of outputs beyond `SATURATED_OUTPUT`, 0 to 1; NaN where the activation is neither tanh nor sigmoid."""
    dead_fraction: Any
    """Share of units that are zero on the whole batch, 0 to 1; NaN where the activation is no ReLU."""
    nonfinite: Any
    """Number of outputs that are NaN or infinite."""


def activation_statistics(activations: Sequence[str | None], outputs: Any) -> ActivationStatistics:
    """Return the statistics of the outputs of n layers, all of one shape.

    Args:
        activations: (n,), the names of the layers' activations.
        outputs: tensor of shape (n, samples, ..., units).
    """
    outputs = ops.cast(outputs, "float32")
    matrix = ops.reshape(outputs, (len(activations), -1))
    is_finite = ops.isfinite(matrix)
    values = ops.where(is_finite, matrix, 0.0)
    is_sigmoid = np.array([name == "sigmoid" for name in activations])[:, None]
    distance = ops.absolute(ops.where(is_sigmoid, 2 * values - 1, values)) if is_sigmoid.any() else ops.absolute(values)
    is_saturated = ops.logical_and(is_finite, distance > SATURATED_OUTPUT)
    rows = [values, *(ops.cast(row, "float32") for row in (is_finite, ops.logical_not(is_finite), is_saturated))]
    total, finite, nonfinite, saturated = ops.unstack(ops.sum(ops.stack(rows), axis=2))  # faster than four sums
    count = ops.maximum(finite, 1.0)
    mean = total / count
    deviation = ops.where(is_finite, matrix - mean[:, None], 0.0)
    dead_fraction = ops.zeros_like(mean)
    if any(name in RELU_ACTIVATIONS for name in activations):
        is_dead = ops.all(outputs == 0, axis=tuple(range(1, len(outputs.shape) - 1)))
        dead_fraction = ops.mean(ops.cast(is_dead, "float32"), axis=1)

    def where_one_of(names: Sequence[str], values: Any) -> Any:
        return ops.where(np.array([name in names for name in activations]), values, float("nan"))

    return ActivationStatistics(
        std=ops.sqrt(ops.sum(deviation * deviation, axis=1) / count),
        mean=mean,
        saturated_fraction=where_one_of(SATURATING_ACTIVATIONS, saturated / count),
        dead_fraction=where_one_of(RELU_ACTIVATIONS, dead_fraction),
        nonfinite=nonfinite,
    )
