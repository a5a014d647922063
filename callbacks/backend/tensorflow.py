"""TensorFlow: a step is traced into a graph, and what it leaves behind is kept in variables."""

import contextlib
import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..keras_internals import before_apply_unscaled, before_compute_loss, new_train_function

END_OF_DATA = (StopIteration, tf.errors.OutOfRangeError)
"""What a train function raises where its iterator ends."""

NEVER = 2**31 - 1

READS_TOGETHER = True
"""Whether the values of many small variables are read faster by one compiled function than one after another."""


class Recording:
    """The train function of one `fit` whose steps are recorded.

    Needs the attribute `distribute_strategy` of Keras's TensorFlow trainer: the strategy in whose scope a model was
    compiled can be asked for nowhere else.

    Args:
        model: a compiled `keras.Model`.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._strategy = model.distribute_strategy
        self.replicas = self._strategy.num_replicas_in_sync

    @property
    def can_see_predictions(self) -> bool:
        """Whether predictions can be read in a step: not where XLA compiles it.

        There reading them would change the order of computations, and with it the last digits of the weights.
        """
        return not self._model.jit_compile

    def new_train_function(self) -> Callable:
        """Return what the model would train by, not traced yet; the model keeps its own train function."""
        return new_train_function(self._model)

    def sampler(self, takes_every_step: bool = False) -> "Sampler":
        """Return a new sampler of this training's steps; its argument is that of `Sampler`."""
        with self._scope():
            return Sampler(takes_every_step)

    def accumulator(self, initial: Any, join: Callable[[Any, Any], Any]) -> "Accumulator":
        """Return a new accumulator; its arguments are those of `Accumulator`."""
        with self._scope():
            return Accumulator(initial, join)

    def reading(self, kept: "Sequence[Sampler | Accumulator]") -> "Reading":
        """Return a reading of what `read` returns of each of them.

        With one replica it also begins them anew, which saves calls when the next epoch begins.
        """
        if self.replicas > 1:
            return host_reading(lambda: [one.read() for one in kept])
        traced = _traced(lambda: [one.take() for one in kept])
        return Reading(traced, lambda taken: [one.of_taken(value) for one, value in zip(kept, taken, strict=True)])

    def _scope(self) -> contextlib.AbstractContextManager:
        """The strategy's scope; in a step, which has entered it, it must not be entered again."""
        is_entered = tf.distribute.get_strategy() is self._strategy
        return contextlib.nullcontext() if is_entered else self._strategy.scope()

    def summed_over_replicas(self, tensors: dict[int, Any]) -> dict[int, Any]:
        """Return the sum of each tensor over the replicas of a distribution strategy; called in a step."""
        if self.replicas == 1:
            return tensors
        context = tf.distribute.get_replica_context()
        dense = [tf.convert_to_tensor(tensor) for tensor in tensors.values()]
        if not isinstance(context.strategy, tf.distribute.MultiWorkerMirroredStrategy):
            with contextlib.suppress(RuntimeError):  # inside of another compiled function replicas cannot be merged
                return dict(zip(tensors, context.merge_call(_sum_on_one_device, args=(dense,)), strict=True))
        return dict(zip(tensors, [context.all_reduce("sum", tensor) for tensor in dense], strict=True))


def _sum_on_one_device(strategy: tf.distribute.Strategy, tensors: list[Any]) -> list[Any]:
    """Sums over the replicas without the collective operations that `all_reduce` uses.

    TensorFlow numbers these, from 1 in every strategy, and a number must always stand for the same shape. So where two
    strategies train one after another in a process, operations of ours between those of Keras would end the second
    training with an error.
    """
    reduction = tf.distribute.ReductionToOneDevice()
    return [reduction.reduce(tf.distribute.ReduceOp.SUM, tensor, tensor) for tensor in tensors]


