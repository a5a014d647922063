"""TensorBoard's HParams tab: what describes a model, and the results beside it, for single runs and for studies."""

import re
from typing import Any

import keras
from tensorboard.plugins.hparams import api

COLUMNS = (
    *("study", "hidden_layers", "width", "activation", "kernel_initializer", "optimizer", "learning_rate"),
    *("batch_size", "penalty"),  # of a search
)
METRICS = [
    api.Metric("Summary/val_accuracy", display_name="test accuracy of the run"),
    api.Metric("mean_validation_accuracy", display_name="mean validation accuracy of the trial"),
    api.Metric("mean_test_accuracy", display_name="mean test accuracy of the trial"),
    api.Metric("median_test_accuracy", display_name="median test accuracy"),
    api.Metric("share_learned", display_name="share of seeds that learned"),
    api.Metric("gradient_ratio_first_to_last", display_name="gradient ratio, first to last layer"),
]
"""The results that have a column. Left to itself the tab makes a column of every tag of a run."""


def describe(model: keras.Model) -> dict[str, Any]:
    """Return what describes a compiled model, read off the model: the columns of results.csv and of HParams.

    `hidden_layers` counts the kernels but the last, `width` is the units of the first; activation and initializer are
    those of the first layer that has one.

    >>> describe(model)
    {'hidden_layers': 5, 'width': 5, 'activation': 'tanh', 'kernel_initializer': 'random_uniform', ...}
    """
    shapes = [variable.shape for variable in model.variables if len(variable.shape) >= 2]  # frozen kernels too
    activations = [layer.activation.__name__ for layer in model.layers if getattr(layer, "activation", None)]
    initializers = [layer.kernel_initializer for layer in model.layers if hasattr(layer, "kernel_initializer")]
    initializer = re.sub(r"(?<!^)(?=[A-Z])", "_", type(initializers[0]).__name__).lower() if initializers else ""
    return {
        "hidden_layers": len(shapes) - 1,
        "width": int(shapes[0][-1]),
        "activation": activations[0] if activations else "",
        "kernel_initializer": initializer,
        "optimizer": type(model.optimizer).__name__.lower(),
        "learning_rate": float(f"{float(model.optimizer.learning_rate):.6g}"),
    }


def hyperparameter_values(study: str, described: dict[str, Any], trial: str) -> list:
    """Return the summary values that make a run a line of the tab.

    Args:
        study: the study that the run belongs to, or "single runs".
        described: what `describe` returned.
        trial: of runs that share it, seeds of one model, the tab shows the mean. It cuts names of more than some 16
            letters.
    """
    config = api.hparams_config_pb([api.HParam(column) for column in COLUMNS], METRICS)
    return [*config.value, *api.hparams_pb({"study": study, **described}, trial_id=trial).value]
