"""The trainings below a log directory, as the tab Layers shows them: read, judged, and kept up to date."""

import math
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.util import tb_logging

from ...diagnosis import rules, wording
from ...diagnosis.finding import Finding
from ...evidence import QUANTITIES, Evidence, MonitorRecord
from ..reader import QUANTITY, RunReader
from ..records import EventFile

logger = tb_logging.get_logger()

SECONDS_BETWEEN_LOOKS = 2.0
"""How old the list of trainings may be before the directory is looked at again."""

SECONDS_TO_SHOW = 1.0
"""For how long, when there are two trainings to compare, their requests have the process to themselves before the
others are read."""


class Training:
    """One training: what the callbacks recorded of it, and what is wrong with it.

    Attributes:
        name: its directory, relative to the log directory.
        started: time of its first event in seconds since 1970.
        evidence: what was recorded, None before the first epoch ends.
        findings: what is wrong, causes first.
        version: how often there was news of it; the page asks again when this has changed.
    """

    def __init__(self, name: str, directory: Path, started: float) -> None:
        self.name, self.started = name, started
        self.evidence: Evidence | None = None
        self.findings: list[Finding] = []
        self.version = 0
        self._reader = RunReader(directory)

    def update(self) -> None:
        """Read what was written since the last time, and judge the training anew if there was anything."""
        if self._reader.update():
            self.evidence = self._reader.evidence()
            self.findings = rules.diagnose(self.evidence) if self.evidence else []
            self.version += 1

    @property
    def _worst(self) -> Finding | None:
        """The first cause that is no note."""
        return next((one for one in self.findings if not one.follows_from and one.severity != "note"), None)

    @property
    def verdict(self) -> str:
        """The cause in words, or `healthy`."""
        return self._worst.rule.replace("_", " ") if self._worst else "healthy"

    def summary(self) -> dict[str, Any]:
        """What the list of trainings says of it."""
        assert self.evidence is not None
        return {
            "name": self.name,
            "started": self.started,
            "version": self.version,
            "epochs": len(self.evidence.epochs),
            "planned_epochs": self.evidence.facts.get("planned_epochs"),
            "severity": self._worst.severity if self._worst else "healthy",
            "verdict": self.verdict,
            "result": self._result(),
        }

    def _result(self) -> tuple[str, float] | None:
        """The metric that tells most, and its last value: an accuracy, or else the loss, of the validation if any."""
        assert self.evidence is not None
        metrics = self.evidence.metrics
        wanted = [name for name in metrics if name.endswith(("accuracy", "acc"))] or ["loss", "val_loss"]
        for name in sorted(wanted, key=lambda name: not name.startswith("val_")):
            values = metrics.get(name, np.zeros(0))
            finite = values[np.isfinite(values)]
            if finite.size:
                return name, float(finite[-1])
        return None

    def details(self) -> dict[str, Any]:
        """Everything but the values of the quantities and the histograms."""
        assert self.evidence is not None
        return self.summary() | {
            "recorded_epochs": self.evidence.epochs,
            "quantities": self._quantities(),
            "metrics": {name: [_number(one) for one in values] for name, values in self.evidence.metrics.items()},
            "heading": wording.heading(self.findings, wording.after(len(self.evidence.epochs))),
            "findings": [_finding(cause, effects) for cause, effects in wording.causes(self.findings)],
            "has_histograms": self._reader.has_histograms,
        }

    def values(self, quantity: str) -> np.ndarray | None:
        """A quantity as a float32 array (epochs, layers); NaN is "not recorded", infinity "not finite".

        None where there is no such quantity.
        """
        record, name = self._record(quantity)
        if record is None or quantity not in self._reader.quantities:
            return None
        values = record.history[name].astype("float32")
        nonfinite = record.history.get("nonfinite")
        if nonfinite is not None and name != "nonfinite":
            values[np.isnan(values) & (nonfinite > 0)] = np.inf
        return values

    def histograms(self, layer: str, epoch: int) -> dict[str, Any]:
        """The histograms of a kernel's gradient and weights that were written last, up to an epoch."""
        found = {}
        for name, suffix in (("gradient", "_grad"), ("weights", "")):
            if histogram := self._reader.histogram(f"{layer}/kernel_0{suffix}", epoch):
                found[name] = {"epoch": histogram[0], "buckets": histogram[1].tolist()}
        return found

    def _record(self, quantity: str) -> tuple[MonitorRecord | None, str]:
        match = QUANTITY.fullmatch(quantity)
        if match is None or self.evidence is None:
            return None, ""
        return getattr(self.evidence, f"{match[1]}s"), match[2]

    def _quantities(self) -> list[dict[str, Any]]:
        found = []
        for name in self._reader.quantities:
            record, quantity = self._record(name)
            if record is not None:
                group, _, _ = name.partition("_")
                label = QUANTITIES[group].get(quantity, name)
                found.append({"name": name, "label": label, "group": group, "layers": record.layers})
        return found