class Sampler:
    """Counts the steps of an epoch and tells which of them are looked at: every `stride`-th before step `end`."""

    def __init__(self, takes_every_step: bool = False) -> None:
        self.takes_every_step = takes_every_step
        self._state = _variable_of_each_replica(np.array([0, 1, NEVER], "int32"))  # steps counted, stride, end
        self._setting: tuple[int, int] | None = (1, NEVER)  # stride and end, while nothing can have been counted

    def begin_epoch(self, stride: int = 1, end: int = NEVER) -> None:
        """Count from 0 again."""
        if self._setting != (stride, end):
            self._state.assign([0, stride, end])
        self._setting = None

    def is_due(self) -> Any:
        """Return whether this step is looked at, True or a Boolean tensor; called in a step."""
        if self.takes_every_step:
            return True
        step, stride, end = tf.unstack(self._state)
        return tf.equal(step % stride, 0) & (step < end)

    def step(self) -> Any:
        """Return the number of this step, from 0; called in a step."""
        return self._state[0]

    def number(self) -> Any:
        """Return the number of this step among those looked at, from 0; called in a step that is."""
        step, stride, _ = tf.unstack(self._state)
        return step // stride

    def count(self) -> None:
        """Count this step; called in a step."""
        self._state.assign_add([1, 0, 0])

    def take(self) -> Any:
        """Return the state as a tensor, for `of_taken`, and count from 0 again; called in a traced function."""
        state = self._state.read_value()
        with tf.control_dependencies([state]):
            self._state.assign(state * [0, 1, 1])
        return state

    def of_taken(self, state: np.ndarray) -> int:
        """Return the number of steps counted in this epoch, of what `take` returned."""
        self._setting = (int(state[1]), int(state[2]))
        return int(state[0])

    def read(self) -> int:
        """Return the number of steps counted in this epoch."""
        return int(self._state.numpy()[0])


class Accumulator:
    """Keeps one value, to which what steps compute is joined.

    The value is a tree (NamedTuples, dicts, lists) of float32 tensors, held in one variable.

    Args:
        initial: the value before the first step, of NumPy arrays.
        join: function of the value and of what one step computed; returns the new value.
    """

    def __init__(self, initial: Any, join: Callable[[Any, Any], Any]) -> None:
        self._structure = initial
        self._shapes = [np.shape(leaf) for leaf in tf.nest.flatten(initial)]
        self._sizes = [int(np.prod(shape)) for shape in self._shapes]
        self._join = join
        self._initial = self._packed(tf.nest.map_structure(lambda leaf: tf.constant(leaf, tf.float32), initial))
        self._variable = _variable_of_each_replica(self._initial)
        self._is_initial = True  # whether nothing can have been added

    def add(self, compute: Callable[[], Any], at: Sampler | None = None, condition: Any = True) -> None:
        """Join what a step computes to the value; called in a step.

        Args:
            compute: function that returns what the step computed.
            at: tells whether this step is looked at; None looks at every step.
            condition: a Boolean tensor, false where this step does not count.
        """

        def add() -> tf.Tensor:
            value = self._unpacked(tf.convert_to_tensor(self._variable))
            self._variable.assign(self._packed(self._join(value, compute())))
            return tf.constant(0)

        conditions = [one for one in (True if at is None else at.is_due(), condition) if one is not True]
        if conditions:
            tf.cond(tf.reduce_all(conditions), add, lambda: tf.constant(0))
        else:
            add()

    def reset(self) -> None:
        """Forget everything: an epoch begins."""
        if not self._is_initial:
            self._variable.assign(self._initial)
        self._is_initial = False

    def take(self) -> Any:
        """Return the value as a tensor, for `of_taken`, and forget everything; called in a traced function."""
        vector = self._variable.read_value()
        with tf.control_dependencies([vector]):
            self._variable.assign(self._initial)
        return vector

    def of_taken(self, vector: np.ndarray) -> Any:
        """Return the value as NumPy arrays, of what `take` returned."""
        self._is_initial = True
        return self._unpacked(vector)

    def read(self) -> Any:
        """Return the value as NumPy arrays."""
        return self._unpacked(self._variable.numpy())

    def _packed(self, value: Any) -> tf.Tensor:
        leaves = tf.nest.flatten(value)
        if len(leaves) == 1:
            return tf.reshape(leaves[0], [-1])
        return tf.concat([tf.reshape(leaf, [-1]) for leaf in leaves], axis=0)

    def _unpacked(self, vector: Any) -> Any:
        split = np.split(vector, np.cumsum(self._sizes)[:-1]) if isinstance(vector, np.ndarray) else None
        pieces = tf.split(vector, self._sizes) if split is None else split
        leaves = [
            piece.reshape(shape) if isinstance(piece, np.ndarray) else tf.reshape(piece, shape)
            for piece, shape in zip(pieces, self._shapes, strict=True)
        ]
        return tf.nest.pack_sequence_as(self._structure, leaves)


