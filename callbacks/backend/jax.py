"""JAX: a step is traced into a pure function, so what it computes for the callbacks is one more of its results."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from keras.src.backend.jax import trainer as keras_trainer

from .._errors import NothingToWatchError
from ..keras_internals import before_compute_loss, inner_optimizer, replaced_method
from ._without_graph import END_OF_DATA, READS_TOGETHER, have_values, once_computed, outside_the_step  # noqa: F401

NEVER = 2**31 - 1


class Recording:
    """The train function of one `fit` whose steps are recorded.

    Keras jits `model.train_step`, a function of state and batch that returns metrics and state. Here a function is
    jitted that calls it and returns, beside its results, what accumulators were handed meanwhile. These results are
    joined, without waiting for them, to values that are no part of the state of the training.

    Needs `Model.train_step`, `_make_function` and `_get_state_sharding_spec` of Keras's JAX trainer.

    Args:
        model: a compiled `keras.Model`.
    """

    replicas = 1  # a distributed array is one array
    can_see_predictions = True

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._samplers: list[Sampler] = []
        self._accumulators: list[Accumulator] = []
        self._handed: dict[str, Any] | None = None  # while a step is traced, what accumulators were handed in it
        self._trace: Any = None  # of the step that is traced
        self._sources: dict[str, tuple[Accumulator, Sampler | None, int]] = {}

    def new_train_function(self) -> Callable:
        """Return what the model would train by, not traced yet."""
        model = self._model
        if type(model).make_train_function is not keras_trainer.JAXTrainer.make_train_function:
            raise NothingToWatchError(
                f"{type(model).__name__} makes its own train function. With Keras on JAX, gradients can be recorded "
                "only of models that train by Keras's: override `train_step` rather than `make_train_function`."
            )

        def recorded_step(state: Any, data: Any, settings: list[Any]) -> tuple[Any, Any, dict[str, Any]]:
            self._handed, self._trace = {}, _trace_of(jax.tree.leaves((state, data))[0])
            for sampler, setting in zip(self._samplers, settings, strict=True):
                sampler.enter(setting)
            try:
                logs, state = model.train_step(state, data)
                return logs, state, self._handed
            finally:
                self._handed = None

        step_function = recorded_step
        if model.jit_compile and not model.run_eagerly:
            shardings = None
            if keras.distribution.distribution() is not None:
                shardings = (None, model._get_state_sharding_spec(), None)
            step_function = jax.jit(recorded_step, donate_argnums=0, out_shardings=shardings)

        def step(state: Any, data: Any) -> tuple[Any, Any]:
            settings = [sampler.setting() for sampler in self._samplers]
            logs, state, handed = step_function(state, data, settings)
            for key, (counts, computed) in handed.items():
                accumulator, sampler, place = self._sources[key]
                if sampler is None or sampler.was_due(place):
                    accumulator.take(counts, computed)
            for sampler in self._samplers:
                sampler.leave()
            return logs, state

        return model._make_function(step)

    def sampler(self, takes_every_step: bool = False) -> "Sampler":
        """Return a new sampler of this training's steps; its argument is that of `Sampler`."""
        self._samplers.append(Sampler(takes_every_step))
        return self._samplers[-1]

    def accumulator(self, initial: Any, join: Callable[[Any, Any], Any]) -> "Accumulator":
        """Return a new accumulator; its arguments are those of `Accumulator`."""
        self._accumulators.append(Accumulator(self, initial, join))
        return self._accumulators[-1]

    def reading(self, kept: "Sequence[Sampler | Accumulator]") -> "Reading":
        """Return a reading of what `read` returns of each of them."""
        return host_reading(lambda: [one.read() for one in kept])

    def hand(self, accumulator: "Accumulator", sampler: "Sampler | None", counts: Any, computed: Any) -> None:
        """Make something a result of the step that is traced: what it computed, and whether that counts."""
        assert self._handed is not None
        if any(_trace_of(leaf) not in (None, self._trace) for leaf in jax.tree.leaves((counts, computed))):
            raise NothingToWatchError(
                "The train step hands over its gradients or its batch inside a function that JAX transforms, such as a "
                "branch of jax.lax.cond, which nothing but its results can leave."
            )
        key = f"{self._accumulators.index(accumulator)}.{len(self._handed)}"
        self._handed[key] = (counts, computed)
        self._sources[key] = (accumulator, sampler, 0 if sampler is None else sampler.counted)

    def summed_over_replicas(self, tensors: dict[int, Any]) -> dict[int, Any]:
        """Return the tensors: what a step computes on several devices is summed already."""
        return tensors


def _trace_of(value: Any) -> Any:
    """What a traced value belongs to, None for an array; needs the attribute `_trace` of JAX's tracers."""
    return getattr(value, "_trace", None)


