"""`Diagnosis`: watches a training and says what is wrong with it."""

import contextlib
import dataclasses
import math
import os
import time
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

from .._epoch_end import EpochEnd
from .._guard import GuardedCallback
from ..activations import ActivationMonitor
from ..batches import BatchRecorder
from ..evidence import QUANTITIES, Evidence, MonitorRecord
from ..gradients import GradientMonitor
from ..keras_internals import is_built, nonlinear_layers
from ..model_facts import model_facts
from ..monitor import Monitor, scalar_metrics
from ..tensorboard import LayerArray, RunReader, SummaryWriter
from ..train_function import TrainFunctionTap
from ..weights import WeightNormMonitor
from . import rules, wording
from .finding import Finding
from .wording import after

FIRST_CHECKS = 20
"""With `stop_on`, the rules are evaluated again after a tenth of the epochs recorded beyond this number, and after one
epoch at least, because evaluating takes longer with every epoch recorded, while a single epoch changes less."""

SHARE_OF_TIME = 0.02
"""Without `stop_on`, the share of a training's time that goes into evaluating the rules after its epochs, about. How
often they are evaluated affects only what TensorBoard shows during the training."""


class Diagnosis(GuardedCallback):
    """Says what is wrong with a training: the cause, its consequences, and what to do.

    Before the first step it examines the compiled model: whether loss and last activation fit, the learning rate, the
    initial weights. After the first batch it examines the data: NaN, labels that the loss does not accept, targets
    outside the range of the output. During training it examines gradients, weights and predictions, through the
    monitors of this package (do not pass them to `fit` as well). `RULES` lists its rules. Those about the training
    report only signs that last, and a healthy training should have neither errors nor warnings; a note is about what
    is a fault in some programs and intended in others. Errors and warnings that show before the first step, or after
    the first batch, are printed then, and the whole diagnosis when training ends. The training is the same, bit by
    bit, unless `stop_on` ends it.

    With a `log_dir`, TensorBoard shows the findings under Layers and Text, the number of errors and warnings as
    `Summary/findings`, and what the monitors write.

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
            found, and dead ones only if a whole layer is dead.
        stop_on: the rule, or a list of rules, whose finding ends the training; "error" ends it at any error.
        verbose: 1 prints the diagnosis, 0 does not.
        optimizer: the optimizer whose gradients are recorded; `None` takes the model's own.
        all_scalars: whether every quantity of every layer is written as a scalar for Time Series, not only those that
            `GradientMonitor` and `WeightNormMonitor` name.

    Attributes:
        findings: list of `Finding`, causes first: each has `rule`, `severity`, `layers`, `epoch`, `statistics`,
            `message`, `advice` and `follows_from`.
        evidence: `Evidence`, all that the rules are evaluated on.
        gradients, weights, activations: the monitors, with their `history` and `plot()`; `activations` is None without
            a probe.

    Raises:
        ValueError: if an argument is invalid, such as a `stop_on` that names no rule.
    """

    _OF_A_FIT = ("_writer", "_tap", "_batches", "epoch_end")

    def __init__(
        self,
        log_dir: str | os.PathLike | None = None,
        histogram_freq: int = 0,
        probe: Any = None,
        stop_on: str | Iterable[str] = (),
        verbose: int = 1,
        optimizer: keras.optimizers.Optimizer | None = None,
        all_scalars: bool = False,
    ) -> None:
        super().__init__()
        self.stop_on = [stop_on] if isinstance(stop_on, str) else list(stop_on)
        unknown = [name for name in self.stop_on if name not in ("error", *rules.RULES)]
        if unknown:
            raise ValueError(f"stop_on names no rule {unknown[0]!r}; there are error, {', '.join(rules.RULES)}.")
        self.log_dir, self.verbose = log_dir, verbose
        self.gradients = GradientMonitor(log_dir, histogram_freq, optimizer=optimizer, all_scalars=all_scalars)
        self.weights = WeightNormMonitor(log_dir, histogram_freq, all_scalars)
        self.activations = None if probe is None else ActivationMonitor(probe, log_dir, all_scalars)
        self._monitors = keras.callbacks.CallbackList([self.gradients, self.weights])
        self._metrics: dict[int, dict[str, float]] = {}  # by epoch
        self._facts: dict[str, Any] = {}
        self._predictions: dict[int, dict[str, list[float]]] = {}  # by epoch: quantity to a value of each output
        self._outputs: list[str] = []  # names of the predictions
        self._batches: BatchRecorder | None = None
        self._tap: TrainFunctionTap | None = None
        self.epoch_end: EpochEnd | None = None
        self._has_seen_data = False
        self._was_built = True  # when training began
        self._is_first_epoch = True  # of a `fit`
        self._said: set[str] = set()  # rules whose findings were printed before the end
        self._findings: list[Finding] = []
        self._judged: Any = None  # the epochs and facts that `_findings` are about
        self._written: list[str] = []  # the rules that TensorBoard was told of last
        self._next_check = 0  # with `stop_on`: a number of epochs
        self._next_check_at = 0.0  # without: a time
        self._stopped_by: str | None = None
        self._writer: SummaryWriter | None = None
        for monitor in filter(None, (self.gradients, self.weights, self.activations)):
            monitor.warns = False  # the diagnosis warns for all of them, once

    @property
    def trouble(self) -> str | None:
        """Str or None: why the last training was not recorded completely, worded to follow the name of the callback."""
        named: dict[str, list[str]] = {}
        for monitor in self._monitors.callbacks:
            if monitor.trouble:
                named.setdefault(monitor.trouble, []).append(type(monitor).__name__)
        sentences = [f"{' and '.join(names)} {trouble}" for trouble, names in named.items()]
        return self._trouble or (" ".join(["is incomplete:", *sentences]) if sentences else None)

    @property
    def evidence(self) -> Evidence:
        """`Evidence`: all that the rules are evaluated on."""
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
            epochs,
            metrics,
            record(self.gradients),
            record(self.weights),
            record(self.activations),
            self._prediction_record(epochs),
            self._facts,
        )

    def _prediction_record(self, epochs: list[int]) -> MonitorRecord | None:
        if not self._outputs or any(epoch not in self._predictions for epoch in epochs):
            return None
        quantities = {
            name: np.array([self._predictions[epoch][name] for epoch in epochs]).reshape(-1, len(self._outputs))
            for name in QUANTITIES["prediction"]
        }
        return MonitorRecord(self._outputs, quantities)

    @property
    def findings(self) -> list[Finding]:
        """List of `Finding`, causes first; empty where nothing is wrong."""
        judged = (list(self._metrics), self._has_seen_data)
        if self._judged != judged:
            self._judged, self._findings = judged, rules.diagnose(self.evidence)
        return self._findings

    def _train_begin(self, logs: dict | None = None) -> None:
        watching: list[Monitor] = [self.gradients, self.weights]
        if self.activations and nonlinear_layers(self.model):  # in a linear model no unit can saturate or die
            watching.append(self.activations)
        self._monitors = keras.callbacks.CallbackList(watching, model=self.model, **(self.params or {}))
        self._monitors.on_train_begin(logs)
        self.epoch_end = next((one.epoch_end for one in watching if one.epoch_end), None) or EpochEnd(self.model)
        self._facts = self._model_facts()
        self._next_check, self._next_check_at = 0, 0.0
        self._written, self._stopped_by = [], None
        self._is_first_epoch = True
        self._said, self._has_seen_data, self._judged = set(), False, None
        if self.log_dir is not None and self._writer is None:
            self._writer = SummaryWriter.open(self.log_dir)
        self._tap = TrainFunctionTap.of(self.model)
        self._batches = BatchRecorder(self.model, self._tap.recording, self.guarded)
        self._tap.add(self._watch_steps)
        self._was_built = is_built(self.model)
        if self._was_built:
            self._judge_early("before training")

    def _model_facts(self) -> dict[str, Any]:
        """The facts of the model before its first update, which the gradient monitor keeps as soon as it is built."""
        optimizer = self.gradients.optimizer or self.model.optimizer
        return dict(self.gradients.facts or model_facts(self.model, optimizer, self.params))

    @contextlib.contextmanager
    def _watch_steps(self) -> Iterator[None]:
        """Record batches inside the context; after the first call of the train function, diagnose what they show."""
        with contextlib.ExitStack() as stack:
            self.guarded(self._listen_to_batches, stack)
            yield
        if not self._has_seen_data:
            self._has_seen_data = True
            self.guarded(self._judge_the_first_batch)

    def _listen_to_batches(self, stack: contextlib.ExitStack) -> None:
        assert self._batches is not None
        stack.enter_context(self._batches.listen())

    def _judge_the_first_batch(self) -> None:
        if not self._was_built:
            self._facts |= self._model_facts()
        self._read_data()
        self._judge_early("after the first batch")

    def _read_data(self) -> None:
        """Copy the statistics of the data to the facts; after the first epoch they no longer change."""
        if self._batches is None or self._facts.get("seen_all"):
            return
        for role in ("inputs", "targets", "sample_weights"):
            self._facts[role] = [dataclasses.asdict(one) for one in self._batches.read(role)]
        self._facts.setdefault("answers", [dataclasses.asdict(one) for one in self._batches.read("predictions")])

    def _judge_early(self, when: str) -> None:
        """Print what was wrong before training and is new, notes aside; end the training if `stop_on` asks for it."""
        causes = [one for one in self.findings if one.severity != "note" and one.epoch < 0 and not one.follows_from]
        new = [finding for finding in causes if finding.rule not in self._said]
        if new and self.verbose:
            print(wording.plain(new, when))
        self._said |= {finding.rule for finding in new}
        self._stop_if_asked()

    def _stop_if_asked(self) -> None:
        reasons = [
            finding.rule
            for finding in self.findings
            if finding.rule in self.stop_on or (finding.severity == "error" and "error" in self.stop_on)
        ]
        if reasons:
            self._stopped_by = reasons[0]
            self.model.stop_training = True

    def _epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._monitors.on_epoch_begin(epoch, logs)
        if self.epoch_end is not None:
            self.epoch_end.forget()
        for recorded in (self._metrics, self._predictions):
            while recorded and next(reversed(recorded)) >= epoch:  # an earlier `fit` recorded it
                recorded.popitem()
        if self._is_first_epoch and epoch > 0 and not self._metrics and self.log_dir is not None:
            self._recall(epoch)
        self._is_first_epoch = False
        if self._batches is not None:
            steps = self.params.get("steps") if self.params else None
            self._batches.begin_epoch(not self._has_seen_data, steps)

    def _recall(self, epoch: int) -> None:
        """Read what an earlier process recorded before this epoch, in which training resumes."""
        assert self.log_dir is not None
        reader = RunReader(self.log_dir)
        reader.update()
        evidence = reader.evidence()
        if evidence is None:
            return
        self._facts = reader.facts | self._facts
        for row, before in enumerate(evidence.epochs):
            if before < epoch:
                self._metrics[before] = {name: float(values[row]) for name, values in evidence.metrics.items()}
                if evidence.predictions is not None:
                    self._outputs = list(evidence.predictions.layers)
                    recorded = evidence.predictions.history
                    self._predictions[before] = {name: values[row].tolist() for name, values in recorded.items()}

    def _epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        assert self._batches is not None
        assert self.epoch_end is not None
        self._read_data()
        self._batches.register(self.epoch_end)
        self._monitors.on_epoch_end(epoch, logs)
        predictions = self._batches.predictions(self.epoch_end)
        self._metrics[epoch] = scalar_metrics(logs)
        is_first = len(self._metrics) == 1
        self._outputs = [one.name for one in predictions]
        self._predictions[epoch] = {
            "lowest": [one.minimum for one in predictions],
            "highest": [one.maximum for one in predictions],
            "spread": [one.spread if one.samples > one.batches else math.nan for one in predictions],
        }
        self._facts["seen_all"] = True
        self._facts["sampled_steps"] = self.gradients.latest_count("sampled_steps")
        if is_first and self._facts["planned_epochs"] != 1:
            self._judge_early("after the first epoch")
        recorded = len(self._metrics)
        is_last = epoch + 1 == self._facts["planned_epochs"]
        is_finite = math.isfinite(self._metrics[epoch].get("loss", 0.0)) and not self.weights.latest("nonfinite").any()
        has_error = any(finding.severity == "error" for finding in self._findings)
        if self._is_check_due(recorded) or is_last or (not is_finite and not has_error):
            begins = time.perf_counter()
            if [finding.rule for finding in self.findings] != self._written:
                self._write_report(epoch)
            self._stop_if_asked()
            ends = time.perf_counter()
            self._next_check = recorded + max(1, (recorded - FIRST_CHECKS) // 10)
            self._next_check_at = ends + (ends - begins) / SHARE_OF_TIME
        self._write_epoch(epoch, with_facts=is_first or is_last)

    def _is_check_due(self, recorded: int) -> bool:
        """Whether the rules are evaluated after this epoch, of which so many were recorded."""
        return recorded >= self._next_check if self.stop_on else time.perf_counter() >= self._next_check_at

    def _write_epoch(self, epoch: int, with_facts: bool) -> None:
        if self._writer is None:
            return
        answers = {
            f"prediction_{quantity}": LayerArray(self._outputs, np.array(values))
            for quantity, values in self._predictions[epoch].items()
            if self._outputs
        }
        self._writer.write(epoch, arrays=answers, facts={"facts": self._facts} if with_facts else {})
        findings = sum(finding.severity != "note" for finding in self._findings)
        self._writer.write_metrics(epoch, self._metrics[epoch] | {"findings": findings})

    def _train_end(self, logs: dict | None = None) -> None:
        if self._metrics:
            self._write_report(max(self._metrics))
            if self.verbose:
                if self.findings or not self.trouble:
                    print(wording.plain(self.findings, after(len(self._metrics))))
                if self.trouble:
                    print("The diagnosis is incomplete: see the warning.")
                if self._facts.get("untold"):
                    print(f"Some rules had no information about the model: {'; '.join(self._facts['untold'])}.")
        if self._stopped_by and self.verbose:
            print(f"Training was stopped by stop_on: {self._stopped_by}.")

    def _release(self) -> None:
        writer, tap = self._writer, self._tap
        super()._release()
        if tap is not None:
            tap.remove(self._watch_steps)
        if writer is not None:
            writer.close()
        self._monitors.on_train_end()

    def _write_report(self, epoch: int) -> None:
        self._written = [finding.rule for finding in self.findings]
        if self._writer is not None:
            is_told = self.findings or not self.trouble
            blocks = [wording.markdown(self.findings, after(len(self._metrics)))] if is_told else []
            blocks += [f"The diagnosis {self.trouble}"] if self.trouble else []
            self._writer.write(epoch, texts={"diagnosis/report": "\n\n".join(blocks)})
