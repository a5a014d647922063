"""A pytest plugin that notes which tests train, and can add this package's callbacks to every `fit`.

`benchmarks.keras_own_tests` runs it. Of each test it writes a line of JSON: the test, its outcome, the end of the
message if it failed, and what happened in each call of `fit`.
"""

import functools
import inspect
import json
import shutil
import tempfile
import warnings
from pathlib import Path

import keras

LONGEST_MESSAGE = 1500
"""Characters of a failure's message that are kept, from its end."""


def pytest_addoption(parser):
    """Add the options of this plugin."""
    group = parser.getgroup("fit recorder")
    group.addoption("--fit-records", type=Path, help="the file to write, a line of JSON for each test")
    group.addoption("--fit-callbacks", action="store_true", help="add the callbacks to every fit")
    group.addoption("--fit-only", type=Path, help="run only the tests that this file names, one in a line")


def pytest_configure(config):
    """Start to record; the recorder is a plugin of its own, as it has a state."""
    if config.option.fit_records:
        config.pluginmanager.register(FitRecorder(config.option.fit_records, config.option.fit_callbacks))


def pytest_collection_modifyitems(config, items):
    """Leave out what `--fit-only` does not name."""
    if config.option.fit_only:
        named = set(config.option.fit_only.read_text(encoding="utf-8").splitlines())
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in named])
        items[:] = [item for item in items if item.nodeid in named]


class FitRecorder:
    """Records the outcome of each test, and what its trainings did.

    Args:
        path: the file to write.
        adds_callbacks: whether to add fresh callbacks to every call of `fit`.
    """

    def __init__(self, path, adds_callbacks):
        self._path, self._adds_callbacks = path, adds_callbacks
        self._fits, self._outcome, self._message = [], "passed", ""
        self._logs = Path(tempfile.mkdtemp())
        # Each backend's trainer defines `fit`, and a few tests train layers that are no `keras.Model`.
        self._trainer = next(base for base in keras.Model.__mro__ if "fit" in vars(base))
        self._own_fit = self._trainer.fit
        self._trainer.fit = self._recorded_fit()
        self._path.write_text("", encoding="utf-8")

    def pytest_unconfigure(self):
        """Give the trainer its own `fit` back."""
        self._trainer.fit = self._own_fit
        shutil.rmtree(self._logs, ignore_errors=True)

    def pytest_runtest_logstart(self):
        """Forget the test before."""
        self._fits, self._outcome, self._message = [], "passed", ""

    def pytest_runtest_logreport(self, report):
        """Take the outcome of setting up, calling and tearing down, the worst of the three."""
        if report.failed or (report.skipped and self._outcome == "passed"):
            self._outcome = report.outcome
            self._message = report.longreprtext[-LONGEST_MESSAGE:]

    def pytest_runtest_logfinish(self, nodeid):
        """Write the line of a test, at once: a later one may end the process."""
        line = {"test": nodeid, "outcome": self._outcome, "message": self._message, "fits": self._fits}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _recorded_fit(self):
        own_fit = self._own_fit

        @functools.wraps(own_fit)
        def fit(model, *args, **kwargs):
            record = {"model": type(model).__name__, "added": False, "raised": None, "troubles": {}, "unrecorded": {}}
            self._fits.append(record)
            added = []
            if self._adds_callbacks:
                bound = inspect.signature(own_fit).bind(model, *args, **kwargs)
                passed = bound.arguments.get("callbacks")
                if not isinstance(passed, keras.callbacks.CallbackList):
                    added = fresh_callbacks(tempfile.mkdtemp(dir=self._logs))
                    bound.arguments["callbacks"] = [*keras.tree.flatten(passed or []), *added]
                    args, kwargs = bound.args[1:], bound.kwargs
                    record["added"] = True
            try:
                return own_fit(model, *args, **kwargs)
            except BaseException as error:
                record["raised"] = type(error).__name__
                raise
            finally:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    record |= self._seen(model, added, record["raised"])

        return fit

    def _seen(self, model, callbacks, raised):
        """What the callbacks say about the training, and how many epochs they recorded without a word about others."""
        troubles = {type(one).__name__: one.trouble for one in callbacks if one.trouble}
        unrecorded = {}
        if not raised:
            ended = len(model.history.epoch)
            for one in callbacks:
                recorded = len(one.evidence.epochs if type(one).__name__ == "Diagnosis" else one.epochs)
                if recorded < ended and type(one).__name__ not in troubles:
                    unrecorded[type(one).__name__] = f"recorded {recorded} of {ended} epochs and gave no reason"
        return {"troubles": troubles, "unrecorded": unrecorded}


def fresh_callbacks(log_dir):
    """The callbacks of this package that need no argument, and the diagnosis with an event file."""
    from callbacks import Diagnosis, GradientMonitor, WeightNormMonitor  # late: it reads Keras's backend

    return [GradientMonitor(), WeightNormMonitor(), Diagnosis(log_dir, verbose=0)]
