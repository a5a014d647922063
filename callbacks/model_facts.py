"""What is known about a compiled model before it is trained: the `facts` of `Evidence`."""

import functools
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from . import backend
from ._errors import NothingToWatchError
from .keras_internals import (
    activation_name,
    initializer_name,
    inner_optimizer,
    innermost_layers,
    kernels,
    layer_of_each_variable,
    nonlinearity,
    operations,
    output_layers,
)

LINEAR_LAYERS = {
    *("Activation", "ActivityRegularization", "Add", "Average", "AveragePooling1D", "AveragePooling2D", "Concatenate"),
    *(
        "Conv1D",
        "Conv2D",
        "Conv3D",
        "Conv1DTranspose",
        "Conv2DTranspose",
        "Conv3DTranspose",
        "Dense",
        "DepthwiseConv2D",
    ),
    *("Dropout", "EinsumDense", "Flatten", "GaussianDropout", "GaussianNoise", "GlobalAveragePooling1D"),
    *("GlobalAveragePooling2D", "Identity", "InputLayer", "Normalization", "Permute", "RepeatVector", "Rescaling"),
    *("Reshape", "SeparableConv1D", "SeparableConv2D", "SpatialDropout1D", "SpatialDropout2D", "Subtract"),
    *("UpSampling1D", "UpSampling2D", "ZeroPadding1D", "ZeroPadding2D", "BatchNormalization"),
}
"""Layers that are linear functions of their inputs, or nearly so, if their activation is linear."""

PASSING_LAYERS = {"InputLayer", "Flatten", "Reshape", "Permute", "Dropout", "SpatialDropout1D", "SpatialDropout2D"}
"""Layers that leave the scale of their inputs as it is."""

MAX_WEIGHTS = 2**18
"""Weights of a kernel that are looked at before training, about: initial weights are alike in all rows."""

SHORT_NAMES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "logcosh": "log_cosh",
}


