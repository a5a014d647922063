"""Keras's own tests, with this package's callbacks in every `fit`: which of them fail for the callbacks' sake?

Needs a checkout of Keras's public repository at the tag of the Keras that is installed:

    git clone --depth 1 --branch v3.15.1 https://github.com/keras-team/keras
    python -m benchmarks.keras_own_tests keras
    python -m benchmarks.keras_own_tests keras --backend jax keras/src/trainers -k "not jit"

Without a selection it runs every test file that trains a model, which takes hours on two cores. Some files import
packages that Keras itself does not need: that of the trainers imports `jax`, others `tensorflow`, `torch` or `grain`.
What is not an option of this command goes to pytest, paths and node ids relative to the checkout.

All the tests run once as they are. Those that called `fit` run again with a `GradientMonitor`, a `WeightNormMonitor`
and a `Diagnosis` with an event file added to the callbacks of every call. A test that passes alone and fails with the
callbacks is run once more in both ways, and is listed if it comes out the same. Then follow the reasons that the
callbacks gave for what they did not record. The command returns 1 if a test is listed.

The tests of Keras import its private modules, so they run against the sources in the checkout: a copy of
them in a temporary folder, which Python searches before the installed packages. Nothing is written to the checkout.
"""

import argparse
import collections
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEST_FILES = ("keras/src/**/*_test.py", "integration_tests/*_custom_fit_test.py")
"""Where Keras's tests are; other integration tests download data or need devices of their own."""
TRAINS = re.compile(r"\bfit\(|run_layer_test")
"""What a test file that trains has in it: a call of `fit`, or of the helper of Keras's tests that fits a layer."""
LONGEST_LIST = 5
"""Tests that are named as examples of a reason."""


@dataclasses.dataclass(frozen=True)
class Fit:
    """What happened in one call of `fit`.

    Attributes:
        model: name of the model's class.
        added: whether the callbacks were added; they are not to a `CallbackList`.
        raised: name of the exception that `fit` raised, or None.
        troubles: each callback's name to what it says that it did not record.
        unrecorded: each callback's name to what it did not record without a word.
    """

    model: str
    added: bool
    raised: str | None
    troubles: dict[str, str]
    unrecorded: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Test:
    """What one test did."""

    name: str
    outcome: str
    message: str
    fits: list[Fit]

    @classmethod
    def of(cls, line):
        """Read a line that `benchmarks.fit_recorder` wrote."""
        read = json.loads(line)
        return cls(read["test"], read["outcome"], read["message"], [Fit(**fit) for fit in read["fits"]])


class Suite:
    """Keras's tests, copied to a folder of their own.

    Args:
        checkout: path of a checkout of Keras's repository.
        folder: an empty folder for the copy, and for what the runs write.
        backend: Keras's backend; None takes that of the environment.
    """

    def __init__(self, checkout, folder, backend=None):
        self._tree, self._records = folder / "keras", folder / "records"
        self._records.mkdir()
        self._environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(self._tree), os.environ.get("PYTHONPATH", "")]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "MPLBACKEND": "Agg",
        }
        if backend:
            self._environment["KERAS_BACKEND"] = backend
        for name in ("keras", "integration_tests"):
            if (checkout / name).exists():
                shutil.copytree(checkout / name, self._tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("conftest.py", "pyproject.toml"):
            if (checkout / name).exists():
                shutil.copy(checkout / name, self._tree)

    def files_that_train(self):
        """The test files with a call that trains."""
        files = sorted(path for pattern in TEST_FILES for path in self._tree.glob(pattern))
        return [str(one.relative_to(self._tree)) for one in files if TRAINS.search(one.read_text(encoding="utf-8"))]

    def run(self, title, selection, with_callbacks=False, only=None):
        """Run tests in a process of their own.

        Args:
            title: name of the run, which also names its files.
            selection: list of str, pytest's arguments.
            with_callbacks: whether to add the callbacks to every `fit`.
            only: names of the tests to run; None for all that were selected.

        Returns:
            A dict of each test's name to `Test`.
        """
        records, output = self._records / f"{title}.jsonl", self._records / f"{title}.txt"
        # -P: pytest is not to put the folder that it is started in before the others.
        command = [sys.executable, "-P", "-m", "pytest", "-p", "benchmarks.fit_recorder", "-p", "no:cacheprovider"]
        command += ["--continue-on-collection-errors", "--tb=short", "-q", f"--fit-records={records}"]
        if with_callbacks:
            command.append("--fit-callbacks")
        if only is not None:
            names = self._records / f"{title}-only.txt"
            names.write_text("".join(f"{name}\n" for name in only), encoding="utf-8")
            command.append(f"--fit-only={names}")
        with output.open("w", encoding="utf-8") as file:
            code = subprocess.run(
                [*command, *selection], cwd=self._tree, env=self._environment, stdout=file, stderr=subprocess.STDOUT
            ).returncode
        said = output.read_text(encoding="utf-8")
        if not records.exists():
            sys.exit(f"pytest did not start:\n{said[-2000:]}")
        tests = [Test.of(line) for line in records.read_text(encoding="utf-8").splitlines()]
        outcomes = collections.Counter(test.outcome for test in tests)
        counts = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in ("passed", "failed", "skipped"))
        trained = [test for test in tests if test.fits]
        trainings = sum(len(test.fits) for test in tests)
        print(f"{title}: {len(tests)} tests, {counts}; {len(trained)} train, {trainings} times", flush=True)
        unimported = set(re.findall(r"^ERROR (\S+\.py)", said, re.MULTILINE))
        if unimported:
            missing = ", ".join(sorted(set(re.findall(r"No module named '([^']+)'", said))))
            print(f"  {len(unimported)} files could not be imported; packages that are missing: {missing or 'none'}")
        if code not in (0, 1, 2, 5):  # all passed, some failed, some could not be collected, none selected
            last = f"after {tests[-1].name}" if tests else "before the first test"
            print(f"  pytest ended with exit code {code} {last}: what follows it was not run")
        return {test.name: test for test in tests}


