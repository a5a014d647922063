"""Computes the statistics of one array of a batch (inputs, targets or predictions), and joins those of two batches.

The functions are pure, use `keras.ops`, and take tensors or NumPy arrays, with every backend of Keras.
"""

from typing import Any

import numpy as np
from keras import ops

from .evidence import LABELLED_SAMPLES, MAX_FEATURES, MAX_LABEL, ArrayStatistics


def features_of(shape: tuple[int | None, ...]) -> int:
    """Return how many features of an array of this shape have their own statistics."""
    last = shape[-1] if len(shape) > 1 else 1
    return last if last is not None and 1 <= last <= MAX_FEATURES else 1


def no_statistics(features: int) -> ArrayStatistics:
    """Return the statistics of zero batches, NumPy arrays to which those of batches are joined."""
    zero, zeros = np.zeros((), "float32"), np.zeros(features, "float32")
    return ArrayStatistics(
        finite=zeros,
        mean=zeros,
        squares=zeros,
        lowest=zeros + np.inf,
        highest=zeros - np.inf,
        nonfinite=zeros,
        fractional=zeros,
        labels=np.zeros(MAX_LABEL + 3, "float32"),
        samples=zero,
        batches=zero,
        uniform_batches=zero,
        spread=zero,
        lowest_sum=zero + np.inf,
        highest_sum=zero - np.inf,
        bad_batch=zero - 1,
        bad_row=zero - 1,
        bad_feature=zero - 1,
    )


def array_statistics(array: Any, number: Any = 0.0) -> ArrayStatistics:
    """Return the statistics of one batch.

    Args:
        array: array or tensor of shape (samples, ...), of numbers or Booleans.
        number: number of the batch, float32, counted from 0.
    """
    shape = tuple(array.shape)
    features = features_of(shape)
    values = ops.cast(array, "float32")
    samples = ops.shape(values)[0]
    rows = ops.reshape(values, (-1, features))  # (positions, F)
    is_finite = ops.isfinite(rows)
    numbers = ops.where(is_finite, rows, 0.0)
    finite = ops.sum(ops.cast(is_finite, "float32"), axis=0)
    mean = ops.sum(numbers, axis=0) / ops.maximum(finite, 1.0)
    distances = ops.where(is_finite, rows - mean, 0.0)
    lowest = ops.min(ops.where(is_finite, rows, float("inf")), axis=0)
    highest = ops.max(ops.where(is_finite, rows, float("-inf")), axis=0)
    by_sample = ops.reshape(ops.where(ops.isfinite(values), values, 0.0), (samples, -1))
    differences = ops.max(by_sample, axis=0) - ops.min(by_sample, axis=0)
    spread = ops.max(differences)
    is_uniform = ops.logical_and(spread == 0, samples > 1)
    sums = ops.sum(numbers, axis=1)
    is_bad = ops.cast(ops.logical_not(ops.isfinite(ops.reshape(values, (-1,)))), "int32")
    has_bad = ops.any(is_bad)
    place, width = (
        ops.argmax(is_bad),
        ops.size(values) // samples,
    )  # slicing at `place` would be compiled again for each value
    bad_row, bad_feature = place // width, place % width
    return ArrayStatistics(
        finite,
        mean,
        ops.sum(distances * distances, axis=0),
        lowest,
        highest,
        nonfinite=ops.sum(ops.cast(ops.logical_not(is_finite), "float32"), axis=0),
        fractional=ops.sum(ops.cast(numbers != ops.round(numbers), "float32"), axis=0),
        labels=_label_counts(rows[:LABELLED_SAMPLES, 0]) if features == 1 else ops.zeros((MAX_LABEL + 3,)),
        samples=ops.cast(samples, "float32"),
        batches=ops.ones(()),
        uniform_batches=ops.cast(is_uniform, "float32"),
        spread=spread,
        lowest_sum=ops.min(sums),
        highest_sum=ops.max(sums),
        bad_batch=ops.where(has_bad, number, -1.0),
        bad_row=ops.where(has_bad, ops.cast(bad_row, "float32"), -1.0),
        bad_feature=ops.where(has_bad, ops.cast(bad_feature, "float32"), -1.0),
    )


def _label_counts(values: Any) -> Any:
    """How many values are 0, 1, ... `MAX_LABEL`, how many are larger whole numbers, and how many are -1."""
    is_whole = ops.logical_and(values == ops.round(values), ops.isfinite(values))
    places = ops.where(values > MAX_LABEL, MAX_LABEL + 1.0, values)
    places = ops.where(values == -1, MAX_LABEL + 2.0, places)
    is_counted = ops.logical_and(is_whole, places >= 0)
    hits = ops.one_hot(ops.cast(ops.where(is_counted, places, 0.0), "int32"), MAX_LABEL + 3)
    return ops.sum(ops.cast(hits, "float32") * ops.cast(is_counted, "float32")[:, None], axis=0)


def joined(one: ArrayStatistics, other: ArrayStatistics) -> ArrayStatistics:
    """Return the statistics of the batches of both; those of `one` came first.

    Means and squares are joined as in Chan, Golub and LeVeque (1979, Stanford STAN-CS-79-773, equation 2.1).
    """
    finite = one.finite + other.finite
    share = other.finite / ops.maximum(finite, 1.0)
    step = other.mean - one.mean
    is_first_bad = ops.logical_and(one.bad_batch < 0, other.bad_batch >= 0)
    return ArrayStatistics(
        finite,
        one.mean + step * share,
        one.squares + other.squares + step * step * share * one.finite,
        ops.minimum(one.lowest, other.lowest),
        ops.maximum(one.highest, other.highest),
        one.nonfinite + other.nonfinite,
        one.fractional + other.fractional,
        one.labels + other.labels,
        one.samples + other.samples,
        one.batches + other.batches,
        one.uniform_batches + other.uniform_batches,
        ops.maximum(one.spread, other.spread),
        ops.minimum(one.lowest_sum, other.lowest_sum),
        ops.maximum(one.highest_sum, other.highest_sum),
        ops.where(is_first_bad, other.bad_batch, one.bad_batch),
        ops.where(is_first_bad, other.bad_row, one.bad_row),
        ops.where(is_first_bad, other.bad_feature, one.bad_feature),
    )