class Sampler:
    """Counts the steps of an epoch and tells which of them are looked at: every `stride`-th before step `end`.

    It counts outside the compiled step, which is given the number of the step, `stride` and `end`.

    Args:
        takes_every_step: whether it is certain that every step is looked at.

    Attributes:
        counted: int, how often the step that is traced, or was traced last, counted itself.
    """

    def __init__(self, takes_every_step: bool = False) -> None:
        self.takes_every_step = takes_every_step
        self._step, self._stride, self._end = 0, 1, NEVER
        self._setting: Any = None
        self.counted = 0

    def begin_epoch(self, stride: int = 1, end: int = NEVER) -> None:
        """Count from 0 again."""
        self._step, self._stride, self._end = 0, stride, end

    def setting(self) -> np.ndarray:
        """Return what the compiled step is given."""
        return np.array([self._step, self._stride, self._end], "int32")

    def enter(self, setting: Any) -> None:
        """Begin a step, which is being traced."""
        self._setting, self.counted = setting, 0

    def leave(self) -> None:
        """Count the step that has run."""
        self._step += self.counted

    def is_due(self) -> Any:
        """Return whether this step is looked at, True or a Boolean tensor; called in a step."""
        if self.takes_every_step:
            return True
        step, stride, end = self._setting
        step = step + self.counted
        return (step % stride == 0) & (step < end)

    def step(self) -> Any:
        """Return the number of this step, from 0; called in a step."""
        return self._setting[0] + self.counted

    def number(self) -> Any:
        """Return the number of this step among those looked at, from 0; called in a step that is."""
        step, stride, _ = self._setting
        return (step + self.counted) // stride

    def was_due(self, place: int) -> bool:
        """Return what `is_due` returned in the step that has run, when it had counted itself so often."""
        step = self._step + place
        return step % self._stride == 0 and step < self._end

    def count(self) -> None:
        """Count this step; called in a step."""
        self.counted += 1

    def read(self) -> int:
        """Return the number of steps counted in this epoch."""
        return self._step


class Accumulator:
    """Keeps one value, to which what steps compute is joined.

    Args:
        recording: the `Recording` of the steps.
        initial: the value before the first step, a tree (NamedTuples, dicts, lists) of NumPy arrays.
        join: function of the value and of what one step computed; returns the new value.
    """

    def __init__(self, recording: Recording, initial: Any, join: Callable[[Any, Any], Any]) -> None:
        self._recording = recording
        self._initial = jax.tree.map(lambda leaf: np.asarray(leaf, "float32"), initial)
        self._value = self._initial

        def joined_if(value: Any, counts: Any, computed: Any) -> Any:
            return jax.tree.map(lambda new, old: jnp.where(counts, new, old), join(value, computed), value)

        self._joined_if = jax.jit(joined_if)

    def add(self, compute: Callable[[], Any], at: Sampler | None = None, condition: Any = True) -> None:
        """Join what a step computes to the value; called in a step.

        Args:
            compute: function that returns what the step computed.
            at: tells whether this step is looked at; None looks at every step.
            condition: a Boolean tensor, false where this step does not count.
        """
        conditions = [one for one in (True if at is None else at.is_due(), condition) if one is not True]
        if not conditions:
            self._recording.hand(self, at, True, compute())
            return
        counts = jnp.all(jnp.stack([jnp.asarray(one) for one in conditions]))
        if not isinstance(counts, jax.core.Tracer):  # a step that is not compiled
            if counts:
                self._recording.hand(self, at, True, compute())
            return
        shapes = jax.eval_shape(compute)
        nothing = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)
        self._recording.hand(self, at, counts, jax.lax.cond(counts, compute, lambda: nothing))

    def take(self, counts: Any, computed: Any) -> None:
        """Join what a step computed to the value, if it counts."""
        self._value = self._joined_if(self._value, counts, computed)

    def reset(self) -> None:
        """Forget everything."""
        self._value = self._initial

    def read(self) -> Any:
        """Return the value as NumPy arrays."""
        return jax.device_get(self._value)


@contextlib.contextmanager
def listen_to_gradients(
    optimizer: keras.optimizers.Optimizer,
    take: Callable[[list[Any], list[keras.Variable], Any], None],
    count_begun: Callable[[list[Any], list[keras.Variable]], None],
) -> Iterator[None]:
    """While open, hand over the gradients of each step, unscaled, that the optimizer is going to apply.

    Replaces the method `stateless_apply` on the instance, because a `LossScaleOptimizer` calls that of the optimizer
    inside it in a branch of `jax.lax.cond`, from which nothing can be taken out; and needs its `dynamic_scale`.

    Args:
        optimizer: the optimizer that the train step calls.
        take: called with a list of gradients (tensor or None), the list of their variables, and whether the step is
            going to be applied: a Boolean tensor, or True where it surely is.
        count_begun: called with the gradients and their variables where loss scaling may still drop the step.
    """
    stateless_apply = optimizer.stateless_apply

    def listened(optimizer_variables: Any, grads: Any, trainable_variables: Any) -> Any:
        gradients, is_applied = list(grads), True
        if inner_optimizer(optimizer) is not optimizer:
            count_begun(gradients, list(optimizer._trainable_variables))
            present = [gradient for gradient in gradients if gradient is not None]
            is_applied = jnp.all(jnp.stack([jnp.all(jnp.isfinite(gradient)) for gradient in present]))
            values = zip(optimizer.variables, optimizer_variables, strict=True)
            scale = next(value for variable, value in values if variable is optimizer.dynamic_scale)
            gradients = [None if gradient is None else gradient / scale for gradient in gradients]
        take(gradients, list(optimizer._trainable_variables), is_applied)
        return stateless_apply(optimizer_variables, grads, trainable_variables)

    with replaced_method(optimizer, "stateless_apply", listened):
        yield


