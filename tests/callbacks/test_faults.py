import json
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import warnings

import keras
import numpy as np
import pytest
from keras import Input, layers

from callbacks import ActivationMonitor, GradientMonitor, WeightNormMonitor
from callbacks.tensorboard.writer import SummaryWriter

X, Y = np.random.RandomState(0).normal(size=(32, 2)).astype("float32"), np.ones((32, 3), "float32")


def build(names=("one", "two")):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([Input((2,)), *(layers.Dense(3, "tanh", name=name) for name in names)])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    return model


def at_epoch(number, do):
    return keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: epoch == number and do())


def test_a_directory_that_disappears_gives_one_warning(tmp_path):
    run = tmp_path / "run"
    monitors = [GradientMonitor(run, histogram_freq=1), WeightNormMonitor(run), ActivationMonitor(X, run)]
    vanish = at_epoch(2, lambda: shutil.rmtree(run))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        build().fit(X, Y, epochs=5, verbose=0, callbacks=[*monitors, vanish])
    said = [str(warning.message) for warning in caught if "event file" in str(warning.message)]
    assert len(said) == 1
    assert str(run) in said[0]
    assert all(monitor.epochs == [0, 1, 2, 3, 4] for monitor in monitors)


FULL_DISK = """
import resource, sys, keras, numpy as np
from callbacks import GradientMonitor
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # the system refuses to let a file grow beyond
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1)])
model.compile("sgd", "mse")
monitor = GradientMonitor(sys.argv[1], histogram_freq=1)
model.fit(np.ones((8, 2)), np.ones(8), epochs=60, verbose=0, callbacks=[monitor])
print("epochs", len(monitor.history["l2"]))
"""


def test_a_disk_that_fills_gives_one_warning(run_python, tmp_path, read_tensors):
    ran = run_python("-c", FULL_DISK, tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "epochs 60" in ran.stdout
    assert ran.stderr.count("can no longer be written") == 1
    written = read_tensors(tmp_path)["gradient_l2/dense"]
    assert 5 < len(written) < 60


KILLED = """
import sys, keras, numpy as np
from callbacks import GradientMonitor, WeightNormMonitor
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="d"), keras.layers.Dense(1)])
model.compile("sgd", "mse")
say = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, flush=True))
monitors = [GradientMonitor(sys.argv[1], histogram_freq=1), WeightNormMonitor(sys.argv[1])]
model.fit(np.ones((8, 2)), np.ones(8), epochs=100000, verbose=0, callbacks=[*monitors, say])
"""


def test_what_a_killed_process_finished_reads_back(root, tmp_path, read_tensors):
    process = subprocess.Popen([sys.executable, "-c", KILLED, tmp_path], stdout=subprocess.PIPE, text=True, cwd=root)
    finished = [int(process.stdout.readline()) for _ in range(20)]
    process.send_signal(signal.SIGKILL)
    process.wait()
    tensors = read_tensors(tmp_path)
    for tag in ("gradient_abs_mean/d", "weight_l1/d", "d/kernel_0_grad"):
        assert set(finished) <= set(tensors[tag])


class SameNames(keras.Model):
    def __init__(self):
        super().__init__()
        self.one, self.other = layers.Dense(3, name="same"), layers.Dense(3, name="same")

    def call(self, x):
        return self.other(self.one(x))


def test_layers_of_one_name_stay_apart():
    model = SameNames()
    model(X)
    model.compile("sgd", "mse")
    monitor = GradientMonitor()
    model.fit(X, Y, verbose=0, callbacks=[monitor])
    assert monitor.layers == ["same", "same_2"] or len(set(monitor.layers)) == 2
    assert (monitor.history["l2"] > 0).all()


def test_odd_names_give_distinct_tags_that_tensorboard_serves(tmp_path, tensorboard):
    names = ["dot.ted", "-dash", "a" * 200, "a" * 199 + "b"]
    monitor = GradientMonitor(tmp_path / "run", histogram_freq=1)
    build(names).fit(X, Y, verbose=0, callbacks=[monitor])
    assert monitor.layers == names
    # TensorFlow refuses to run layers of these names, but TensorBoard must not be what breaks on them.
    refused = ["arrow>", "with space", "größe_層", "100%&?#", "nested/layer"]
    writer = SummaryWriter.open(tmp_path / "run")
    writer.write(0, histograms={f"{name}/kernel_0_grad": X for name in refused})
    writer.close()
    names = names + refused
    address = tensorboard(tmp_path)
    for _ in range(50):
        with urllib.request.urlopen(f"{address}/data/plugin/histograms/tags") as answer:
            tags = json.load(answer).get("run", {})
        if len(tags) == len(names):
            break
        time.sleep(0.2)
    assert sorted(tags) == sorted(f"{name}/kernel_0_grad" for name in names)


def test_checkpoints_do_not_know_the_callbacks(tmp_path):
    def train(callbacks, where):
        save = keras.callbacks.ModelCheckpoint(tmp_path / where)
        build().fit(X, Y, epochs=2, verbose=0, callbacks=[*callbacks, save])
        model = keras.models.load_model(tmp_path / where)
        return model.get_config(), [v.numpy() for v in [*model.variables, *model.optimizer.variables]], model

    plain = train([], "plain.keras")
    watched = train([GradientMonitor(), WeightNormMonitor(), ActivationMonitor(X)], "watched.keras")
    assert len(plain[1]) == len(watched[1])
    assert all(map(np.array_equal, plain[1], watched[1]))
    watched[2].fit(X, Y, verbose=0)


def test_backup_and_restore_in_the_middle_of_a_run(tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    monitor = GradientMonitor(tmp_path / "run")
    backup = lambda: keras.callbacks.BackupAndRestore(tmp_path / "backup")  # noqa: E731
    with pytest.raises(KeyboardInterrupt):
        build().fit(X, Y, epochs=5, shuffle=False, verbose=0, callbacks=[monitor, backup(), at_epoch(3, interrupt)])
    assert monitor.epochs == [0, 1, 2]
    build().fit(X, Y, epochs=5, shuffle=False, verbose=0, callbacks=[monitor, backup()])
    assert monitor.epochs == [0, 1, 2, 3, 4]

    through = GradientMonitor()
    build().fit(X, Y, epochs=5, shuffle=False, verbose=0, callbacks=[through])
    np.testing.assert_allclose(monitor.history["l2"], through.history["l2"], rtol=1e-5)


def test_another_backend_is_refused(run_python, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    for make in (GradientMonitor, WeightNormMonitor, lambda: ActivationMonitor(X)):
        with pytest.raises(RuntimeError, match="needs Keras on TensorFlow, but Keras runs on jax"):
            make()
