"""Diagnosis: watches a training and says in words what is wrong with it."""

import math

import keras
import numpy as np

from ..activations import ActivationMonitor
from ..evidence import Evidence, Figures
from ..gradients import GradientMonitor
from ..keras_internals import kernels, nonlinear_layers
from ..tensorboard.writer import SummaryWriter
from ..weights import WeightNormMonitor
from . import rules, wording

EVERY_EPOCH = 20
"""Epochs after each of which the rules are asked; later after every tenth more, as what is new becomes less."""


class Diagnosis(keras.callbacks.Callback):
    """Says what is wrong with a training: gradients that vanish or explode, dead or saturated units, and so on.

    It runs the monitors of this package itself (do not pass them to `fit` as well) and asks its rules about
    what they recorded: `nonfinite`, `exploding_gradient`, `vanishing_gradient`, `dead_units`, `saturated`,
    `updates_too_large`, `weights_not_moving`, `loss_not_falling`, `loss_oscillating`, `accuracy_at_chance`. Each
    speaks only of what lasts, and a healthy training leaves it silent. At the end it prints what it found, with
    what cured this fault on a small network and how often. The training is the same, bit by bit, unless `stop_on`
    ends it.

    With a `log_dir`, TensorBoard shows the findings under Text, all layers of the run in one chart under Custom
    Scalars, and what the monitors write.

    >>> diagnosis = Diagnosis(log_dir="logs/run1", probe=x[:256])
    >>> model.fit(x, y, epochs=100, callbacks=[diagnosis])
    Diagnosis after 100 epochs: 1 error.
    error    vanishing_gradient: The gradient of dense_3 is 62 times smaller than that of dense_6 ...
    >>> diagnosis.findings[0].layers
    ['dense_2', 'dense_3', 'dense_4']

    Args:
        log_dir: directory for TensorBoard's event file; `None` writes nothing.
        histogram_freq: histograms of gradients and weights are written every so many epochs; 0 writes none.
        probe: a batch of the model's inputs, as `ActivationMonitor` takes it; without one, saturated units
            are not seen, and dead ones only where a whole layer is dead.
        stop_on: the rule, or a list of rules, whose finding ends the training; "error" ends it at any error.
        verbose: 1 prints the diagnosis when training ends, 0 does not.

    Attributes:
        findings: list of `Finding`, errors first: each has `rule`, `severity`, `layers`, `epoch`, `figures`,
            `message` and `advice`.
        evidence: `Evidence`, all figures that the rules see.
        gradients, weights, activations: the monitors, with their `history` and `plot()`; `activations` is None
            without a probe.

    Raises:
        ValueError: if `stop_on` names no rule; in `fit`, if the model has no trainable kernel or no optimizer.
        RuntimeError: if Keras does not run on TensorFlow.
    """

    def __init__(self, log_dir=None, histogram_freq=0, probe=None, stop_on=(), verbose=1):
        super().__init__()
        self.stop_on = [stop_on] if isinstance(stop_on, str) else list(stop_on)
        unknown = [name for name in self.stop_on if name not in ("error", *rules.RULES)]
        if unknown:
            raise ValueError(f"stop_on names no rule {unknown[0]!r}; there are error, {', '.join(rules.RULES)}.")
        self.log_dir, self.verbose = log_dir, verbose
        self.gradients = GradientMonitor(log_dir, histogram_freq)
        self.weights = WeightNormMonitor(log_dir, histogram_freq)
        self.activations = None if probe is None else ActivationMonitor(probe, log_dir)
        self._monitors = [self.gradients, self.weights]
        self._metrics = {}  # by epoch
        self._facts = {}
        self._found = (None, [])  # the epochs that were looked at, what was found in them
        self._writer = None

    @property
    def evidence(self):
        """`Evidence`: all figures that the rules see."""
        places = {monitor: {epoch: i for i, epoch in enumerate(monitor.epochs)} for monitor in self._monitors}
        epochs = [epoch for epoch in self._metrics if all(epoch in known for known in places.values())]

        def figures(monitor):
            if monitor not in places:
                return None
            rows = [places[monitor][epoch] for epoch in epochs]
            return Figures(list(monitor.layers), {name: array[rows] for name, array in monitor.history.items()})

        names = dict.fromkeys(name for epoch in epochs for name in self._metrics[epoch])
        metrics = {name: np.array([self._metrics[epoch].get(name, np.nan) for epoch in epochs]) for name in names}
        watched = map(figures, (self.gradients, self.weights, self.activations))
        return Evidence(epochs, metrics, *watched, self._facts)

    @property
    def findings(self):
        """List of `Finding`, errors first; empty where nothing is wrong."""
        epochs = list(self._metrics)
        if self._found[0] != epochs:
            self._found = (epochs, rules.diagnose(self.evidence))
        return self._found[1]

    def set_model(self, model):
        super().set_model(model)
        for monitor in (self.gradients, self.weights, self.activations):
            if monitor:
                monitor.set_model(model)

    def set_params(self, params):
        super().set_params(params)
        self.gradients.set_params(params)

    def on_train_begin(self, logs=None):
        self._monitors = [self.gradients, self.weights]
        if self.activations and nonlinear_layers(self.model):  # a linear model has nothing to saturate or to die
            self._monitors.append(self.activations)
        for monitor in self._monitors:
            monitor.on_train_begin(logs)
        self._facts = facts(self.model) | {"planned_epochs": (self.params or {}).get("epochs")}
        self._next_check, self._told, self._stopped_by = 0, [], None
        if self.log_dir is not None and self._writer is None:
            self._writer = SummaryWriter.open(self.log_dir)
            self._writer.write(0, facts={"diagnosis/facts": self._facts})

    def on_epoch_begin(self, epoch, logs=None):
        for monitor in self._monitors:
            monitor.on_epoch_begin(epoch, logs)
        self._metrics = {done: row for done, row in self._metrics.items() if done < epoch}

    def on_epoch_end(self, epoch, logs=None):
        for monitor in self._monitors:
            monitor.on_epoch_end(epoch, logs)
        self._metrics[epoch] = {name: float(value) for name, value in (logs or {}).items()}
        done = len(self._metrics)
        broken = not math.isfinite(self._metrics[epoch].get("loss", 0.0))
        last = epoch + 1 == self._facts["planned_epochs"]
        if done >= self._next_check or last or (broken and not self._found[1]):
            self._next_check = done + max(1, (done - EVERY_EPOCH) // 10)
            self._tell(epoch)
            reasons = [one.rule for one in self.findings if {one.rule, one.severity} & {*self.stop_on}]
            if reasons:
                self._stopped_by = reasons[0]
                self.model.stop_training = True
        if self._writer is not None:
            numbers = {f"diagnosis/{name}": value for name, value in self._metrics[epoch].items()}
            self._writer.write(epoch, numbers | {"diagnosis/findings": len(self._found[1])})

    def on_train_end(self, logs=None):
        if self._metrics:
            self._tell(max(self._metrics), last=True)
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for monitor in self._monitors:
            monitor.on_train_end(logs)

    def _tell(self, epoch, last=False):
        """Writes the findings for TensorBoard if they are new, and prints them if they are the last."""
        findings = self.findings
        named = [finding.rule for finding in findings]
        if self._writer is not None and (last or named != self._told):
            self._writer.write(epoch, texts={"diagnosis/report": wording.markdown(findings, len(self._metrics))})
        self._told = named
        if last and self.verbose:
            print(wording.plain(findings, len(self._metrics)))
            if self._stopped_by:
                print(f"Training was stopped by stop_on: {self._stopped_by}.")


def facts(model):
    """Returns what the rules want to know of a compiled model: the `facts` of `Evidence`, but `planned_epochs`."""
    found = {
        "optimizer": type(model.optimizer).__name__,
        "learning_rate": float(f"{float(model.optimizer.learning_rate):.6g}"),
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
    loss = model.loss if isinstance(model.loss, str) else getattr(model.loss, "name", "")
    found["cross_entropy"] = "crossentropy" in str(loss)
    outputs = getattr(model, "outputs", None) or []
    last = getattr(getattr(model.layers[-1], "activation", None), "__name__", None) if model.layers else None
    if len(outputs) == 1 and (found["cross_entropy"] or last in ("softmax", "sigmoid")):
        units = outputs[0].shape[-1]
        if units == 1 or not ("binary" in str(loss) or last == "sigmoid"):  # several sigmoids are as many labels
            found["classes"] = max(2, units)
    return found
