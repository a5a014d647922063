"""The statistics of one step's gradients, of one epoch's weights, of one batch's activations: pure functions."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf


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


def gradient_statistics(gradients: list[tf.Tensor]) -> GradientStatistics:
    """Return the statistics of each gradient, with `clipped` 0.

    The quick computation reads each gradient five times. Where an element is not finite, or a square could overflow
    or underflow, all gradients are computed the careful way, which takes twice as long.

    Args:
        gradients: float32 tensors of any shape, at least one.
    """
    gradients = [tf.reshape(gradient, [-1]) for gradient in gradients]
    magnitudes = [tf.abs(gradient) for gradient in gradients]
    totals = tf.stack([tf.reduce_sum(magnitude) for magnitude in magnitudes])
    peaks = tf.stack([tf.reduce_max(magnitude) for magnitude in magnitudes])
    squares_are_exact = tf.math.is_finite(totals) & ((peaks == 0) | (peaks > 1e-12) & (peaks < 1e12))

    def quick() -> tf.Tensor:
        sizes = tf.cast(tf.stack([tf.size(gradient) for gradient in gradients]), tf.float32)
        sums = tf.stack([tf.reduce_sum(gradient) for gradient in gradients])
        zeros = sizes - tf.stack([tf.reduce_sum(tf.sign(magnitude)) for magnitude in magnitudes])
        return tf.stack(
            GradientStatistics(
                mean=sums / sizes,
                abs_mean=totals / sizes,
                l2=tf.stack([tf.sqrt(2 * tf.nn.l2_loss(gradient)) for gradient in gradients]),
                zero_fraction=zeros / sizes,
                nonfinite=tf.zeros_like(totals),
                finite=tf.ones_like(totals),
                clipped=tf.zeros_like(totals),
                max=peaks,
            )
        )

    def careful() -> tf.Tensor:
        return tf.stack([tf.stack(_careful_statistics(gradient)) for gradient in gradients], axis=1)

    return GradientStatistics(*tf.unstack(tf.cond(tf.reduce_all(squares_are_exact), quick, careful)))


def _careful_statistics(gradient: tf.Tensor) -> GradientStatistics:
    """Return the statistics of one gradient of any size and with any elements, as scalars.

    Everything is computed on the gradient divided by its largest magnitude, so that squares neither overflow when
    gradients explode nor underflow to a false zero when they vanish.
    """
    is_finite = tf.math.is_finite(gradient)
    gradient = tf.where(is_finite, gradient, 0.0)
    count = tf.reduce_sum(tf.cast(is_finite, tf.float32))
    nonfinite = tf.cast(tf.size(gradient), tf.float32) - count
    peak = tf.reduce_max(tf.abs(gradient))
    scaled = gradient / tf.where(peak > 0, peak, 1.0)
    elements = tf.maximum(count, 1.0)
    zeros = tf.reduce_sum(tf.cast(gradient == 0, tf.float32)) - nonfinite
    return GradientStatistics(
        mean=peak * (tf.reduce_sum(scaled) / elements),
        abs_mean=peak * (tf.reduce_sum(tf.abs(scaled)) / elements),
        l2=peak * tf.sqrt(tf.reduce_sum(tf.square(scaled))),
        zero_fraction=zeros / elements,
        nonfinite=nonfinite,
        finite=tf.minimum(count, 1.0),
        clipped=tf.zeros_like(count),
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
    before: Sequence[np.ndarray], after: Sequence[np.ndarray], l1_before: np.ndarray
) -> WeightStatistics:
    """Return the statistics of kernels that were `before`, with the norms `l1_before`, and now are `after`."""
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        change, _ = l1_norms([new - old for new, old in zip(after, before, strict=True)])
    l1, nonfinite = l1_norms(after)
    update_ratio = np.divide(change, l1_before, out=np.full_like(change, np.nan), where=l1_before > 0)
    return WeightStatistics(l1_change=change, l1=l1, update_ratio=update_ratio, nonfinite=nonfinite)


def l1_norms(arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return for each array the sum of its finite magnitudes, NaN where there is none, and the number of the others."""
    norms, nonfinite = np.zeros(len(arrays)), np.zeros(len(arrays))
    for i, array in enumerate(arrays):
        norms[i] = np.abs(array).sum()
        if not np.isfinite(norms[i]):
            finite = array[np.isfinite(array)]
            norms[i] = np.abs(finite).sum() if finite.size else np.nan
            nonfinite[i] = array.size - finite.size
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


def activation_statistics(activation: str | None, output: Any) -> ActivationStatistics:
    """Return the statistics of one layer's output, as scalars.

    Args:
        activation: name of the layer's activation.
        output: what the layer returned, a tensor of shape (samples, ..., units); of several, the first counts.
    """
    output = tf.cast(tf.convert_to_tensor(keras.tree.flatten(output)[0]), tf.float32)
    is_finite = tf.math.is_finite(output)
    count = tf.maximum(tf.reduce_sum(tf.cast(is_finite, tf.float32)), 1.0)
    values = tf.where(is_finite, output, 0.0)
    mean = tf.reduce_sum(values) / count
    deviation = tf.where(is_finite, output - mean, 0.0)
    saturated_fraction = dead_fraction = tf.constant(np.nan)
    if activation in SATURATING_ACTIVATIONS:
        distance = tf.abs(values if activation == "tanh" else 2 * values - 1)
        is_saturated = is_finite & (distance > SATURATED_OUTPUT)
        saturated_fraction = tf.reduce_sum(tf.cast(is_saturated, tf.float32)) / count
    if activation in RELU_ACTIVATIONS:
        is_dead = tf.reduce_all(tf.equal(output, 0), axis=list(range(len(output.shape) - 1)))
        dead_fraction = tf.reduce_mean(tf.cast(is_dead, tf.float32))
    return ActivationStatistics(
        std=tf.sqrt(tf.reduce_sum(tf.square(deviation)) / count),
        mean=mean,
        saturated_fraction=saturated_fraction,
        dead_fraction=dead_fraction,
        nonfinite=tf.reduce_sum(tf.cast(~is_finite, tf.float32)),
    )
