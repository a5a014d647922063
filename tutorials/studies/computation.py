"""What a training computes, as plain data: the model, its optimizer, its loss, its metrics, the code of its classes."""

import copy
import hashlib
import json
from typing import Any

from tutorials.lab.keras_loop import all_layers, decays, losses_and_metrics

import keras

from .source_code import sources


def computation(model: keras.Model) -> dict[str, Any]:
    """Return all that decides what a compiled model computes in a step, but for its variables' values, as plain data.

    Names are replaced by numbers, because Keras counts them up from model to model: `sequential_3`.
    """
    layers = all_layers(model)
    # What a configuration names without saying what it does: classes and functions of this project.
    owns = [type(model), *map(type, layers), type(model.optimizer), *losses_and_metrics(model)]
    owns += [value for layer in layers for value in vars(layer).values() if callable(value)]
    penalties = [variable.regularizer for variable in model.trainable_variables]
    return {
        "model": _configuration(model, layers),
        "compile": _without_names(model.get_compile_config(), {}),
        "penalties": [keras.regularizers.serialize(penalty) if penalty else None for penalty in penalties],
        "decayed": [decays(model.optimizer, variable) for variable in model.trainable_variables],
        "sources": sources(owns),
    }


def without_values(description: dict[str, Any]) -> dict[str, Any]:
    """Return what `computation` returned without the numbers that a compiled training takes as arguments.

    These are the values that variables begin with, the learning rate, which Keras keeps in a variable of the optimizer,
    and the factors of L1 and L2 penalties: trainings that differ in nothing else can use one compiled function.
    """

    def stripped(value: Any) -> Any:
        if isinstance(value, dict):
            kept = {key: part for key, part in value.items() if not key.endswith("_initializer")}
            return {key: penalty(part) if of_weights(key) else stripped(part) for key, part in kept.items()}
        return [stripped(part) for part in value] if isinstance(value, list) else value

    def of_weights(key: str) -> bool:
        return key.endswith("_regularizer") and key != "activity_regularizer"

    def penalty(value: Any) -> Any:
        """A penalty without its factors, if it is one of those that `replaced_penalties` replaces."""
        names = [f"keras.regularizers.{name}" for name in ("L1", "L2", "L1L2")]
        is_ours = isinstance(value, dict) and f"{value['module']}.{value['class_name']}" in names
        return [value["class_name"], *value["config"]] if is_ours else value

    shared = copy.deepcopy(description)
    optimizer = shared["compile"]["optimizer"]["config"]
    if isinstance(optimizer["learning_rate"], float):
        optimizer["learning_rate"] = None
    return stripped(shared) | {"penalties": [penalty(one) for one in shared["penalties"]]}


def digest(facts: Any) -> str:
    """Return a digest of plain data, 20 hexadecimal digits."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:20]


def _configuration(model: keras.Model, layers: list[keras.layers.Layer]) -> Any:
    """What a model computes: its configuration; of a class of our own its layers and its numbers."""
    if type(model).__module__.startswith("keras."):
        return _without_names(model.get_config(), {})
    names: dict[str, str] = {}
    numbers = {
        key: value for key, value in vars(model).items() if not key.startswith("_") and isinstance(value, int | float)
    }
    return [[_without_names(layer.get_config(), names) for layer in layers], numbers]


def _without_names(value: Any, names: dict[str, str]) -> Any:
    """A configuration with numbers for names."""
    if isinstance(value, dict):
        for key in ("name", "layer_name"):
            if isinstance(value.get(key), str):
                names.setdefault(value[key], f"#{len(names)}")
        return {key: _without_names(part, names) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_names(part, names) for part in value]
    return names.get(value, value) if isinstance(value, str) else value
