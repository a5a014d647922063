"""What `Diagnosis` sees of the batches that train a model: inputs, targets, sample weights and predictions."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ._accumulation import variable_of_each_replica
from ._batch_statistics import ArrayStatistics, array_statistics, features_of, joined, no_statistics
from .evidence import ArrayFacts
from .keras_internals import before_compute_loss

MAX_BATCHES_AT_FIRST, MAX_BATCHES = 200, 8
"""Batches that are looked at in the first epoch of a `fit`, and in each later one, at most. A single NaN is found where
all batches are seen once, and the predictions of a few batches tell how an epoch went."""

ROLES = ("inputs", "targets", "sample_weights", "predictions")


class BatchRecorder:
    """Records statistics of the batches of one `fit`, in operations of its compiled train step.

    It stands where the model computes its loss: a `train_step` that does so without `compute_loss` is not seen. Under
    a strategy with several replicas nothing is recorded, and of a step that XLA compiles no predictions: reading them
    would make XLA compute the training in another order, and the last digits of the weights would differ.

    Args:
        model: a compiled model.
        replicas: number of replicas that train at the same time.
        guarded: calls the function that it is given first with the arguments that follow, and lets no exception pass.

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
        """While open, record what the loss is computed from."""
        if self._replicas > 1:
            yield
            return
        with before_compute_loss(self._model, functools.partial(self._guarded, self._take)):
            yield

    def begin_epoch(self, is_first: bool, steps: int | None) -> None:
        """Count from the first step again, and forget the predictions of the epoch before.

        Args:
            is_first: whether it is the first epoch of the `fit`, the only one whose data are looked at.
            steps: that the epoch is expected to have; None where nobody knows.
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
        """Return what was seen so far of the arrays that have one of the `ROLES`."""
        found = []
        for key, variables in self._variables.items():
            if key[0] == role:
                seen = ArrayStatistics(*(np.asarray(variable) for variable in variables))
                found.append(ArrayFacts.of(key[1], self._shapes[key], seen))
        return found

    def _take(self, **batch: Any) -> None:
        """Look at one step's batch if it is one of the sampled; `batch` is a dict of roles to arrays, nested ones too.

        A model that computes its loss several times in a step is looked at each time.
        """
        roles = [role for role in ROLES if role != "predictions" or not self._model.jit_compile]
        named = {(role, name): array for role in roles for name, array in named_arrays(role, batch.get(role))}
        if not named:
            return
        for key, array in named.items():
            if key not in self._variables:
                self._shapes[key] = tuple(array.shape)
                with tf.init_scope():  # the step is being traced, and a variable may be made outside only
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

        # At the end of the data one more step may begin, so wait for the batch; not for the predictions, because
        # TensorFlow fuses the operations that make them less where others wait for them, and then rounds differently.
        data = [array for (role, _), array in named.items() if role != "predictions"]
        with tf.control_dependencies(data):
            step = tf.convert_to_tensor(self._step)
            is_due = tf.equal(step % self._stride, 0) & (step < self._last_step)
            tf.cond(is_due, look, lambda: tf.constant(0))
            self._step.assign_add(1)


def named_arrays(role: str, arrays: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name and the tensor of each array of numbers: `x`, or `inputs[1]` where there are several."""
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