def _variable_of_each_replica(value: Any) -> tf.Variable:
    """Return a variable that each replica of a distribution strategy keeps for itself; read is the first replica's."""
    return tf.Variable(
        value,
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


def listen_to_gradients(
    optimizer: keras.optimizers.Optimizer,
    take: Callable[[list[Any], list[keras.Variable], Any], None],
    count_begun: Callable[[list[Any], list[keras.Variable]], None],
) -> contextlib.AbstractContextManager:
    """Return a context in which the gradients of each step are handed over, see `before_apply_unscaled`.

    While a step is traced that will not run, `take` is told that it is not applied: False in place of True.
    """

    def take_unless_discarded(gradients: list[Any], variables: list[keras.Variable], is_applied: Any) -> None:
        take(gradients, variables, False if _is_discarded(optimizer, variables) else is_applied)

    def count_unless_discarded(gradients: list[Any], variables: list[keras.Variable]) -> None:
        if not _is_discarded(optimizer, variables):
            count_begun(gradients, variables)

    return before_apply_unscaled(optimizer, take_unless_discarded, count_unless_discarded)


_discarded: "weakref.WeakSet[Any]" = weakref.WeakSet()
"""Graphs of steps in which an optimizer made variables."""


def _is_discarded(optimizer: keras.optimizers.Optimizer, variables: list[keras.Variable]) -> bool:
    """Return whether TensorFlow will trace the step once more and never run the graph that it traces now.

    It does so where variables are made in a step, such as those of Adam. To record gradients in a graph that does not
    run takes seconds where there are many layers. Whether an optimizer makes variables is known once it is built, so
    this builds it, as its `apply` would, which is called next.
    """
    if not tf.inside_function() or tf.distribute.get_strategy().num_replicas_in_sync > 1:
        return False
    graph = tf.compat.v1.get_default_graph()
    if not optimizer.built:
        before = len(optimizer.variables)
        with keras.name_scope(optimizer.name, caller=optimizer):
            optimizer.build(variables)
        optimizer.built = True
        if len(optimizer.variables) > before:
            _discarded.add(graph)
    while graph is not None and graph not in _discarded:
        graph = getattr(graph, "outer_graph", None)  # of a branch
    return graph is not None


def listen_to_batches(model: keras.Model, take: Callable[..., None]) -> contextlib.AbstractContextManager:
    """Return a context in which each step's batch is handed over.

    Args:
        model: the model that is trained.
        take: called with the named arguments `inputs`, `targets`, `sample_weights` and `predictions`.
    """
    return before_compute_loss(model, take)


class Reading:
    """What is read where an epoch ends. A call computes tensors, and returns what `finish` makes of them as arrays.

    Args:
        traced: concrete function that returns a list of tensors; None where there is nothing to compute.
        finish: function of a list of arrays.
    """

    def __init__(self, traced: Any, finish: Callable[[list[np.ndarray]], Any]) -> None:
        self.traced, self.finish = traced, finish

    def __call__(self) -> Any:
        return self.finished([] if self.traced is None else self.traced())

    def finished(self, tensors: Sequence[Any]) -> Any:
        """Return what `finish` makes of the tensors that were computed."""
        return self.finish([tensor.numpy() for tensor in tensors])


def _traced(function: Callable[[], list[Any]], by_xla: bool = False) -> Any:
    return tf.function(function, autograph=False, jit_compile=by_xla).get_concrete_function()


def compiled(variables: Sequence[keras.Variable], function: Callable[[], Any]) -> Reading:
    """Compile a function, and return a reading that calls it with the values that variables have then.

    Args:
        variables: all variables whose values `function` reads; TensorFlow finds them itself.
        function: has no arguments and returns a tensor, of which the reading makes an array. It is called once here,
            to be traced, and no variable that it assigns is changed.
    """

    def stateless() -> list[Any]:
        with keras.StatelessScope():  # in it nothing that layers keep is assigned, such as the states of an RNN
            return [function()]

    return Reading(_traced(stateless), lambda arrays: arrays[0])


def host_reading(function: Callable[[], Any]) -> Reading:
    """Return a reading of what a function returns that is not compiled."""
    return Reading(None, lambda _: function())


def together(readings: Sequence[Reading], by_xla: bool) -> Callable[[], list[Callable[[], Any]]] | None:
    """Return a function that computes several readings at once, and returns for each a function of its result.

    Args:
        readings: what is read.
        by_xla: whether XLA compiles the train step. Only then are readings computed at once, by a function that XLA
            compiles too. Without XLA the result is None: TensorFlow would take seconds to optimize again, as parts of
            a larger graph, the graphs that it has optimized already.
    """
    if not by_xla:
        return None
    functions = [reading.traced for reading in readings if reading.traced is not None]
    traced = _traced(lambda: [function() for function in functions], by_xla=True)

    def read() -> list[Callable[[], Any]]:
        found = iter(traced())
        tensors = [[] if reading.traced is None else next(found) for reading in readings]
        return [functools.partial(reading.finished, own) for reading, own in zip(readings, tensors, strict=True)]

    return read


def once_computed(tensors: Sequence[Any]) -> contextlib.AbstractContextManager:
    """Return a context whose operations wait for tensors, some of which may be None.

    At the end of data of unknown length TensorFlow starts one more step, and what does not wait for its batch runs all
    the same. (Keras's own `optimizer.iterations` is one too high after such an epoch.)
    """
    present = [tensor for tensor in tensors if tensor is not None]
    return tf.control_dependencies(tf.nest.flatten(present, expand_composites=True))


def outside_the_step() -> contextlib.AbstractContextManager:
    """Return a context in which variables can be made and read while a step is traced."""
    return tf.init_scope()


def have_values(variables: Sequence[keras.Variable]) -> bool:
    """Return whether variables can be read.

    Those that a step makes while TensorFlow traces it get their values after the trace, and TensorFlow traces the step
    once more before it runs. Needs that `Variable.value` is a `tf.Variable`.
    """
    return all(bool(variable.value.is_initialized()) for variable in variables)


def array_of(variable: keras.Variable, rows: int | None = None) -> np.ndarray:
    """Return the value of a variable, or its first rows, as an array, which may be the variable's own memory."""
    return (variable.value if rows is None else variable.value[:rows]).numpy()


def is_batch_array(array: Any) -> bool:
    """Return whether something in a batch is a dense tensor of numbers or Booleans, of rank 1 or more."""
    if isinstance(array, tf.RaggedTensor | tf.SparseTensor | tf.IndexedSlices):
        return False
    if getattr(array, "dtype", None) is None or not tf.TensorShape(array.shape).rank:
        return False
    dtype = tf.as_dtype(array.dtype)
    return dtype.is_floating or dtype.is_integer or dtype.is_bool


def dense(gradient: Any) -> tuple[Any, bool]:
    """Return a gradient as a tensor, and whether it holds only the rows that were looked up, each once, and zeros."""
    if not isinstance(gradient, tf.IndexedSlices):
        return tf.convert_to_tensor(gradient), False
    order = tf.argsort(gradient.indices)  # XLA cannot compile `tf.unique`
    indices, values = tf.gather(gradient.indices, order), tf.gather(gradient.values, order)
    is_new = tf.concat([[0], tf.cast(indices[1:] != indices[:-1], tf.int32)], axis=0)
    return tf.math.unsorted_segment_sum(values, tf.cumsum(is_new), tf.size(indices)), True


def elements_at(vector: Any, places: Any) -> Any:
    """Return the elements of a vector at some places."""
    return tf.gather(vector, places)


def sums_and_nonfinite(vectors: Sequence[Any]) -> tuple[Any, Any]:
    """Return for each vector its sum, and the number of elements that are NaN or infinite.

    Only where a sum is not finite is every element looked at again.
    """
    sums = tf.stack([tf.reduce_sum(vector) for vector in vectors])

    def counted() -> tf.Tensor:
        return tf.stack([tf.reduce_sum(tf.cast(~tf.math.is_finite(vector), tf.float32)) for vector in vectors])

    nonfinite = tf.cond(tf.reduce_all(tf.math.is_finite(sums)), lambda: tf.zeros_like(sums), counted)
    return sums, nonfinite
