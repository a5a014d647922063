"""Every private or undocumented interface of Keras and TensorFlow that the tutorials use, each with its reason."""

import contextlib
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

import keras
import tensorflow as tf
from keras.src.random import seed_generator

_building = threading.Lock()


def build_with_seed(build_model: Callable[[], keras.Model], seed: int) -> keras.Model:
    """Returns `build_model()` with the random weights that follow `keras.utils.set_random_seed(seed)`.

    They are the same even while other threads of the process draw random numbers, as those of a Dask worker do.
    Private: an initializer without a seed takes one from `keras.src.random.seed_generator.python_random`, the
    generator of the whole process; for the time being it is replaced by one of our own. Wait for: a public way to
    give Keras a generator.
    """
    own = _InThisThread(random.Random(seed), seed_generator.python_random)
    with _building, mock.patch.object(seed_generator, "python_random", own):
        keras.utils.set_random_seed(seed)
        return build_model()


class _InThisThread:
    """A generator of random numbers for the thread that makes it; other threads go on with theirs."""

    def __init__(self, own: random.Random, of_others: Any) -> None:
        self._own, self._of_others, self._thread = own, of_others, threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own if threading.get_ident() == self._thread else self._of_others, name)


def build_metrics(model: keras.Model, batch: tuple[tf.Tensor, tf.Tensor]) -> None:
    """Makes the variables of a compiled model's metrics, which Keras makes at the first step.

    A `tf.function` in which variables are made is traced a second time without them. Undocumented: that a step outside
    of any function makes them. Wait for: a public method that builds the metrics.
    """
    model.test_step(batch)
    model.reset_metrics()


def replace_fit(model: keras.Model, fit: Callable[..., keras.callbacks.History]) -> None:
    """Makes `model.fit` call `fit`, for this model alone.

    Undocumented: the function goes straight into the instance's dictionary, because Keras tracks what is assigned in
    the ordinary way. Wait for: a public hook for the loop over the steps of an epoch.
    """
    vars(model)["fit"] = fit


@contextlib.contextmanager
def replaced_train_step(model: keras.Model, train_step: Callable) -> Iterator[None]:
    """While open, `Model.fit` calls `train_step`, compiled by XLA, instead of the model's own.

    Undocumented: overriding `train_step` is public for subclasses only, and Keras keeps its compiled `train_function`
    from one `fit` to the next, so a new one is forced before and the old one dropped after. Wait for: a public way to
    fit with another step.
    """
    jit_compile = model.jit_compile
    model.train_step, model.jit_compile = train_step, True
    model.make_train_function(force=True)
    try:
        yield
    finally:
        del model.train_step
        model.jit_compile, model.train_function = jit_compile, None


def all_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers of a model at every depth, those of a subclassed model too.

    Private: `_flatten_layers`; the public `layers` stops at nested models. Wait for: a public recursive iterator.
    """
    return list(model._flatten_layers(include_self=False))


def losses_and_metrics(model: keras.Model) -> list[Any]:
    """Returns the losses and metrics that `compile` was given, as they were given.

    Private: `_compile_metrics`; `get_compile_config` names a function without its source. Wait for: a public getter.
    """
    given = model._compile_metrics._user_metrics if model._compile_metrics is not None else []
    return [model.loss, *keras.tree.flatten(given)]


def decays(optimizer: keras.optimizers.Optimizer, variable: keras.Variable) -> bool:
    """Returns whether the optimizer's weight decay, if it has one, applies to a variable.

    Private: `_use_weight_decay`; the optimizer's configuration leaves out what `exclude_from_weight_decay` was told.
    Wait for: a configuration that says it.
    """
    return optimizer._use_weight_decay(variable)


Factors = dict[str, float]
"""The factors of a penalty, `l1` and `l2`, or of those which there are."""


def penalty_factors(model: keras.Model) -> list[Factors]:
    """Returns the factors of the L1 and L2 penalties of each trainable variable, in the model's order."""
    return [_factors(variable.regularizer) for variable in model.trainable_variables]


def _factors(regularizer: Any) -> Factors:
    """Those of Keras's own classes; others are called as they are."""
    own = type(regularizer) in (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)
    return {name: float(factor) for name, factor in regularizer.get_config().items()} if own else {}


@contextlib.contextmanager
def replaced_penalties(model: keras.Model, factors: Sequence[dict[str, tf.Tensor]]) -> Iterator[None]:
    """While open, the L1 and L2 penalties of the model's variables have these factors, tensors of a traced function.

    Undocumented: Keras asks a variable for its `regularizer` each time that it adds up the penalties. Wait for: a
    regularizer whose factor can be a variable.

    Args:
        model: a built model.
        factors: of each trainable variable, in the shape of `penalty_factors`.
    """
    kept = [variable.regularizer for variable in model.trainable_variables]
    powers = {"l1": keras.ops.absolute, "l2": keras.ops.square}

    def penalty(own: dict[str, tf.Tensor]) -> Callable:
        return lambda x: sum(
            keras.ops.cast(factor, x.dtype) * keras.ops.sum(powers[name](x)) for name, factor in own.items()
        )

    try:
        for variable, own in zip(model.trainable_variables, factors, strict=True):
            if own:
                variable.regularizer = penalty(own)
        yield
    finally:
        for variable, regularizer in zip(model.trainable_variables, kept, strict=True):
            variable.regularizer = regularizer


def call_with_variables(
    function: tf.types.experimental.ConcreteFunction, variables: Sequence[tf.Variable], arguments: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
    """Calls a traced function with other variables in the places of those it was traced with.

    Private: `inference_fn.call_flat`, which takes the captured variables as arguments. So one trace serves several
    threads, each with its own variables. Wait for: a public call that replaces captures for the time of the call.
    """
    handles = {id(old.handle): new.handle for old, new in zip(function.variables, variables, strict=True)}
    captured = [handles.get(id(tensor), tensor) for tensor in function.captured_inputs]
    return function.inference_fn.call_flat(*arguments, *captured)
