"""What is accumulated over an epoch while its steps run, in variables of the compiled train step."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from ._statistics import GradientStatistics


class StepCounts(NamedTuple):
    """How many steps of an epoch there were, numbers or tensors."""

    begun: Any = 0
    """Steps that asked the optimizer to apply gradients."""
    applied: Any = 0
    """Steps whose gradients reached it: all, unless loss scaling dropped some."""
    sampled: Any = 0
    """Steps whose statistics were computed."""


class EpochTotals:
    """Adds up the statistics of an epoch's sampled steps, and counts its steps.

    Of the statistic `max` it keeps the largest, of the others the sum.

    Args:
        kernels: number of kernels.
    """

    def __init__(self, kernels: int) -> None:
        self._no_totals = tf.zeros((len(GradientStatistics._fields), kernels))
        self._no_counts = tf.zeros(len(StepCounts._fields), tf.int32)
        self._is_max = tf.constant([[name == "max"] for name in GradientStatistics._fields])
        self._totals = variable_of_each_replica(self._no_totals)
        self._counts = variable_of_each_replica(self._no_counts)

    def reset(self) -> None:
        """Forget everything: an epoch begins."""
        self._totals.assign(self._no_totals)
        self._counts.assign(self._no_counts)

    def counts(self) -> StepCounts:
        """Return the counts so far, as tensors."""
        return StepCounts(*tf.unstack(self._counts))

    def count(self, steps: StepCounts) -> None:
        """Add to the counts."""
        self._counts.assign_add(steps)

    def add(self, indices: Sequence[int], statistics: GradientStatistics) -> None:
        """Add one step's statistics of the kernels at `indices`; the others have no gradient in this step."""
        step = tf.stack(statistics)
        if list(indices) != list(range(self._no_totals.shape[1])):
            columns = tf.zeros(self._no_totals.shape[::-1])
            step = tf.transpose(tf.tensor_scatter_nd_update(columns, [[i] for i in indices], tf.transpose(step)))
        totals = self._totals
        self._totals.assign(tf.where(self._is_max, tf.maximum(totals, step), totals + step))

    def read(self) -> tuple[GradientStatistics, StepCounts]:
        """Return totals, float64 arrays of shape (kernels,), and counts, of type int."""
        return (
            GradientStatistics(*self._totals.numpy().astype("float64")),
            StepCounts(*(int(count) for count in self._counts.numpy())),
        )


class StepSampler:
    """Chooses the steps of an epoch to look at, evenly spaced from the first.

    Args:
        max_steps: how many steps to look at in an epoch, at most; None looks at all.
    """

    def __init__(self, max_steps: int | None) -> None:
        self._max_steps = max_steps
        self._stride = 1
        self._stride_in_graph = variable_of_each_replica(tf.constant(1))

    def expect(self, steps: int | None) -> None:
        """Space the sampled steps of the next epoch, which is expected to have so many; None where nobody knows."""
        stride = -(-steps // self._max_steps) if steps and self._max_steps else 1
        if stride != self._stride:
            self._stride = stride
            self._stride_in_graph.assign(stride)

    def is_due(self, step: tf.Tensor) -> tf.Tensor:
        """Return whether to look at the step of this number, counted from 0 in each epoch."""
        return tf.equal(step % self._stride_in_graph, 0)


def variable_of_each_replica(value: tf.Tensor) -> tf.Variable:
    """Return a variable that each replica of a distribution strategy keeps for itself; read is the first replica's."""
    return tf.Variable(
        value,
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
