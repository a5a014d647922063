import subprocess
import sys
import sysconfig
import venv
import zipfile

SCRIPT = """
import importlib.util
assert importlib.util.find_spec("callbacks") is None, "the checkout leaks into the clean environment"
import keras, numpy
from gradient_monitor import GradientMonitor, WeightNormMonitor
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1)])
model.compile("sgd", "mse")
monitors = [GradientMonitor("run", histogram_freq=1), WeightNormMonitor("run")]
model.fit(numpy.ones((8, 2)), numpy.ones(8), epochs=2, verbose=0, callbacks=monitors)
print(monitors[0].history["l2"].shape, monitors[1].history["l1"].shape)
"""


def test_wheel_works_in_a_clean_environment(tmp_path, root):
    """Only the wheel is installed there; PYTHONPATH lends the dependencies, without the editable checkout."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, root]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"gradient_monitor"}
    (metadata,) = (name for name in names if name.endswith("METADATA"))
    required = zipfile.ZipFile(wheel).read(metadata).decode()
    for package in ("keras", "tensorflow", "tensorboard", "matplotlib", "numpy"):
        assert f"Requires-Dist: {package}" in required

    venv.create(tmp_path / "clean", with_pip=False)
    python = tmp_path / "clean" / "bin" / "python"
    subprocess.run([*pip, "--python", python, "install", "--no-deps", "--no-index", wheel], check=True)
    environment = {"PYTHONPATH": sysconfig.get_path("purelib"), "TF_CPP_MIN_LOG_LEVEL": "3", "HOME": str(tmp_path)}
    ran = subprocess.run([python, "-c", SCRIPT], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "(2, 2) (2, 2)"
