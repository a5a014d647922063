"""`python -m tutorials` and a script by its path, as people type them: what they print, their exit status."""

import dataclasses
import importlib
import os
import signal
import subprocess
import sys
import time

from tutorials import catalogue

import numpy as np
import pytest

from callbacks.tensorboard import LayerArray, SummaryWriter

SCRIPT = "tutorials/vanishing/shallow_tanh.py"
COMMANDS = ("run", "study", "claims", "report", "publish", "diagnose")


@pytest.mark.parametrize("arguments", [[], ["--help"], *([command, "--help"] for command in COMMANDS)])
def test_list_and_help_import_nothing_that_takes_seconds(run_python, arguments):
    answered = run_python("-X", "importtime", "-m", "tutorials", *arguments)
    assert answered.returncode == 0
    assert answered.stdout
    imported = {line.split("|")[-1].strip().split(".")[0] for line in answered.stderr.splitlines()}
    assert "tutorials" in imported
    assert not imported & {"tensorflow", "keras", "numpy", "matplotlib", "sklearn"}


def test_the_list_names_every_script_and_what_it_is_about(run_python):
    lines = run_python("-m", "tutorials").stdout.splitlines()
    for folder, name in catalogue.sections():
        assert f"{folder}/" in lines
        (line,) = [line for line in lines if line.startswith(f"  {name} ")]
        assert line.endswith(catalogue.first_line(folder, name))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("deep_tahn", "there is no script 'deep_tahn'; did you mean deep_tanh or depth?"),
        ("depht", "there is no script 'depht'; did you mean depth?"),
        ("quite_other", "there is no script 'quite_other'; python -m tutorials lists them all"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "study"])
def test_an_unknown_name_brings_up_the_names_near_it(command, verb, name, sentence):
    failed = command(verb, name)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr == f"python -m tutorials {verb}: {sentence}\n"


BAD = [
    (["--epochs", "0"], "'0' is not a whole number of 1 or more"),
    (["--epochs", "-5"], "'-5' is not a whole number of 1 or more"),
    (["--epochs", "many"], "'many' is not a whole number of 1 or more"),
    (["--seed", "-1"], "'-1' is not a whole number of 0 or more"),
    (["--logdir", "README.md"], "--logdir README.md cannot be written"),
    (["--logdir", "README.md/logs"], "--logdir README.md/logs cannot be written"),
]


@pytest.mark.parametrize(("arguments", "sentence"), BAD)
def test_bad_input_is_one_sentence_and_exit_code_2(command, monkeypatch, root, arguments, sentence):
    monkeypatch.chdir(root)
    failed = command("run", "deep_tanh", *arguments)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert sentence in failed.stderr
    assert failed.stderr.count("\n") == 1


def test_bad_input_is_found_before_tensorflow_is_loaded(run_python):
    failed = run_python("-X", "importtime", "-m", "tutorials", "run", "deep_tanh", "--logdir", "README.md")
    assert failed.returncode == 2
    assert "tensorflow" not in failed.stderr


def test_a_study_of_what_trains_nothing_is_one_sentence(command):
    failed = command("study", "two_circles")
    assert (failed.returncode, failed.stdout) == (2, "")
    assert (
        failed.stderr == "python -m tutorials study: two_circles trains nothing that could be studied; try deep_tanh\n"
    )


@pytest.mark.parametrize(
    ("address", "sentence"),
    [("tcp://127.0.0.1:9", "no Dask scheduler answers at --dask tcp://127.0.0.1:9"), ("nonsense", "tcp://HOST:PORT")],
)
def test_a_scheduler_that_is_not_there_is_one_sentence(command, tmp_path, address, sentence):
    failed = command("study", "xavier", "--logdir", tmp_path, "--dask", address)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert sentence in failed.stderr
    assert failed.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["-m", "tutorials", "run", "deep_tanh"], [SCRIPT], [SCRIPT, "--help"]])
def test_another_backend_is_one_sentence(run_python, arguments):
    failed = run_python(*arguments, env=os.environ | {"KERAS_BACKEND": "jax"})
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.count("\n") == 1
    assert "KERAS_BACKEND is 'jax': set it to tensorflow" in failed.stderr


