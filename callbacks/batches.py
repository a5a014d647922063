"""Records the batches that train a model for `Diagnosis`: inputs, targets, sample weights and predictions."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ._accumulation import variable_of_each_replica
from ._batch_statistics import array_statistics, features_of, joined, no_statistics
from .evidence import ArrayFacts, ArrayStatistics
from .keras_internals import before_compute_loss

MAX_BATCHES_AT_FIRST, MAX_BATCHES = 200, 8
"""Largest number of batches that are sampled in the first epoch of a `fit`, and in each later one. In the first epoch
NaN must be found in the data; later the predictions of a few batches are enough."""

ROLES = ("inputs", "targets", "sample_weights", "predictions")


class BatchRecorder:
    """Records statistics of the batches of one `fit`, in operations of its compiled train step.

    It reads the arguments of `model.compute_loss`, so nothing is recorded of a custom `train_step` that does not call
    it, nor under a strategy with several replicas. Predictions are not recorded of a step that XLA compiles: reading
    them would change the order of its computations, and with it the last digits of the weights.

    Args:
        model: a compiled model.
        replicas: number of replicas that train at the same time.
        guarded: function that calls its first argument with the arguments that follow, and lets no exception pass.

    >>> recorder = BatchRecorder(model, replicas=1, guarded=diagnosis.guarded)
    >>> recorder.read("targets")[0].highest
    [1.0]
    """

    def __init__(self, model: keras.Model, replicas: int, guarded: Callable[..., None]) -> None:
        self._model, self._replicas, self._guarded = model, replicas, guarded
        self._step = variable_of_each_replica(tf.constant(0))
        self._stride = variable_of_each_replica(tf.constant(1))
        self._last_step = variable_of_each_replica(tf.constant(MAX_BATCHES_AT_FIRST))
        self._sees_data = variable_of_each_replica(tf.constant(True))
        self._variables: dict[tuple[str, str], ArrayStatistics] = {}
        self._shapes: dict[tuple[str, str], tuple[int | None, ...]] = {}

    @contextlib.contextmanager
    def listen(self) -> Iterator[None]:
        """Record the arguments of the loss inside the context."""
        if self._replicas > 1:
            yield
            return
        with before_compute_loss(self._model, functools.partial(self._guarded, self._take)):
            yield

    def begin_epoch(self, is_first: bool, steps: int | None) -> None:
        """Start counting steps at 0, and delete the statistics of the predictions of the epoch before.

        Args:
            is_first: whether it is the first epoch of the `fit`, the only one in which inputs, targets and sample
                weights are recorded.
            steps: expected number of steps of the epoch; None if it is not known.
        """
        most = MAX_BATCHES_AT_FIRST if is_first else MAX_BATCHES
        stride = -(-steps // most) if steps else 1
        self._step.assign(0)
        self._stride.assign(stride)
        self._last_step.assign(most * stride)
        self._sees_data.assign(is_first)
        for (role, _), variables in self._variables.items():
            if role == "predictions":
                for variable, value in zip(variables, no_statistics(variables.mean.shape[0]), strict=True):
                    variable.assign(value)

    def read(self, role: str) -> list[ArrayFacts]:
        """Return the statistics so far of the arrays with this role, one of `ROLES`."""
        found = []
        for key, variables in self._variables.items():
            if key[0] == role:
                seen = ArrayStatistics(*(np.asarray(variable) for variable in variables))
                found.append(ArrayFacts.of(key[1], self._shapes[key], seen))
        return found

    def _take(self, **batch: Any) -> None:
        """Record one step's batch if it is one of those sampled; `batch` is a dict of roles to (nested) arrays.

        If a model computes its loss several times in a step, each time is recorded as a step.
        """
        roles = [role for role in ROLES if role != "predictions" or not self._model.jit_compile]
        named = {(role, name): array for role in roles for name, array in named_arrays(role, batch.get(role))}
        if not named:
            return
        for key, array in named.items():
            if key not in self._variables:
                self._shapes[key] = tuple(array.shape)
                with tf.init_scope():  # while a step is traced, variables can be created only outside it
                    zero = no_statistics(features_of(tuple(array.shape)))
                    self._variables[key] = ArrayStatistics(*(variable_of_each_replica(value) for value in zero))

        def add(key: tuple[str, str]) -> tf.Tensor:
            variables = self._variables[key]
            seen = array_statistics(named[key], tf.cast(self._step, tf.float32))
            before = ArrayStatistics(*(tf.convert_to_tensor(variable) for variable in variables))
            for variable, value in zip(variables, joined(before, seen), strict=True):
                variable.assign(value)
            return tf.constant(0)

        def look() -> tf.Tensor:
            for key in named:
                if key[0] != "predictions":
                    tf.cond(tf.convert_to_tensor(self._sees_data), lambda key=key: add(key), lambda: tf.constant(0))
                else:
                    add(key)
            return tf.constant(0)

        # At the end of a dataset a step may start without a batch, so wait for it; not for the predictions: where
        # operations wait for them, TensorFlow fuses those that compute them in another way, and rounds differently.
        data = [array for (role, _), array in named.items() if role != "predictions"]
        with tf.control_dependencies(data):
            step = tf.convert_to_tensor(self._step)
            is_due = tf.equal(step % self._stride, 0) & (step < self._last_step)
            tf.cond(is_due, look, lambda: tf.constant(0))
            self._step.assign_add(1)


def named_arrays(role: str, arrays: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name and the tensor of each numeric array: `inputs`, or `inputs[1]` if there are several."""
    found = [
        (path, array)
        for path, array in keras.tree.flatten_with_path(arrays)
        if getattr(array, "dtype", None) is not None
        and getattr(array, "shape", None) is not None
        and _is_numeric(array)
    ]
    for path, array in found:
        yield (role if len(found) == 1 else f"{role}[{'.'.join(map(str, path))}]"), array


def _is_numeric(array: Any) -> bool:
    if isinstance(array, tf.RaggedTensor | tf.SparseTensor | tf.IndexedSlices):
        return False
    if tf.TensorShape(array.shape).rank in (None, 0):
        return False
    dtype = tf.as_dtype(array.dtype)
    return dtype.is_floating or dtype.is_integer or dtype.is_bool
