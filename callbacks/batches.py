"""Records the batches that train a model for `Diagnosis`: inputs, targets, sample weights and predictions."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras

from . import backend
from ._batch_statistics import array_statistics, features_of, joined, no_statistics
from ._epoch_end import EpochEnd
from .evidence import ArrayFacts, ArrayStatistics

MAX_BATCHES_AT_FIRST, MAX_BATCHES = 200, 8
"""Largest number of batches that are sampled in the first epoch of a `fit`, and in each later one. In the first epoch
NaN must be found in the data; later the predictions of a few batches are enough."""

DATA = ("inputs", "targets", "sample_weights")


class BatchRecorder:
    """Records statistics of the batches of one `fit`, in operations of its train step.

    It reads the arguments of `model.compute_loss`, so nothing is recorded of a custom `train_step` that does not call
    it, nor under a strategy with several replicas. Predictions are not recorded where reading them would change how
    the step is compiled, and with it the last digits of the weights.

    Args:
        model: a compiled model.
        recording: the `Recording` of the steps.
        guarded: function that calls its first argument with the arguments that follow, and lets no exception pass.

    >>> recorder = BatchRecorder(model, TrainFunctionTap.of(model).recording, guarded=diagnosis.guarded)
    >>> recorder.read("targets")[0].highest
    [1.0]
    """

    def __init__(self, model: keras.Model, recording: backend.Recording, guarded: Callable[..., None]) -> None:
        self._model, self._recording, self._guarded = model, recording, guarded
        self._samplers = {True: recording.sampler(), False: recording.sampler()}  # of predictions, and of data
        self._seen: dict[tuple[str, str], backend.Accumulator] = {}
        self._shapes: dict[tuple[str, str], tuple[int | None, ...]] = {}
        self._registered: int | None = None  # number of predictions that are read where an epoch ends

    @contextlib.contextmanager
    def listen(self) -> Iterator[None]:
        """Record the batches inside the context."""
        if self._recording.replicas > 1:
            yield
            return
        with backend.listen_to_batches(self._model, functools.partial(self._guarded, self._take)):
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
        self._samplers[True].begin_epoch(stride, most * stride)
        self._samplers[False].begin_epoch(stride, most * stride if is_first else 0)
        for (role, _), accumulator in self._seen.items():
            if role == "predictions":
                accumulator.reset()

    def read(self, role: str) -> list[ArrayFacts]:
        """Return the statistics so far of the arrays with this role, "predictions" or one of `DATA`."""
        return self._facts(role, [accumulator.read() for _, accumulator in self._of(role)])

    def register(self, end: EpochEnd) -> None:
        """Have all predictions that were seen so far read where an epoch ends."""
        seen = self._of("predictions")
        if self._registered != len(seen):
            self._registered = len(seen)
            # The samplers too: to read them here is to have them begin anew without another call.
            end.add(self, self._recording.reading([*self._samplers.values(), *(one for _, one in seen)]))

    def predictions(self, end: EpochEnd) -> list[ArrayFacts]:
        """Return the statistics of the predictions of the epoch that ends."""
        return self._facts("predictions", end.read(self)[len(self._samplers) :])

    def _of(self, role: str) -> list[tuple[tuple[str, str], backend.Accumulator]]:
        return [(key, accumulator) for key, accumulator in self._seen.items() if key[0] == role]

    def _facts(self, role: str, statistics: list[ArrayStatistics]) -> list[ArrayFacts]:
        keys = [key for key, _ in self._of(role)]
        return [ArrayFacts.of(key[1], self._shapes[key], one) for key, one in zip(keys, statistics, strict=True)]

    def _take(self, **batch: Any) -> None:
        """Record one step's batch, or a part of it, if it is one of those sampled.

        If a model computes its loss several times in a step, each time is recorded as a step.
        """
        if not self._recording.can_see_predictions:
            batch.pop("predictions", None)
        named = {(role, name): array for role in batch for name, array in named_arrays(role, batch[role])}
        # Wait for the data, because at the end of a dataset a step may start without a batch. Do not wait for the
        # predictions: TensorFlow would fuse the operations that compute them in another way, and round differently.
        with backend.once_computed([array for (role, _), array in named.items() if role in DATA]):
            for key, array in named.items():
                sampler = self._samplers[key[0] == "predictions"]
                self._accumulator(key, array).add(functools.partial(_statistics, array, sampler), sampler)
            for is_prediction, sampler in self._samplers.items():
                if any((role == "predictions") == is_prediction for role, _ in named):
                    sampler.count()

    def _accumulator(self, key: tuple[str, str], array: Any) -> backend.Accumulator:
        if key not in self._seen:
            self._shapes[key] = tuple(array.shape)
            with backend.outside_the_step():
                zero = no_statistics(features_of(tuple(array.shape)))
                self._seen[key] = self._recording.accumulator(zero, joined)
        return self._seen[key]


def _statistics(array: Any, sampler: backend.Sampler) -> ArrayStatistics:
    return array_statistics(array, keras.ops.cast(sampler.step(), "float32"))


def named_arrays(role: str, arrays: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name and the tensor of each numeric array: `inputs`, or `inputs[1]` if there are several."""
    found = [(path, array) for path, array in keras.tree.flatten_with_path(arrays) if backend.is_batch_array(array)]
    for path, array in found:
        yield (role if len(found) == 1 else f"{role}[{'.'.join(map(str, path))}]"), array
