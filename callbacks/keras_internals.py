"""Every private or undocumented Keras API that the callbacks rely on, on every backend, in one place.

What they rely on in one backend only is in `backend/`. Each function says why the documented API is not enough, and
what would replace it. They were tried on Keras 3.13 to 3.15; when a new version of Keras breaks the callbacks, the
places to mend are here and there.
"""

import contextlib
import inspect
from collections.abc import Callable, Collection, Iterator
from typing import Any

import keras

from ._errors import NothingToWatchError


def kernels(model: keras.Model) -> dict[str, keras.Variable]:
    """Return the model's kernels, in model order.

    A kernel is a trainable variable of rank 2 or more. It is named after its layer, or `layer/variable` where its
    layer has several kernels; a layer inside another one is named like `encoder/dense_1`.

    Needs `_flatten_layers` and `_trainable_variables`, see `_owners`.

    Args:
        model: a built `keras.Model`.

    Returns:
        A dict of name to `keras.Variable`.

    Raises:
        ValueError: if the model is not built or has no kernel.

    >>> list(kernels(model))
    ['dense_1', 'dense_2']
    """
    found = [variable for variable in model.trainable_variables if len(variable.shape) >= 2]
    if not found:
        # `model.built` alone does not tell: `build` of a subclassed model sets it, whatever is built inside.
        if not all(layer.built for layer in model._flatten_layers()):
            raise NothingToWatchError(
                f"Model {model.name!r} is not built, so it has no kernels to watch yet: give it an Input, "
                "or call it once on a batch, before fit."
            )
        raise NothingToWatchError(
            f"Model {model.name!r} has no kernel to watch, that is no trainable variable of rank 2 or more: "
            "leave at least one such layer trainable."
        )
    owners = _owners(model)
    owner_of_each = [owners.get(id(variable), (None, variable.path)) for variable in found]
    named: dict[str, keras.Variable] = {}
    for variable, (layer, layer_name) in zip(found, owner_of_each, strict=True):
        is_only_kernel = sum(layer is other for other, _ in owner_of_each) == 1
        named[unused_name(layer_name if is_only_kernel else f"{layer_name}/{variable.name}", named)] = variable
    return named


def is_built(model: keras.Model) -> bool:
    """Return whether the model has all its variables; one that has not is built by the first step of `fit`.

    `model.built` alone does not tell: `build` of a subclassed model sets it, whatever is built inside, and a model
    that only its own `train_step` uses, never called, does not set it. Needs `Layer._flatten_layers`; the mark that
    Keras sets on its own `build`, which builds nothing; and `_distribute_strategy`, as under a strategy Keras builds
    the model before training begins. A public method that tells would replace it.
    """
    inner = list(model._flatten_layers(include_self=False))
    has_all_it_makes = model.built or (inner and getattr(model.build, "_is_default", False))
    return (
        bool(has_all_it_makes and all(layer.built for layer in inner))
        or getattr(model, "_distribute_strategy", None) is not None
    )


def other_optimizers(model: keras.Model, optimizer: keras.optimizers.Optimizer | None) -> list[str]:
    """Return the names of the model's attributes that are optimizers, but for `optimizer` and `model.optimizer`.

    Needs that attributes are in the instance's dictionary: Keras has no list of a model's optimizers.
    """
    return [
        name
        for name, value in vars(model).items()
        if isinstance(value, keras.optimizers.Optimizer) and value is not optimizer and value is not model.optimizer
    ]


def layer_of_each_variable(model: keras.Model) -> dict[int, keras.layers.Layer]:
    """Return a dict of the `id` of each trainable variable to the layer that made it; needs what `_owners` needs."""
    return {key: layer for key, (layer, _) in _owners(model).items()}


def _owners(layer: keras.layers.Layer, path: str = "") -> dict[int, tuple[keras.layers.Layer, str]]:
    """Return a dict of the `id` of each variable to its layer and the layer's name, like `encoder/dense_1`.

    Needs `Layer._trainable_variables` and `Layer._flatten_layers`: `trainable_variables` does not tell a layer's own
    variables from those of the layers inside it, `Model.layers` misses layers inside composite layers, and a
    variable's `path` begins with the names of the scopes it happened to be made in. A public way from a variable to
    its layer would replace it.
    """
    owners = {id(variable): (layer, path or layer.name) for variable in layer._trainable_variables}
    for inner in layer._flatten_layers(include_self=False, recursive=False):
        owners = _owners(inner, f"{path}/{inner.name}" if path else inner.name) | owners
    return owners