@contextlib.contextmanager
def listen_to_batches(model: keras.Model, take: Callable[..., None]) -> Iterator[None]:
    """While open, hand over each step's batch: its data before `compute_loss`, predictions before `compute_metrics`.

    While the loss is computed, predictions are tracers of its derivative, which must not leave it.

    Args:
        model: the model that is trained.
        take: called with the named arguments `inputs`, `targets` and `sample_weights`, then with `predictions`.
    """
    compute_metrics = model.compute_metrics

    def take_data(inputs: Any, targets: Any, sample_weights: Any, predictions: Any) -> None:
        take(inputs=inputs, targets=targets, sample_weights=sample_weights)

    def listened(x: Any = None, y: Any = None, y_pred: Any = None, *arguments: Any, **named: Any) -> Any:
        take(predictions=y_pred)
        return compute_metrics(x, y, y_pred, *arguments, **named)

    with before_compute_loss(model, take_data), replaced_method(model, "compute_metrics", listened):
        yield


class Reading:
    """Something that is read where an epoch ends: called, it returns what `finish` makes of an array.

    Args:
        variables: the variables that are read.
        function: pure function of their values that returns a tensor, or None.
        finish: function of that as an array.
    """

    def __init__(
        self,
        variables: Sequence[keras.Variable],
        function: Callable[[list[Any]], Any],
        finish: Callable[[np.ndarray], Any],
    ) -> None:
        self.variables, self.function, self.finish = list(variables), function, finish
        self._jitted = jax.jit(function)

    def __call__(self) -> Any:
        return self.finish(self._jitted([variable.value for variable in self.variables]))


def compiled(variables: Sequence[keras.Variable], function: Callable[[], Any]) -> Reading:
    """Return a reading that calls `function` on the values that variables have then, and changes none.

    Args:
        variables: all variables whose values `function` reads.
        function: returns a tensor, of which the reading makes an array; it is called here already, once.
    """

    def stateless(values: list[Any]) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return function()

    jax.eval_shape(stateless, [variable.value for variable in variables])
    return Reading(variables, stateless, np.asarray)


def host_reading(function: Callable[[], Any]) -> Reading:
    """Return a reading of what a function returns that is not compiled."""
    return Reading([], lambda _: None, lambda _: function())


def together(readings: Sequence[Reading], by_xla: bool) -> Callable[[], list[Callable[[], Any]]]:
    """Return a function that computes several readings at once, and returns for each a function of its result.

    Args:
        readings: what is read.
        by_xla: of no meaning here: JAX compiles everything by XLA.
    """
    jitted = jax.jit(lambda values: [reading.function(own) for reading, own in zip(readings, values, strict=True)])

    def read() -> list[Callable[[], Any]]:
        found = jitted([[variable.value for variable in reading.variables] for reading in readings])
        return [functools.partial(reading.finish, one) for reading, one in zip(readings, found, strict=True)]

    return read


def array_of(variable: keras.Variable, rows: int | None = None) -> np.ndarray:
    """Return the value of a variable, or its first rows, as an array, which may be the variable's own memory."""
    return np.asarray(variable.value if rows is None else variable.value[:rows])


def is_batch_array(array: Any) -> bool:
    """Return whether something in a batch is a dense array of numbers or Booleans, of rank 1 or more."""
    return isinstance(array, jax.Array | np.ndarray) and array.ndim > 0 and array.dtype.kind in "fiubV"


def dense(gradient: Any) -> tuple[Any, bool]:
    """Return a gradient as a tensor, and whether it holds only the rows that were looked up: never."""
    return keras.ops.convert_to_tensor(gradient, sparse=False), False


def elements_at(vector: Any, places: Any) -> Any:
    """Return the elements of a vector at some places."""
    return jnp.take(vector, places, mode="clip")


def sums_and_nonfinite(vectors: Sequence[Any]) -> tuple[Any, Any]:
    """Return for each vector its sum, and the number of elements that are NaN or infinite."""
    nonfinite = [jnp.sum(~jnp.isfinite(vector), dtype="float32") for vector in vectors]
    return jnp.stack([jnp.sum(vector) for vector in vectors]), jnp.stack(nonfinite)