class Trainings:
    """All trainings below some log directories.

    A look at the directories goes on in a thread, newest training first, so that what is there can be shown while the
    rest is read.

    Args:
        log_dirs: dict of what the names of the trainings begin with to a directory; "" for a single directory.

    >>> trainings = Trainings({"": Path("logs")})
    >>> trainings.look().join()
    >>> [training.name for training in trainings.found()]
    ['deep_relu/seed1', 'deep_tanh/seed1']
    """

    def __init__(self, log_dirs: Mapping[str, Path]) -> None:
        self._log_dirs = dict(log_dirs)
        self._trainings: dict[str, Training] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._looked = -math.inf  # when the last look began
        self.is_complete = False

    def look(self) -> threading.Thread:
        """Look at the directories unless that was done just now; returns the thread that does it or did it."""
        with self._lock:
            is_looking = self._thread is not None and self._thread.is_alive()
            if not is_looking and time.monotonic() - self._looked >= SECONDS_BETWEEN_LOOKS:
                self._looked = time.monotonic()
                self._thread = threading.Thread(target=self._look, name="layers", daemon=True)
                self._thread.start()
            assert self._thread is not None
            return self._thread

    def has_event_files(self) -> bool:
        """Whether there is anything that could be a training."""
        return any(True for root in self._log_dirs.values() for _ in root.rglob("*tfevents*"))

    def enough(self) -> list[Training]:
        """What `found` returns, once there are two trainings to compare, or all are read, or a second has passed."""
        began = time.monotonic()
        while not (self.is_complete or _differ(self.found()) or time.monotonic() - began > 1):
            time.sleep(0.02)
        return self.found()

    def found(self) -> list[Training]:
        """The trainings with at least one whole epoch that have been read so far, newest first."""
        whole = [training for training in list(self._trainings.values()) if training.evidence is not None]
        return sorted(whole, key=_newest_first)

    def get(self, name: str) -> Training | None:
        """The training of this name, if it is one that was found."""
        training = self._trainings.get(name)
        return training if training is not None and training.evidence is not None else None

    def _look(self) -> None:
        present, is_shown = self._directories(), self.is_complete
        for name in [name for name in self._trainings if name not in present]:
            del self._trainings[name]
        trainings = [self._trainings.get(name) or _new_training(name, paths) for name, paths in present.items()]
        for training in sorted(trainings, key=_newest_first):
            try:
                training.update()
            except Exception:  # deleted just now, or written by something else under our names: the others are shown
                logger.warning("The tab Layers cannot read %s", training.name, exc_info=True)
            self._trainings[training.name] = training
            if not is_shown and _differ(self.found()):
                is_shown = True
                time.sleep(SECONDS_TO_SHOW)
        self.is_complete = True

    def _directories(self) -> dict[str, list[Path]]:
        """The event files of every directory that has some, by the directory's name."""
        found: dict[str, list[Path]] = {}
        for prefix, root in self._log_dirs.items():
            inside = root.resolve()
            for path in sorted(root.rglob("*tfevents*")):
                if not path.is_file() or not path.resolve().is_relative_to(inside):  # a link to elsewhere
                    continue
                name = "/".join(filter(None, (prefix, path.parent.relative_to(root).as_posix())))
                found.setdefault(name, []).append(path)
        return found


def _new_training(name: str, paths: list[Path]) -> Training:
    """A training that has not been read yet, of the event files in one directory."""
    return Training(name, paths[0].parent, min(EventFile(path).started for path in paths))


def _newest_first(training: Training) -> tuple[float, str]:
    return -training.started, training.name


def _differ(trainings: list[Training]) -> bool:
    """Whether two trainings differ in verdict, so that there is something to compare."""
    return len({training.verdict for training in trainings}) > 1


def suggestion(trainings: list[Training]) -> list[str]:
    """The names of the two newest trainings that differ in verdict, the older first; of the two newest if none do."""
    if len(trainings) < 2:
        return [training.name for training in trainings]
    newest = trainings[0]
    other = next((one for one in trainings if one.verdict != newest.verdict), trainings[1])
    return [other.name, newest.name]


def changes(before: Training, after: Training) -> list[str]:
    """What changed from one training to another, a line each."""
    assert before.evidence is not None
    assert after.evidence is not None
    return wording.changes(before.evidence, after.evidence, before.findings, after.findings).splitlines()


def _finding(cause: Finding, effects: list[Finding]) -> dict[str, Any]:
    return cause.as_dict() | {
        "name": cause.rule.replace("_", " "),
        "effects": [{"name": one.rule.replace("_", " "), "epoch": one.epoch, "layers": one.layers} for one in effects],
        "experiment": wording.experiment(cause.advice[0]) if cause.advice else "",
    }


def _number(value: float) -> float | None:
    """A number that JSON can hold; None for NaN and infinities."""
    return float(value) if math.isfinite(value) else None
