"""PyTorch: a step is Python that runs, so what it computes is joined at once, on the device where it is."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import torch

from ..keras_internals import before_apply_unscaled, before_compute_loss, new_train_function
from ._without_graph import END_OF_DATA, READS_TOGETHER, have_values, once_computed, outside_the_step  # noqa: F401

NEVER = 2**31 - 1


class Recording:
    """The train function of one `fit` whose steps are recorded.

    Args:
        model: a compiled `keras.Model`.
    """

    replicas = 1
    can_see_predictions = True

    def __init__(self, model: keras.Model) -> None:
        self._model = model

    def new_train_function(self) -> Callable:
        """Return what the model would train by; the model keeps its own train function."""
        return new_train_function(self._model)

    def sampler(self, takes_every_step: bool = False) -> "Sampler":
        """Return a new sampler of this training's steps; its argument is that of `Sampler`."""
        return Sampler(takes_every_step)

    def accumulator(self, initial: Any, join: Callable[[Any, Any], Any]) -> "Accumulator":
        """Return a new accumulator; its arguments are those of `Accumulator`."""
        return Accumulator(initial, join)

    def reading(self, kept: "Sequence[Sampler | Accumulator]") -> Callable[[], list[Any]]:
        """Return a reading of what `read` returns of each of them."""
        return lambda: [one.read() for one in kept]

    def summed_over_replicas(self, tensors: dict[int, Any]) -> dict[int, Any]:
        """Return the tensors: there is one device."""
        return tensors


class Sampler:
    """Counts the steps of an epoch and tells which of them are looked at: every `stride`-th before step `end`."""

    def __init__(self, takes_every_step: bool = False) -> None:
        self.takes_every_step = takes_every_step
        self._step, self._stride, self._end = 0, 1, NEVER

    def begin_epoch(self, stride: int = 1, end: int = NEVER) -> None:
        """Count from 0 again."""
        self._step, self._stride, self._end = 0, stride, end

    def is_due(self) -> bool:
        """Return whether this step is looked at; called in a step."""
        return self._step % self._stride == 0 and self._step < self._end

    def step(self) -> int:
        """Return the number of this step, from 0; called in a step."""
        return self._step

    def number(self) -> int:
        """Return the number of this step among those looked at, from 0; called in a step that is."""
        return self._step // self._stride

    def count(self) -> None:
        """Count this step; called in a step."""
        self._step += 1

    def read(self) -> int:
        """Return the number of steps counted in this epoch."""
        return self._step


class Accumulator:
    """Keeps one value, to which what steps compute is joined.

    Args:
        initial: the value before the first step, a tree (NamedTuples, dicts, lists) of NumPy arrays.
        join: function of the value and of what one step computed; returns the new value.
    """

    def __init__(self, initial: Any, join: Callable[[Any, Any], Any]) -> None:
        self._join = join
        self._initial = keras.tree.map_structure(lambda leaf: keras.ops.convert_to_tensor(leaf, "float32"), initial)
        self._value = self._initial

    def add(self, compute: Callable[[], Any], at: Sampler | None = None, condition: Any = True) -> None:
        """Join what a step computes to the value; called in a step.

        Args:
            compute: function that returns what the step computed.
            at: tells whether this step is looked at; None looks at every step.
            condition: whether this step counts.
        """
        if (at is None or at.is_due()) and bool(condition):
            with torch.no_grad():
                self._value = self._join(self._value, compute())

    def reset(self) -> None:
        """Forget everything."""
        self._value = self._initial

    def read(self) -> Any:
        """Return the value as NumPy arrays."""
        return keras.tree.map_structure(keras.ops.convert_to_numpy, self._value)


def listen_to_gradients(
    optimizer: keras.optimizers.Optimizer,
    take: Callable[[list[Any], list[keras.Variable], Any], None],
    count_begun: Callable[[list[Any], list[keras.Variable]], None],
) -> contextlib.AbstractContextManager:
    """Return a context in which the gradients of each step are handed over, see `before_apply_unscaled`."""
    return before_apply_unscaled(optimizer, _not_compiled(take), _not_compiled(count_begun))


def listen_to_batches(model: keras.Model, take: Callable[..., None]) -> contextlib.AbstractContextManager:
    """Return a context in which each step's batch is handed over.

    Args:
        model: the model that is trained.
        take: called with the named arguments `inputs`, `targets`, `sample_weights` and `predictions`.
    """
    return before_compute_loss(model, _not_compiled(take))


def _not_compiled(function: Callable) -> Callable:
    """Return a function that runs as Python in a step that `torch.compile` compiles, where there is one."""
    return torch.compiler.disable(function) if "torch._dynamo" in sys.modules else function


def compiled(variables: Sequence[keras.Variable], function: Callable[[], Any]) -> Callable[[], np.ndarray]:
    """Return a reading, a function, that calls `function` on the values that variables have then, and changes none.

    Args:
        variables: all variables whose values `function` reads.
        function: returns a tensor; it is called here already, once.
    """

    def stateless() -> np.ndarray:
        with torch.no_grad(), keras.StatelessScope():
            return keras.ops.convert_to_numpy(function())

    stateless()
    return stateless


def host_reading(function: Callable[[], Any]) -> Callable[[], Any]:
    """Return a reading of what a function returns: the function."""
    return function


def together(readings: Sequence[Callable[[], Any]], by_xla: bool) -> None:
    """Return None: nothing is gained by reading together."""


def array_of(variable: keras.Variable, rows: int | None = None) -> np.ndarray:
    """Return the value of a variable, or its first rows, as an array, which may be the variable's own memory."""
    return keras.ops.convert_to_numpy(variable.value if rows is None else variable.value[:rows])


def is_batch_array(array: Any) -> bool:
    """Return whether something in a batch is a dense tensor of numbers or Booleans, of rank 1 or more."""
    if isinstance(array, np.ndarray):
        return array.ndim > 0 and array.dtype.kind in "fiub"
    is_dense = isinstance(array, torch.Tensor) and array.layout == torch.strided
    return is_dense and array.ndim > 0 and not array.is_complex()


def dense(gradient: Any) -> tuple[Any, bool]:
    """Return a gradient as a tensor, and whether it holds only the rows that were looked up, each once."""
    if gradient.layout == torch.sparse_coo:
        return gradient.coalesce().values(), True
    return gradient.detach(), False


def elements_at(vector: Any, places: Any) -> Any:
    """Return the elements of a vector at some places."""
    return vector[torch.as_tensor(places, device=vector.device)]


def sums_and_nonfinite(vectors: Sequence[Any]) -> tuple[Any, Any]:
    """Return for each vector its sum, and the number of elements that are NaN or infinite."""
    sums = torch.stack([vector.sum() for vector in vectors])
    if sums.device.type == "cpu" and bool(torch.isfinite(sums).all()):  # asking another device would wait for it
        return sums, torch.zeros_like(sums)
    return sums, torch.stack([(~torch.isfinite(vector)).sum().float() for vector in vectors])