def model_facts(
    model: keras.Model, optimizer: keras.optimizers.Optimizer | None, params: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return what the rules need to know about a model before it is trained: the `facts` of `Evidence`.

    If a part of the model raises an exception when it is inspected, it is left out and listed in `untold` with the
    exception: rules that need it report nothing, and training goes on.

    Args:
        model: a compiled model.
        optimizer: the optimizer that trains it; if there are several, the one whose gradients are recorded.
        params: the `params` of a Keras callback, with `epochs` and `steps`, if they are known.
    """
    params = params or {}
    found: dict[str, Any] = {"planned_epochs": params.get("epochs"), "steps": params.get("steps")}
    found |= {"penalty": math.nan, "untold": []}
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "the optimizer": lambda: _optimizer_facts(optimizer),
        "the regularizers' part of the loss": lambda: {"penalty": _sum(model.losses)},
        "the kernels": lambda: {"kernels": _kernel_facts(model)},
        "the layers": lambda: _layer_facts(model),
        "the outputs": lambda: {"outputs": _output_facts(model)},
        "the metrics": lambda: {"metrics": [*_metric_names(model)]},
    }
    for part, describe in parts.items():
        try:
            found |= describe()
        except NothingToWatchError:
            continue  # there are none, which is reported elsewhere
        except Exception as error:  # a model may be of any class; see the docstring
            found["untold"].append(f"{part} ({type(error).__name__}: {error})")
    return found


def _optimizer_facts(optimizer: Any) -> dict[str, Any]:
    if optimizer is None:
        return {}
    inner = inner_optimizer(optimizer)
    found: dict[str, Any] = {"scales_loss": inner is not optimizer}
    optimizer = inner
    found["optimizer"] = type(optimizer).__name__
    schedule = getattr(optimizer, "_learning_rate", None)
    found["scheduled"] = isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule)
    rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
    return found | {"learning_rate": float(f"{rate:.6g}")}


def _kernel_facts(model: keras.Model) -> dict[str, dict[str, Any]]:
    layer_of, named = layer_of_each_variable(model), kernels(model)
    found: dict[str, dict[str, Any]] = {}
    for name, kernel in named.items():
        layer, value = layer_of.get(id(kernel)), _first_rows(kernel)
        shape, mean_weight = [*kernel.shape], float(np.abs(value, dtype="float32").mean())
        columns = value.reshape(-1, value.shape[-1])
        # Only kernels of one mean can be equal, so that hardly any are compared; those of a constant tell nothing.
        alike = [
            other for other, facts in found.items() if (facts["shape"], facts["mean_weight"]) == (shape, mean_weight)
        ]
        twins = (other for other in alike if np.ptp(value) > 0 and np.array_equal(_first_rows(named[other]), value))
        found[name] = {
            "layer": type(layer).__name__,
            "shape": shape,
            "activation": None if layer is None else activation_name(layer),
            "initializer": None if layer is None else initializer_name(layer, kernel),
            "mean_weight": mean_weight,
            "nonfinite": int((~np.isfinite(value)).sum()),
            "units_alike": bool(value.shape[-1] > 1 and (columns == columns[:, :1]).all()),
            "same_as": next(twins, None),
        }
    return found


def _first_rows(kernel: keras.Variable) -> np.ndarray:
    """All of a kernel, or so many rows of a large one that they hold about `MAX_WEIGHTS`."""
    size = int(np.prod(kernel.shape))
    return backend.array_of(kernel, None if size <= MAX_WEIGHTS else max(1, MAX_WEIGHTS * kernel.shape[0] // size))


def _layer_facts(model: keras.Model) -> dict[str, Any]:
    """Whether anything but the outputs is nonlinear, whether a layer scales the inputs, softmax and dropout layers."""
    layers = [*innermost_layers(model)]
    last = {id(layer) for layer in output_layers(model)}
    known = operations(model)  # of models that are not functional only the layers are known
    others = [one for one in known or [] if not isinstance(one, keras.layers.Layer)]
    is_nonlinear = bool(others) or any(
        type(layer).__name__ not in LINEAR_LAYERS or (nonlinearity(layer) and id(layer) not in last) for layer in layers
    )
    first = next((layer for layer in layers if type(layer).__name__ not in PASSING_LAYERS), None)
    takes_numbers = type(first).__name__ in ("Dense", "Conv1D", "Conv2D", "Conv3D", "LSTM", "GRU", "SimpleRNN")
    softmaxes = [layer.name for layer in layers if nonlinearity(layer) == "softmax" and id(layer) not in last]
    dropouts = [layer.rate for layer in layers if isinstance(layer, keras.layers.Dropout)]
    return {
        "nonlinear": is_nonlinear if known is not None else None,
        "scales_inputs": not takes_numbers,
        "hidden_softmax": [] if known is None else softmaxes,
        "has_own_train_step": type(model).train_step is not keras.Model.train_step,
        "largest_dropout": max(dropouts, default=0.0),
        "normalizations": sorted({type(layer).__name__ for layer in layers if normalizes(layer)}),
        "variables": len(model.variables),
        "trainable_variables": len(model.trainable_variables),
    }


def normalizes(layer: keras.layers.Layer) -> bool:
    """Return whether a layer normalizes activations, as `LayerNormalization` does and `Normalization` of inputs not."""
    return re.fullmatch(r"\w+Normalization", type(layer).__name__) is not None and bool(layer.weights)


def _output_facts(model: keras.Model) -> list[dict[str, Any]]:
    """For each output its number of `units`, its `activation`, its `loss` and the arguments of the loss."""
    layers, known = output_layers(model), operations(model) is not None  # of other models the last layer is a guess
    names = list(getattr(model, "output_names", None) or range(len(layers)))
    shapes = [tuple(output.shape) for output in getattr(model, "outputs", None) or []]
    losses = [*_losses(model.loss, names)]
    found = []
    for i, layer in enumerate(layers):
        units = shapes[i][-1] if i < len(shapes) and len(shapes[i]) > 1 else getattr(layer, "units", None)
        activation = nonlinearity(layer) or (activation_name(layer) if known else None)
        loss = losses[i] if i < len(losses) else None
        found.append(
            {
                "units": units,
                "activation": activation,
                "loss": loss_name(loss),
                "from_logits": bool(_argument(loss, "from_logits")),
                "ignores_a_class": _argument(loss, "ignore_class") is not None,
            }
        )
    return found


def _losses(given: Any, names: list[Any]) -> Iterator[Any]:
    """The loss of each output."""
    if isinstance(given, dict):
        yield from (given.get(name) for name in names)
    elif isinstance(given, list | tuple):
        yield from given
    else:
        yield from (given for _ in names)


def loss_name(loss: Any) -> str | None:
    """Return the name of a loss as that of its function in Keras, `mean_squared_error` for `"mse"`; None for no loss.

    >>> loss_name(keras.losses.BinaryCrossentropy())
    'binary_crossentropy'
    """
    if loss is None:
        return None
    if isinstance(loss, functools.partial):
        loss = loss.func
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return SHORT_NAMES.get(name, name)


def _argument(loss: Any, name: str) -> Any:
    """The value of an argument with which a loss was created; None if it was not given."""
    given = loss.keywords if isinstance(loss, functools.partial) else getattr(loss, "_fn_kwargs", {})
    return getattr(loss, name, given.get(name))


def _metric_names(model: keras.Model) -> Iterator[str]:
    """The names of the metrics that were passed to `compile`."""
    given = getattr(model, "_compile_metrics", None)
    for metric in keras.tree.flatten(getattr(given, "_user_metrics", None) or []):
        yield metric if isinstance(metric, str) else getattr(metric, "name", type(metric).__name__)


def _sum(losses: list[Any]) -> float:
    return float(sum(float(keras.ops.convert_to_numpy(loss)) for loss in losses))