def unused_name(name: str, taken: Collection[str]) -> str:
    """Return `name`, or `name_2` and so on where it is taken: Keras lets two layers bear one name."""
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def activation_name(layer: keras.layers.Layer) -> str | None:
    """Return the name of the activation that a layer was given, "linear" included; None for a layer that takes none.

    Needs the attribute `activation` and the function's `__name__`: Keras documents only the argument. A method that
    returns the activation's identifier would replace it.
    """
    return getattr(getattr(layer, "activation", None), "__name__", None)


def nonlinearity(layer: keras.layers.Layer) -> str | None:
    """Return the name of the nonlinear function that a layer applies last; None where there is none.

    Needs the attribute `activation`, as `activation_name` does, and the class names of the activation layers.
    """
    if isinstance(layer, keras.layers.ReLU):
        return "leaky_relu" if layer.negative_slope else "relu"
    if type(layer).__name__ in ("LeakyReLU", "PReLU", "ELU", "Softmax"):
        return type(layer).__name__.lower()
    name = activation_name(layer)
    return None if name == "linear" else name


def nonlinear_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers of a built model that apply a nonlinear function, in the order in which they were made.

    Needs `Layer._flatten_layers`: `Model.layers` misses layers inside composite layers. A public iterator over all
    layers would replace it. Recurrent layers, wrappers and attention are one layer each, whatever is inside them.
    """
    return [layer for layer in innermost_layers(model) if nonlinearity(layer)]


def innermost_layers(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """Yield the layers of a model at every depth that hold no others, in the order in which they were made.

    Needs `Layer._flatten_layers`, see `nonlinear_layers`.
    """
    whole = (keras.layers.RNN, keras.layers.Bidirectional, keras.layers.Wrapper, keras.layers.MultiHeadAttention)
    inner = [] if isinstance(layer, whole) else list(layer._flatten_layers(include_self=False, recursive=False))
    if not inner or nonlinearity(layer):
        yield layer
    for part in inner:
        yield from innermost_layers(part)


def output_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layer that makes each output of a model, past nested models and layers that only reshape or drop.

    Of a model that is not functional it is the last layer that was made, which is a guess. Needs the `_keras_history`
    of symbolic tensors and `Operation._inbound_nodes`; a public way from an output to its layer would replace them.
    """
    if operations(model) is None:
        layers = list(model._flatten_layers(include_self=False, recursive=False))
        return output_layers(layers[-1]) if layers and isinstance(layers[-1], keras.Model) else layers[-1:]
    return [_layer_behind(output) for output in model.outputs]


def operations(model: keras.Model) -> list[Any] | None:
    """Return the operations of a functional or sequential model, layers and others; None for other models.

    Needs `operations` of a functional model, and `_functional`, the one that a built sequential model is made of. A
    public list of operations would replace them.
    """
    found = getattr(getattr(model, "_functional", None) or model, "operations", None)
    return None if found is None else list(found)


def _layer_behind(tensor: Any) -> keras.layers.Layer:
    layer, node, index = tensor._keras_history
    if isinstance(layer, keras.Model) and operations(layer) is not None:
        return _layer_behind(layer.outputs[index])
    if type(layer).__name__ in ("Dropout", "Flatten", "Reshape", "Identity", "ActivityRegularization"):
        return _layer_behind(layer._inbound_nodes[node].input_tensors[0])
    return layer


def initializer_name(layer: keras.layers.Layer, variable: keras.Variable) -> str | None:
    """Return the class name of the initializer of one of a layer's variables; None where the layer does not tell.

    Needs the attribute `<variable>_initializer`, a convention of Keras's own layers that is not documented. The
    initializer as an attribute of the variable would replace it.
    """
    initializer = getattr(layer, f"{variable.name}_initializer", None)
    return None if initializer is None else type(initializer).__name__


def running_callback_list() -> keras.callbacks.CallbackList | None:
    """Return the `CallbackList` whose hook is running, None where a hook is called in another way.

    Only `fit` holds it, so it goes when `fit` does, in whatever way: Keras calls no hook when `fit` ends with an
    exception. Needs that the list is called `self` where it calls its callbacks. A hook for that would replace it.
    """
    frame = inspect.currentframe()
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, keras.callbacks.CallbackList):
            return owner
        frame = frame.f_back
    return None


