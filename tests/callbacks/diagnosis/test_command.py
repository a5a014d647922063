"""`python -m callbacks diagnose` as CI and people use it: what it prints, its JSON, its exit status."""

import json
import os
import subprocess
import sys

from tutorials.__main__ import main as tutorials_main

import keras
import numpy as np
import pytest

from callbacks import Diagnosis
from callbacks.__main__ import main
from callbacks.diagnosis.command import PIPE_CLOSED
from callbacks.tensorboard import SummaryWriter

pytestmark = pytest.mark.xdist_group("diagnose")  # its fixtures are made once


def train(directory, **options):
    """Train a small network for ten epochs."""
    keras.utils.set_random_seed(1)
    x = np.random.RandomState(0).normal(size=(96, 4))
    layers = [keras.layers.Dense(8, "relu", name=f"dense_{i}", **options) for i in (1, 2)]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1, "sigmoid", name="dense_3")])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, x[:, 0] > 0, epochs=10, verbose=0, callbacks=[Diagnosis(directory, verbose=0)])


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """A run whose units are dead and one that is well."""
    directory = tmp_path_factory.mktemp("logs")
    train(directory / "dead", bias_initializer=keras.initializers.Constant(-50))
    train(directory / "well")
    return directory


@pytest.fixture
def diagnose(capfd):
    """The command in this process, which saves the seconds that TensorFlow takes to start."""

    def run(*arguments, main=main):
        try:
            status = main(["diagnose", *map(str, arguments)])
        except SystemExit as end:
            status = end.code
        return subprocess.CompletedProcess(arguments, status, *capfd.readouterr())

    return run


def assert_names_the_dead_run(logs, printed):
    dead, well = printed.strip().split("\n\n")
    assert dead.startswith(f"{logs / 'dead'}\nDiagnosis after 10 epochs: ")
    assert "\nerror    dead_units: dense_1 is dead: 100% of its kernel's gradient is exactly zero" in dead
    assert well == f"{logs / 'well'}\nDiagnosis after 10 epochs: nothing found wrong."


def test_all_runs_of_a_directory(logs, diagnose):
    ran = diagnose(logs)
    assert ran.returncode == 1
    assert_names_the_dead_run(logs, ran.stdout)


@pytest.mark.slow
def test_a_process_of_its_own_prints_nothing_else(logs, run_python):
    ran = run_python("-m", "callbacks", "diagnose", logs)
    assert ran.returncode == 1
    assert_names_the_dead_run(logs, ran.stdout)
    assert ran.stderr == ""


def test_the_tutorials_have_the_same_command(logs, diagnose):
    for arguments in ([logs], [logs / "dead", logs / "well"], [logs, "--json"]):
        ours, theirs = diagnose(*arguments), diagnose(*arguments, main=tutorials_main)
        assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)


HELP_WITHOUT_TENSORFLOW = """
import runpy, sys
module, *sys.argv[1:] = sys.argv[1:]
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
finally:
    assert "tensorflow" not in sys.modules
"""


@pytest.mark.parametrize("module", ["callbacks", "tutorials"])
def test_help_answers_without_tensorflow(module, run_python):
    ran = run_python("-c", HELP_WITHOUT_TENSORFLOW, module, "diagnose", "--help")
    assert ran.stdout.startswith(f"usage: python -m {module} diagnose [-h] [--json] DIR [DIR ...]")
    assert ran.stderr == ""


WITHOUT_TENSORFLOW = """
import runpy, sys
from callbacks.diagnosis import rules
from callbacks.tensorboard import reader, writer
try:
    runpy.run_module("callbacks", run_name="__main__", alter_sys=True)
finally:
    assert not {"tensorflow", "keras", "matplotlib"} & {*sys.modules}, "it loaded what takes seconds"
"""


def test_event_files_are_read_and_judged_without_tensorflow(logs, run_python):
    ran = run_python("-c", WITHOUT_TENSORFLOW, "diagnose", logs)
    assert ran.stderr == ""
    assert ran.returncode == 1
    assert_names_the_dead_run(logs, ran.stdout)


def test_exit_status_of_a_healthy_run(logs, diagnose):
    assert diagnose(logs / "well").returncode == 0


def test_json(logs, diagnose):
    ran = diagnose(logs, "--json")
    assert ran.returncode == 1
    runs = json.loads(ran.stdout)["runs"]
    assert [run["run"] for run in runs] == [str(logs / "dead"), str(logs / "well")]
    assert runs[0]["epochs"] == 10
    finding = runs[0]["findings"][0]
    assert (finding["rule"], finding["severity"], finding["epoch"]) == ("dead_units", "error", 0)
    assert {"layers", "statistics", "message", "seen", "meaning", "remedy", "advice"} < {*finding}
    assert runs[1]["findings"] == []


def test_what_changed_between_two_runs(logs, diagnose):
    ran = diagnose(logs / "dead", logs / "well")
    assert ran.returncode == 0  # the second is well
    change = ran.stdout.split("What changed from the first to the second:\n")[1].splitlines()
    assert change[0].startswith("gone:     dead_units")
    assert any(line.startswith("loss: 0.69") for line in change)
    ran = diagnose(logs / "well", logs / "dead", "--json")
    assert ran.returncode == 1
    assert "dead_units" in json.loads(ran.stdout)["changes"]


def test_a_damaged_file_is_named(logs, diagnose, tmp_path):
    (whole,) = (logs / "well").glob("*tfevents*")
    half = tmp_path / whole.name
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    ran = diagnose(tmp_path)
    assert ran.returncode == 0
    assert ran.stderr.startswith(f"{half} is damaged: it was read up to epoch ")


def test_bad_input_is_one_sentence(logs, diagnose, tmp_path):
    other = SummaryWriter.open(tmp_path / "other")
    other.write(0, scalars={"epoch_loss": 1.0})
    other.close()
    (tmp_path / "empty").mkdir()
    for arguments, sentence in (
        ([tmp_path / "nowhere"], "is not a directory"),
        ([tmp_path / "empty"], "There is no event file in"),
        ([tmp_path / "other"], "hold no whole epoch of these callbacks"),
        ([logs, logs / "well"], "holds 2 runs: to compare two, name one of them, like"),
        ([logs / "well"] * 3, "takes one directory, or two runs to compare, not 3"),
        ([], "the following arguments are required: DIR"),
    ):
        ran = diagnose(*arguments)
        assert ran.returncode == 2
        assert ran.stdout == ""
        assert sentence in ran.stderr
        assert len(ran.stderr.splitlines()) == 1


def test_a_closed_pipe_ends_it_with_the_status_of_the_signal(logs, monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody_reads:
        monkeypatch.setattr(sys, "stdout", nobody_reads)
        assert main(["diagnose", str(logs)]) == PIPE_CLOSED == 141


@pytest.mark.slow
def test_a_closed_pipe_leaves_no_traceback(logs, root):
    """`python -m callbacks diagnose DIR | head -3`, with a `head` that is done before the first line comes."""
    command = [sys.executable, "-m", "callbacks", "diagnose", str(logs)]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}  # as by default
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root, env=buffered
    )
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == ""
    assert process.wait(60) == PIPE_CLOSED
