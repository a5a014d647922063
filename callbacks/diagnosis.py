"""Diagnosis: watches a training and says in words what is wrong with it."""

import keras
import numpy as np

from .activations import ActivationMonitor
from .evidence import Evidence, Figures
from .gradients import GradientMonitor
from .monitor import kernels
from .summaries import SummaryWriter
from .weights import WeightNormMonitor


class Diagnosis(keras.callbacks.Callback):
    def __init__(self, log_dir=None, histogram_freq=0, probe=None, stop_on=(), verbose=1):
        super().__init__()
        self.log_dir, self.stop_on, self.verbose = log_dir, stop_on, verbose
        self.gradients = GradientMonitor(log_dir, histogram_freq)
        self.weights = WeightNormMonitor(log_dir, histogram_freq)
        self.activations = None if probe is None else ActivationMonitor(probe, log_dir)
        self._monitors = [one for one in (self.gradients, self.weights, self.activations) if one]
        self._rows = []
        self._facts = {}

    def set_model(self, model):
        super().set_model(model)
        for monitor in self._monitors:
            monitor.set_model(model)

    def set_params(self, params):
        super().set_params(params)
        for monitor in self._monitors:
            monitor.set_params(params)

    def on_train_begin(self, logs=None):
        for monitor in self._monitors:
            monitor.on_train_begin(logs)
        self._facts = facts(self.model) | {"planned_epochs": self.params.get("epochs")}

    def on_epoch_begin(self, epoch, logs=None):
        for monitor in self._monitors:
            monitor.on_epoch_begin(epoch, logs)
        del self._rows[len(self.gradients.epochs) :]

    def on_epoch_end(self, epoch, logs=None):
        for monitor in self._monitors:
            monitor.on_epoch_end(epoch, logs)
        self._rows.append({name: float(value) for name, value in (logs or {}).items()})

    def on_train_end(self, logs=None):
        for monitor in self._monitors:
            monitor.on_train_end(logs)

    @property
    def evidence(self):
        names = dict.fromkeys(name for row in self._rows for name in row)
        metrics = {name: np.array([row.get(name, np.nan) for row in self._rows]) for name in names}
        figures = [one and Figures(one.layers, one.history) for one in (self.gradients, self.weights, self.activations)]
        return Evidence(list(self.gradients.epochs), metrics, *figures, self._facts)


def facts(model):
    """Returns what the rules want to know of a compiled model: the `facts` of `Evidence`, but `planned_epochs`."""
    found = {
        "optimizer": type(model.optimizer).__name__,
        "learning_rate": float(model.optimizer.learning_rate),
        "penalty": float(sum(map(float, model.losses))),
        "kernels": {},
    }
    owners = {id(one): layer for layer in model._flatten_layers() for one in layer._trainable_variables}
    for name, kernel in kernels(model).items():
        layer = owners[id(kernel)]
        found["kernels"][name] = {
            "shape": list(kernel.shape),
            "activation": getattr(getattr(layer, "activation", None), "__name__", None),
            "initializer": type(getattr(layer, f"{kernel.name}_initializer", None)).__name__,
            "mean_weight": float(np.abs(kernel.numpy()).mean()),
        }
    loss = (
        model.loss if isinstance(model.loss, str) else getattr(model.loss, "name", getattr(model.loss, "__name__", ""))
    )
    outputs = model.outputs if getattr(model, "outputs", None) else []
    if "crossentropy" in str(loss) and len(outputs) == 1:
        units = outputs[0].shape[-1]
        if units == 1 or "binary" not in loss:
            found["classes"] = max(2, units)
    return found
