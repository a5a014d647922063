"""Diagnosis: watches a training and says what is wrong with it."""

import contextlib
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from .._guard import GuardedCallback
from ..activations import ActivationMonitor
from ..evidence import Evidence, MonitorRecord, model_facts
from ..gradients import GradientMonitor
from ..keras_internals import nonlinear_layers
from ..monitor import Monitor
from ..tensorboard import SummaryWriter
from ..weights import WeightNormMonitor
from . import rules, wording

FIRST_CHECKS = 20
"""Epochs after each of which the rules are asked; then at intervals that grow by 10 %, because asking takes the longer
the more epochs there are, and what a single epoch adds becomes less."""


class Diagnosis(GuardedCallback):
    """Says what is wrong with a training: gradients that vanish or explode, dead or saturated units, and so on.

    It runs the monitors of this package itself (do not pass them to `fit` as well) and asks its rules about what they
    recorded: `nonfinite`, `exploding_gradient`, `vanishing_gradient`, `dead_units`, `saturated`, `updates_too_large`,
    `weights_not_moving`, `loss_not_falling`, `loss_oscillating`, `accuracy_at_chance`. Each speaks only of what lasts,
    and about a healthy training all are silent. When training ends it prints what it found, with what cured this fault
    in an experiment and how often. The training is the same, bit by bit, unless `stop_on` ends it.

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
        probe: a batch of the model's inputs, as `ActivationMonitor` takes it; without one, saturated units are not
            seen, and dead ones only where a whole layer is dead.
        stop_on: the rule, or a list of rules, whose finding ends the training; "error" ends it at any error.
        verbose: 1 prints the diagnosis when training ends, 0 does not.
        optimizer: the optimizer to listen to, as `GradientMonitor` takes it; `None` takes `model.optimizer`.

    Attributes:
        findings: list of `Finding`, errors first: each has `rule`, `severity`, `layers`, `epoch`, `statistics`,
            `message` and `advice`.
        evidence: `Evidence`, all that the rules see.
        gradients, weights, activations: the monitors, with their `history` and `plot()`; `activations` is None without
            a probe.

    Raises:
        ValueError: if an argument makes no sense, such as a `stop_on` that names no rule.
        RuntimeError: if Keras does not run on TensorFlow.
    """

    _OF_A_FIT = ("_writer",)

    def __init__(
        self,
        log_dir: str | os.PathLike | None = None,
        histogram_freq: int = 0,
        probe: Any = None,
        stop_on: str | Iterable[str] = (),
        verbose: int = 1,
        optimizer: keras.optimizers.Optimizer | None = None,
    ) -> None:
        super().__init__()
        self.stop_on = [stop_on] if isinstance(stop_on, str) else list(stop_on)
        unknown = [name for name in self.stop_on if name not in ("error", *rules.RULES)]
        if unknown:
            raise ValueError(f"stop_on names no rule {unknown[0]!r}; there are error, {', '.join(rules.RULES)}.")
        self.log_dir, self.verbose = log_dir, verbose
        self.gradients = GradientMonitor(log_dir, histogram_freq, optimizer=optimizer)
        self.weights = WeightNormMonitor(log_dir, histogram_freq)
        self.activations = None if probe is None else ActivationMonitor(probe, log_dir)
        self._monitors = keras.callbacks.CallbackList([self.gradients, self.weights])
        self._metrics: dict[int, dict[str, float]] = {}  # by epoch
        self._facts: dict[str, Any] = {}
        self._findings: list[rules.Finding] = []
        self._judged_epochs: list[int] = []  # those that `_findings` are about
        self._written: list[str] = []  # the rules that TensorBoard was told of last
        self._next_check = 0
        self._stopped_by: str | None = None
        self._writer: SummaryWriter | None = None

        for monitor in filter(None, (self.gradients, self.weights, self.activations)):
            monitor.warns = False  # it is said in one warning, of the diagnosis

    @property
    def trouble(self) -> str | None:
        """Str or None: what kept the diagnosis from seeing all of the last training, to be read after its name."""
        named: dict[str, list[str]] = {}
        for monitor in self._monitors.callbacks:
            if monitor.trouble:
                named.setdefault(monitor.trouble, []).append(type(monitor).__name__)
        sentences = [f"{' and '.join(names)} {trouble}" for trouble, names in named.items()]
        return self._trouble or (" ".join(["is incomplete:", *sentences]) if sentences else None)

    @property
    def evidence(self) -> Evidence:
        """`Evidence`: all that the rules see."""
        watching: list[Monitor] = [monitor for monitor in self._monitors.callbacks if not monitor.trouble]
        rows = {monitor: {epoch: row for row, epoch in enumerate(monitor.epochs)} for monitor in watching}
        epochs = [epoch for epoch in self._metrics if all(epoch in recorded for recorded in rows.values())]

        def record(monitor: Monitor | None) -> MonitorRecord | None:
            if monitor not in rows:
                return None
            chosen = [rows[monitor][epoch] for epoch in epochs]
            return MonitorRecord(monitor.layers, {name: array[chosen] for name, array in monitor.history.items()})

        names = dict.fromkeys(name for epoch in epochs for name in self._metrics[epoch])
        metrics = {name: np.array([self._metrics[epoch].get(name, np.nan) for epoch in epochs]) for name in names}
        return Evidence(
            epochs, metrics, record(self.gradients), record(self.weights), record(self.activations), self._facts
        )

    @property
    def findings(self) -> list[rules.Finding]:
        """List of `Finding`, errors first; empty where nothing is wrong."""
        epochs = list(self._metrics)
        if self._judged_epochs != epochs:
            self._judged_epochs, self._findings = epochs, rules.diagnose(self.evidence)
        return self._findings

    def _train_begin(self, logs: dict | None = None) -> None:
        watching: list[Monitor] = [self.gradients, self.weights]
        if self.activations and nonlinear_layers(self.model):  # a linear model has nothing to saturate or to die
            watching.append(self.activations)
        self._monitors = keras.callbacks.CallbackList(watching, model=self.model, **(self.params or {}))
        self._monitors.on_train_begin(logs)
        optimizer = self.gradients.optimizer or self.model.optimizer
        self._facts = model_facts(self.model, optimizer, (self.params or {}).get("epochs"))
        self._next_check, self._written, self._stopped_by = 0, [], None
        if self.log_dir is not None and self._writer is None:
            self._writer = SummaryWriter.open(self.log_dir)

    def _epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._monitors.on_epoch_begin(epoch, logs)
        self._metrics = {recorded: row for recorded, row in self._metrics.items() if recorded < epoch}

    def _epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._monitors.on_epoch_end(epoch, logs)
        self._facts = self.gradients.facts or self._facts  # of a model that was not built yet when training began
        self._metrics[epoch] = _scalars(logs or {})
        recorded = len(self._metrics)
        is_last = epoch + 1 == self._facts["planned_epochs"]
        is_finite = math.isfinite(self._metrics[epoch].get("loss", 0.0)) and not self.weights.latest("nonfinite").any()
        if recorded >= self._next_check or is_last or (not is_finite and not self._findings):
            self._next_check = recorded + max(1, (recorded - FIRST_CHECKS) // 10)
            if [finding.rule for finding in self.findings] != self._written:
                self._write_report(epoch)
            reasons = [f.rule for f in self.findings if {f.rule, f.severity} & {*self.stop_on}]
            if reasons:
                self._stopped_by = reasons[0]
                self.model.stop_training = True
        if self._writer is not None:
            metrics = {f"diagnosis/{name}": value for name, value in self._metrics[epoch].items()}
            self._writer.write(epoch, metrics | {"diagnosis/findings": len(self._findings)})

    def _train_end(self, logs: dict | None = None) -> None:
        if self._metrics:
            self._write_report(max(self._metrics))
            if self.verbose:
                if self.findings or not self.trouble:
                    print(wording.plain(self.findings, len(self._metrics)))
                if self.trouble:
                    print("The diagnosis is incomplete: see the warning.")
                if self._stopped_by:
                    print(f"Training was stopped by stop_on: {self._stopped_by}.")

    def _release(self) -> None:
        writer = self._writer
        super()._release()
        if writer is not None:
            writer.close()
        self._monitors.on_train_end()

    def __getstate__(self) -> dict[str, Any]:
        # While `fit` runs, and after it was interrupted, Keras's list holds a pool of threads.
        return super().__getstate__() | {"_monitors": keras.callbacks.CallbackList(self._monitors.callbacks)}

    def _write_report(self, epoch: int) -> None:
        self._written = [finding.rule for finding in self.findings]
        if self._writer is not None:
            blocks = [wording.markdown(self.findings, len(self._metrics))] if self.findings or not self.trouble else []
            blocks += [f"The diagnosis {self.trouble}"] if self.trouble else []
            self._writer.write(epoch, texts={"diagnosis/report": "\n\n".join(blocks)})


def _scalars(logs: Mapping[str, Any]) -> dict[str, float]:
    """The metrics that are numbers; one for each class, as `F1Score(average=None)` has it, is none."""
    found = {}
    for name, value in logs.items():
        with contextlib.suppress(TypeError, ValueError):
            found[name] = float(value)
    return found