def inner_optimizer(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Return the optimizer that is handed unscaled gradients: the innermost one of a `LossScaleOptimizer`.

    Needs the attribute `inner_optimizer`: under mixed precision Keras wraps the optimizer without being asked, and
    documents no way back to it.
    """
    while hasattr(optimizer, "inner_optimizer"):
        optimizer = optimizer.inner_optimizer
    return optimizer


@contextlib.contextmanager
def replaced_method(owner: Any, name: str, method: Callable) -> Iterator[None]:
    """While open, an instance has another method of this name; one that it had of its own comes back.

    It goes straight into the instance's dictionary: Keras tracks what is assigned in the ordinary way.
    """
    own = vars(owner).get(name)
    vars(owner)[name] = method
    try:
        yield
    finally:
        del vars(owner)[name]
        if own is not None:
            vars(owner)[name] = own


@contextlib.contextmanager
def before_apply(
    optimizer: keras.optimizers.Optimizer, listener: Callable[[list[Any], list[keras.Variable]], None]
) -> Iterator[None]:
    """While open, call `listener(gradients, variables)` wherever `optimizer.apply` is called.

    Replaces the method on the instance, and needs `Optimizer._trainable_variables` for the calls that do not name the
    variables. Keras has no hook between the gradients and the optimizer; a callback method that is given the gradients,
    or a documented list of functions that transform them, would replace it. A compiled train step sees the listener
    only if it is traced while this is open.

    Args:
        optimizer: the optimizer that is handed the gradients.
        listener: function of a list of gradients (tensor, `IndexedSlices` or None) and the list of their variables.
    """
    apply = optimizer.apply

    def listened_apply(grads: Any, trainable_variables: Any = None) -> Any:
        grads = list(grads)
        variables = list(optimizer._trainable_variables if trainable_variables is None else trainable_variables)
        listener(grads, variables)
        return apply(grads, variables)

    with replaced_method(optimizer, "apply", listened_apply):
        yield


@contextlib.contextmanager
def before_apply_unscaled(
    optimizer: keras.optimizers.Optimizer,
    take: Callable[[list[Any], list[keras.Variable], Any], None],
    count_begun: Callable[[list[Any], list[keras.Variable]], None],
) -> Iterator[None]:
    """While open, hand over the gradients of each step, unscaled, that the optimizer is going to apply.

    Args:
        optimizer: the optimizer that the train step calls.
        take: called with a list of gradients (tensor, `IndexedSlices` or None), the list of their variables, and True:
            the innermost optimizer is called only where the step is applied.
        count_begun: called with the gradients and their variables where loss scaling may still drop the step.
    """
    inner = inner_optimizer(optimizer)
    with contextlib.ExitStack() as stack:
        stack.enter_context(before_apply(inner, lambda gradients, variables: take(gradients, variables, True)))
        if inner is not optimizer:
            stack.enter_context(before_apply(optimizer, count_begun))
        yield


def new_train_function(model: keras.Model) -> Callable:
    """Return what a model would train by, not traced yet; the model keeps its own train function.

    Needs `Model.make_train_function` and `Model.train_function`, see `TrainFunctionTap`.
    """
    own = model.train_function
    model.train_function = None  # so that one is made, even by a class whose method does not take `force`
    try:
        model.make_train_function()
        made = model.train_function
    finally:
        model.train_function = own
    if made is None:
        raise RuntimeError("make_train_function made no train function")
    return made


@contextlib.contextmanager
def after_call(layer: keras.layers.Layer, listener: Callable[[keras.layers.Layer, Any], None]) -> Iterator[None]:
    """While open, call `listener(layer, output)` after each call of the layer.

    Replaces the method `call` on the instance. `keras.Model(inputs, layer.output)` would be the public way, but it
    exists for functional models only, and not for layers inside composite layers; forward hooks would replace it.
    """
    call = layer.call

    def listened_call(*args: Any, **kwargs: Any) -> Any:
        output = call(*args, **kwargs)
        listener(layer, output)
        return output

    with replaced_method(layer, "call", listened_call):
        yield


@contextlib.contextmanager
def before_compute_loss(model: keras.Model, listener: Callable[..., None]) -> Iterator[None]:
    """While open, call `listener(inputs=, targets=, predictions=, sample_weights=)` before `model.compute_loss`.

    Replaces the method on the instance. A callback method that is given the batch would replace it. A compiled train
    step sees the listener only if it is traced while this is open.
    """
    compute_loss = model.compute_loss

    def listened_compute_loss(
        x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        listener(inputs=x, targets=y, predictions=y_pred, sample_weights=sample_weight)
        return compute_loss(x, y, y_pred, sample_weight, *args, **kwargs)

    with replaced_method(model, "compute_loss", listened_compute_loss):
        yield