@pytest.mark.slow
def test_a_script_by_its_path_prints_what_it_is_about_and_nothing_of_tensorflow(run_python, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    arguments = ["--epochs", 2, "--seed", 3, "--logdir", tmp_path / "logs"]
    ran = run_python(SCRIPT, *arguments, env=environment)
    assert ran.returncode == 0, ran.stderr
    assert "tanh, 1 hidden layer  0.816 / 0.816" in ran.stdout
    lines = [line.strip() for line in ran.stdout.strip().splitlines()]
    assert "python -m tutorials study shallow_tanh" in lines
    run = tmp_path / "logs" / "shallow_tanh" / "seed3"
    assert f"Plots and event files are in {run}. To look at them in TensorBoard:" in lines
    (look,) = [line for line in lines if "--logdir" in line]
    assert look.endswith(f"tensorboard --logdir {tmp_path / 'logs'}")
    assert lines[-1] == "http://localhost:6006/#layers&run1=shallow_tanh%2Fseed3"
    assert "2/2" in ran.stderr
    assert all(line.startswith("shallow_tanh: ") for line in ran.stderr.splitlines() if line)  # the progress bar


def test_help_of_a_script_is_its_docstring(capsys):
    with pytest.raises(SystemExit) as end:
        catalogue.script("vanishing", "shallow_tanh").main(["--help"])
    assert end.value.code == 0
    helped = capsys.readouterr().out
    assert "--epochs N" in helped
    assert "Shallow tanh: one hidden layer of five units" in helped


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_finished(root, tmp_path):
    command = [sys.executable, SCRIPT, "--epochs", "1000000", "--logdir", str(tmp_path)]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 240
    while not any(path.stat().st_size > 5000 for path in tmp_path.glob("*/*/*tfevents*")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted: what is finished stays" in stderr
    assert "Traceback" not in stderr
    lines = [line.strip() for line in stdout.strip().splitlines()]
    assert any(line.endswith(f"tensorboard --logdir {tmp_path}") for line in lines)
    assert lines[-1] == "http://localhost:6006/#layers&run1=shallow_tanh%2Fseed1"


def test_after_ctrl_c_the_table_of_what_was_finished_is_printed(command, monkeypatch, tmp_path):
    first, second = (catalogue.script("vanishing", name) for name in ("shallow_tanh", "deep_tanh"))
    modules = [sys.modules[one.run.__module__] for one in (first, second)]
    monkeypatch.setattr(modules[0], "SCRIPT", replaced_run(first, modules[0].Result("the first", 0.75, 0.5)))
    monkeypatch.setattr(modules[1], "SCRIPT", replaced_run(second, KeyboardInterrupt()))
    stopped = command("run", "shallow_tanh", "deep_tanh", "--logdir", tmp_path)
    assert stopped.returncode == 130
    assert "the first" in stopped.stdout
    assert "0.750 / 0.500" in stopped.stdout


def closing_lines(command, monkeypatch, log_dir, names):
    """What is printed at the end of a script that writes runs of these names, one after the other."""
    module = importlib.import_module("tutorials.vanishing.shallow_tanh")

    def write_runs():
        for name, size in names.items():
            writer = SummaryWriter.open(log_dir / name)
            for epoch in range(5):
                writer.write(epoch, arrays={f"gradient_{kind}": LayerArray("ab", np.array(size)) for kind in GRADIENT})
                writer.write_metrics(epoch, {"loss": 0.1, "accuracy": 0.9})
            writer.close()
        return []

    monkeypatch.setattr(module, "SCRIPT", replaced_run(module.SCRIPT, write_runs))
    ran = command("run", "shallow_tanh", "--logdir", log_dir)
    assert ran.returncode == 0
    return [line.strip() for line in ran.stdout.strip().splitlines() if line]


GRADIENT = ("abs_mean", "l2")
HEALTHY, DEAD = [1.0, 2.0], [0.0, 0.0]


def test_the_newest_runs_of_two_verdicts_are_what_is_opened(command, monkeypatch, tmp_path):
    log_dir = tmp_path / "my logs"
    names = {"a/seed1": DEAD, "b/seed1": DEAD, "c/seed1": HEALTHY, "größe&x/seed1": HEALTHY}
    lines = closing_lines(command, monkeypatch, log_dir, names)
    assert lines[-1] == "http://localhost:6006/#layers&run1=b%2Fseed1&run2=gr%C3%B6%C3%9Fe%26x%2Fseed1"
    assert lines[-3].endswith(f"tensorboard --logdir '{log_dir}'")
    again = closing_lines(command, monkeypatch, log_dir, {"d/seed1": HEALTHY})  # only the new ones are named
    assert f"Plots and event files are in {log_dir / 'd/seed1'}. To look at them in TensorBoard:" in again
    assert again[-1] == "http://localhost:6006/#layers&run1=d%2Fseed1"


def test_of_many_runs_a_few_are_named_and_that_other_tabs_hide_them_is_said(command, monkeypatch, tmp_path):
    few = closing_lines(command, monkeypatch, tmp_path, {f"run_{i:02}": HEALTHY for i in range(40)})
    (named,) = [line for line in few if "Plots and event files" in line]
    assert named.count("run_") == 4
    assert " and 36 more. To look" in named
    assert not any("show none at first" in line for line in few)
    many = closing_lines(command, monkeypatch, tmp_path, {"run_40": HEALTHY})
    assert many[-1].startswith(f"{tmp_path} holds 41 runs. Of more than 40, TensorBoard's other tabs show none")


def test_what_trains_nothing_ends_with_the_command_alone(command, monkeypatch, tmp_path):
    lines = closing_lines(command, monkeypatch, tmp_path, {})
    assert lines[-1].endswith(f"tensorboard --logdir {tmp_path}")


def replaced_run(script, outcome):
    """The script with a `run` that returns or raises, or calls a function."""

    def run(**options):
        if callable(outcome):
            return outcome()
        if isinstance(outcome, BaseException):
            raise outcome
        return [outcome]

    return dataclasses.replace(script, run=run)
