"""The wheel, unzipped into a folder, is all that a user needs besides the dependencies."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from email.parser import Parser

import pytest
from hatchling.build import build_wheel

TRAIN_AND_DIAGNOSE = """
import importlib.util, runpy, sys, types
from importlib.metadata import entry_points
assert importlib.util.find_spec("callbacks") is None, "the checkout is on the path"
import keras, numpy
from gradient_monitor import ActivationMonitor, Diagnosis, GradientMonitor, WeightNormMonitor
print(sys.modules["gradient_monitor"].__file__)

dead = keras.initializers.Constant(-50)
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "relu", bias_initializer=dead, name="d")])
model.add(keras.layers.Dense(1))
model.compile("sgd", "mse")
x = numpy.random.RandomState(1).rand(8, 2)
model.fit(x, x[:, :1], epochs=4, verbose=0, callbacks=[Diagnosis("run", histogram_freq=1, probe=x, verbose=0)])

(tab,) = entry_points(group="tensorboard_plugins", name="layers")
print(sorted(tab.load()(types.SimpleNamespace(logdir=".", flags=None)).get_plugin_apps()))

(script,) = entry_points(group="console_scripts", name="gradient-monitor")
print("--")
assert script.load()(["diagnose", "run"]) == 1
print("--")
sys.argv = ["", "diagnose", "run"]
runpy.run_module("gradient_monitor", run_name="__main__", alter_sys=True)  # ends with the exit status
"""

RUN_SCRIPT = """
import sys
from importlib.metadata import entry_points
(script,) = entry_points(group="console_scripts", name="gradient-monitor")
sys.argv[0] = script.name
sys.exit(script.load()())
"""
"""What pip writes into the folder of scripts, in short."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory, root):
    """The folder in which the wheel was unzipped."""
    folder = tmp_path_factory.mktemp("wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)  # where the build backend looks for pyproject.toml
        name = build_wheel(str(folder))
    zipfile.ZipFile(folder / name).extractall(folder / "installed")
    return folder / "installed"


@pytest.fixture
def run(wheel, tmp_path):
    """Runs Python with the wheel and the dependencies, but without the .pth file that adds the checkout."""

    def run(*arguments):
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(wheel), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]),
        }
        command = [sys.executable, "-S", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300
        )

    return run


def test_it_holds_the_callbacks_and_names_what_they_need(wheel, root):
    (metadata,) = wheel.glob("*.dist-info/METADATA")
    assert {path.name for path in wheel.iterdir()} == {"gradient_monitor", metadata.parent.name}
    installed, checkout = wheel / "gradient_monitor", root / "callbacks"
    suffixes = (".py", ".csv", ".js", ".css")
    ours = {path.relative_to(checkout) for path in checkout.rglob("*") if path.suffix in suffixes}
    ours = {path for path in ours if path.parts[0] != "_checkout"}
    assert {path.relative_to(installed) for path in installed.rglob("*") if path.is_file()} == ours
    required = Parser().parsestr(metadata.read_text()).get_all("Requires-Dist")
    for package in ("keras", "tensorflow", "tensorboard", "matplotlib", "numpy", "google-crc32c"):
        assert any(line.startswith(package) for line in required)


@pytest.mark.slow
def test_it_trains_and_diagnoses_without_the_checkout(wheel, run):
    ran = run("-c", TRAIN_AND_DIAGNOSE)
    assert ran.returncode == 1, ran.stderr  # of `python -m gradient_monitor`: something was found
    imports, by_script, by_module = ran.stdout.split("--\n")
    imported_from, routes = imports.splitlines()
    assert imported_from == str(wheel / "gradient_monitor" / "__init__.py")
    assert "/index.js" in routes
    assert by_script == by_module
    assert "\nrun\nDiagnosis after 4 epochs: " in by_script
    assert "dead_units: d is dead" in by_script
    assert "What cured it alone" in by_script  # read from cures.csv


def test_its_commands_explain_themselves(run):
    by_module = run("-m", "gradient_monitor", "--help")
    assert by_module.stdout.startswith("usage: python -m gradient_monitor [-h] COMMAND"), by_module.stderr
    by_script = run("-c", RUN_SCRIPT, "diagnose", "--help")
    assert by_script.stdout.startswith("usage: gradient-monitor diagnose [-h] [--json] DIR [DIR ...]"), by_script.stderr