def newly_failing(plain, added):
    """The names of the tests that pass plainly and fail, or do not finish, with the callbacks."""
    return [
        name
        for name, test in plain.items()
        if test.outcome == "passed" and test.fits and (name not in added or added[name].outcome == "failed")
    ]


def reasons(tests):
    """What the callbacks say that they did not record, without names and numbers: a reason to its tests' names."""
    found = collections.defaultdict(list)
    for test in tests:
        for fit in test.fits:
            for callback, sentence in (fit.troubles | fit.unrecorded).items():
                general = re.sub(r"\d+", "N", re.sub(r"'[^']*'", "'...'", sentence))
                where = f" (fit raised {fit.raised})" if fit.raised else ""
                found[f"{callback} {general}{where}"].append(f"{test.name} [{fit.model}]")
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def main(argv=None):
    """Run the tests in both ways, and print where they differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, metavar="KERAS_CHECKOUT", help="of Keras's public repository")
    parser.add_argument("--backend", choices=["tensorflow", "jax", "torch"], help="(default: as Keras is set up)")
    parser.add_argument("--records", type=Path, help="a folder, new or empty, to keep what the runs wrote")
    arguments, selection = parser.parse_known_args(argv)
    version = re.search(r'__version__ = "(.+)"', (arguments.checkout / "keras/src/version.py").read_text())[1]
    if version != metadata.version("keras"):
        parser.error(f"the checkout is of Keras {version}, but {metadata.version('keras')} is installed")
    with tempfile.TemporaryDirectory() as temporary:
        suite = Suite(arguments.checkout, Path(temporary), arguments.backend)
        try:
            return compare(suite, selection or suite.files_that_train())
        finally:
            if arguments.records:
                shutil.copytree(Path(temporary) / "records", arguments.records, dirs_exist_ok=True)


def compare(suite, selection):
    """Run a selection of tests in both ways and print where they differ; returns the command's exit code."""
    plain = suite.run("plain", selection)
    training = [name for name, test in plain.items() if test.fits]
    if not training:
        print("No test trains.")
        return 0
    added = suite.run("with callbacks", selection, with_callbacks=True, only=training)
    differing = newly_failing(plain, added)
    again = {}
    if differing:
        plain = suite.run("plain again", selection, only=differing)
        again = suite.run("with callbacks again", selection, with_callbacks=True, only=differing)
    confirmed = newly_failing(plain, again) if differing else []
    print(f"\n{len(confirmed)} tests pass plainly and fail with the callbacks.")
    for name in confirmed:
        print(f"\n{name}\n{again[name].message if name in again else 'The test did not finish.'}")
    for name in sorted({*differing} - {*confirmed}):
        print(f"\n{name} failed once with the callbacks, but not as reliably as it passes without.")
    fits = [fit for test in added.values() for fit in test.fits if fit.added]
    complete = [fit for fit in fits if not (fit.raised or fit.troubles or fit.unrecorded)]
    raised = sum(fit.raised is not None for fit in fits)
    print(f"\n{len(complete)} of {len(fits)} trainings were recorded completely; {raised} ended with an exception.")
    print("What the callbacks did not record, and why, with the number of trainings:")
    for reason, names in reasons(added.values()).items():
        print(f"\n{len(names):4} {reason}")
        distinct = list(dict.fromkeys(names))
        print(*(f"       {name}" for name in distinct[:LONGEST_LIST]), sep="\n")
        if len(distinct) > LONGEST_LIST:
            print(f"       and {len(distinct) - LONGEST_LIST} more")
    return 1 if confirmed else 0


if __name__ == "__main__":
    sys.exit(main())
