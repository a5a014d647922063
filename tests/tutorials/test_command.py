import os
import signal
import subprocess
import sys
import time

import pytest

from tutorials.vanishing import SECTIONS

SCRIPT = "tutorials/vanishing/deep_tanh.py"


def test_list_names_every_script_and_loads_no_tensorflow(run_python):
    listed = run_python("-X", "importtime", "-m", "tutorials")
    assert listed.returncode == 0
    for name in SECTIONS:
        assert f"  {name} " in listed.stdout
    assert "keras" not in listed.stderr
    assert "numpy" not in listed.stderr


@pytest.mark.parametrize(
    "arguments", [["-m", "tutorials", "--help"], ["-m", "tutorials", "run", "--help"], [SCRIPT, "--help"]]
)
def test_help_loads_no_tensorflow(run_python, arguments):
    helped = run_python("-X", "importtime", *arguments)
    assert helped.returncode == 0
    assert "usage:" in helped.stdout
    assert "keras" not in helped.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["deep_tahn"], "no script 'deep_tahn'; the nearest names are deep_tanh"),
        (["deep_tanh", "--epochs", "0"], "'0' is not a whole number of 1 or more"),
        (["deep_tanh", "--epochs", "-5"], "'-5' is not a whole number of 1 or more"),
        (["deep_tanh", "--epochs", "many"], "'many' is not a whole number of 1 or more"),
        (["deep_tanh", "--seed", "-1"], "'-1' is not a whole number of 0 or more"),
        (["deep_tanh", "--logdir", "README.md"], "--logdir README.md cannot be written"),
        (["deep_tanh", "--logdir", "README.md/logs"], "--logdir README.md/logs cannot be written"),
    ],
)
@pytest.mark.parametrize("way", ["-m", "path"])
def test_bad_input_is_one_sentence_and_exit_code_2(run_python, way, arguments, sentence):
    if way == "path" and arguments[0] != "deep_tanh":
        pytest.skip("a script run by its path takes no name")
    command = ["-m", "tutorials", "run", *arguments] if way == "-m" else [SCRIPT, *arguments[1:]]
    failed = run_python("-X", "importtime", *command)
    said = [line for line in failed.stderr.splitlines() if not line.startswith("import time")]
    assert failed.returncode == 2
    assert len(said) == 1
    assert sentence in said[0]
    assert "keras" not in failed.stderr  # found before TensorFlow is loaded


def test_another_backend_is_refused(run_python):
    failed = run_python("-m", "tutorials", "run", "deep_tanh", env=os.environ | {"KERAS_BACKEND": "jax"})
    assert failed.returncode == 2
    assert "KERAS_BACKEND is 'jax': set it to tensorflow" in failed.stderr


def test_a_run_says_what_it_measured_and_what_to_type_next(run_python, tmp_path):
    ran = run_python("-m", "tutorials", "run", "two_circles", "shallow_tanh", "--epochs", 2, "--logdir", tmp_path / "l")
    assert ran.returncode == 0, ran.stderr
    assert "tanh, 1 hidden layer  0.816 / 0.816" in ran.stdout
    assert ran.stdout.rstrip().splitlines()[-1].endswith(f"tensorboard --logdir {tmp_path / 'l'}")
    assert "2/2" in ran.stderr  # the progress bar
    assert "oneDNN" not in ran.stderr
    assert len(list(tmp_path.glob("l/*/*/*.png"))) == 2


def test_ctrl_c_keeps_what_is_finished(tmp_path):
    command = [
        sys.executable,
        "-m",
        "tutorials",
        "run",
        "shallow_tanh",
        "--epochs",
        "1000000",
        "--logdir",
        str(tmp_path),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not any(path.stat().st_size > 5000 for path in tmp_path.glob("*/*/train/*tfevents*")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted" in stderr
    assert "Traceback" not in stderr
    assert "tensorboard --logdir" in stdout
