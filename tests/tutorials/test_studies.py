import csv
import dataclasses
import json
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import keras
import numpy as np
import pytest

from tutorials.lab import Experiment, Settings, mlp, studies
from tutorials.lab.results import Replicates
from tutorials.lab.studies import Study, fingerprint, run_study, study
from tutorials.lab.training import compiled_model, initial_model
from tutorials.vanishing import deep_relu, deep_tanh, shallow_tanh

pytestmark = pytest.mark.xdist_group("studies")  # its fixtures are made once

SMALL = [dataclasses.replace(script.EXPERIMENT, epochs=2) for script in (shallow_tanh, deep_relu)]


def settings(path, **changes):
    return Settings(logdir=path, seeds=2, **changes)


@pytest.fixture
def trained(monkeypatch):
    """The (experiment, seeds) of every job that is really trained."""
    calls, train = [], studies._train

    def noted(key, experiment, seeds, *others, **options):
        calls.append((experiment.name, list(seeds)))
        return train(key, experiment, seeds, *others, **options)

    monkeypatch.setattr(studies, "_train", noted)
    return calls


def rows(directory):
    with (directory / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def contents(logdir):
    """The trained members, bit by bit, but for the time they took."""
    found = {}
    for path in (logdir / "study" / "trained").glob("*.npz"):
        with np.load(path) as arrays:
            found[path.name] = {name: arrays[name].tobytes() for name in arrays.files if name != "seconds"}
    return found


def test_the_table_has_a_row_for_each_configuration_and_seed(tmp_path):
    done = study("small", SMALL, settings(tmp_path))
    table = rows(tmp_path / "study" / "small")
    assert [(row["experiment"], row["seed"]) for row in table] == [
        (one.name, str(seed)) for one in SMALL for seed in (1, 2)
    ]
    first, last = table[0], table[-1]
    assert (first["hidden_layers"], first["width"], first["activation"]) == ("1", "5", "tanh")
    assert (first["kernel_initializer"], first["optimizer"]) == ("random_uniform", "sgd")
    assert (last["hidden_layers"], last["activation"], last["kernel_initializer"]) == ("5", "relu", "he_uniform")
    assert first["learning_rate"] == "0.01"
    assert first["gradient_3"] == ""
    members = done.members["deep_relu"]
    assert float(last["test_accuracy"]) == pytest.approx(members.history["val_accuracy"][1, -1], abs=1e-4)
    assert float(last["gradient_6"]) == pytest.approx(members.history["gradient_abs_mean"][1, :, 5].mean(), rel=1e-4)
    model = compiled_model(SMALL[1], 2)
    for variable, values in zip(model.variables, members.initial, strict=True):
        assert np.array_equal(variable.numpy(), values[1])
    assert Study.load(tmp_path, "small").table() == done.table()


def test_only_what_is_missing_is_trained(tmp_path, trained):
    study("small", SMALL, settings(tmp_path))
    trained.clear()
    study("small", SMALL, settings(tmp_path))
    study("another", SMALL[:1], settings(tmp_path))
    assert trained == []
    study("small", SMALL, Settings(logdir=tmp_path, seeds=4))
    assert trained == [(one.name, [3, 4]) for one in SMALL]
    assert Study.load(tmp_path, "small").members["deep_relu"].seeds.tolist() == [1, 2, 3, 4]
    trained.clear()
    changed = dataclasses.replace(SMALL[0], build_optimizer=lambda: keras.optimizers.SGD(0.02, momentum=0.9))
    study("small", [changed, SMALL[1]], settings(tmp_path))
    assert trained == [(changed.name, [1, 2])]
    assert [row["learning_rate"] for row in rows(tmp_path / "study" / "small")] == ["0.02", "0.02", "0.01", "0.01"]


def test_a_damaged_file_is_trained_again(tmp_path, trained, capsys):
    study("small", SMALL[:1], settings(tmp_path))
    before = contents(tmp_path)
    path = next((tmp_path / "study" / "trained").glob("*.npz"))
    path.write_bytes(path.read_bytes()[:1000])
    trained.clear()
    study("small", SMALL[:1], settings(tmp_path))
    assert trained == [("shallow_tanh", [1, 2])]
    assert contents(tmp_path) == before
    assert "cannot be read" in capsys.readouterr().out


def variants():
    base = deep_tanh.EXPERIMENT
    yield base
    yield dataclasses.replace(base, batch_size=64)
    yield dataclasses.replace(base, build_optimizer=lambda: keras.optimizers.SGD(0.01, momentum=0.8))
    yield dataclasses.replace(base, build_optimizer=lambda: keras.optimizers.Adam(0.01))
    yield dataclasses.replace(base, build_model=lambda: mlp(4, activation="tanh"))
    yield dataclasses.replace(base, build_model=lambda: mlp(5, activation="tanh"))
    yield dataclasses.replace(base, build_model=lambda: mlp(5, 6, activation="tanh"))
    yield dataclasses.replace(base, build_model=lambda: mlp(5, activation="relu"))


def test_a_fingerprint_tells_every_change_and_nothing_else(monkeypatch):
    prints = [fingerprint(one, 500) for one in variants()]
    assert len(set(prints)) == len(prints)
    for _ in range(3):  # Keras counts on: sequential_3, sgd_2
        keras.Sequential(name=None)
        keras.optimizers.SGD()
    assert [fingerprint(one, 500) for one in variants()] == prints
    renamed = dataclasses.replace(deep_tanh.EXPERIMENT, name="other", title="other", published="other")
    assert fingerprint(renamed, 500) == prints[0]
    assert fingerprint(deep_tanh.EXPERIMENT, 499) != prints[0]
    monkeypatch.setattr(keras, "__version__", "3.0.0")
    assert fingerprint(deep_tanh.EXPERIMENT, 500) != prints[0]


def test_what_was_saved_loads_again(tmp_path):
    members = study("small", SMALL[:1], settings(tmp_path)).members["shallow_tanh"]
    members.save(tmp_path / "copy.npz")
    copy = Replicates.load(tmp_path / "copy.npz")
    assert all(np.array_equal(copy.history[name], values) for name, values in members.history.items())
    assert all(np.array_equal(a, b) for a, b in zip(copy.trained, members.trained, strict=True))
    joined = copy.select([2]).joined(copy.select([1]))
    assert joined.seeds.tolist() == [2, 1]
    assert np.array_equal(joined.history["loss"], members.history["loss"][::-1])
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["copy.npz"]


def test_seeds_hold_while_other_threads_draw_random_numbers():
    quiet = [initial_model(deep_tanh.EXPERIMENT, seed).get_weights() for seed in range(10)]
    keras.utils.set_random_seed(4)
    plain = deep_tanh.build_model().get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(plain, quiet[4], strict=True))
    stop = threading.Event()

    def draw():
        while not stop.is_set():
            random.random()

    noise = threading.Thread(target=draw)
    noise.start()
    try:
        noisy = [initial_model(deep_tanh.EXPERIMENT, seed).get_weights() for seed in range(10)]
    finally:
        stop.set()
        noise.join()
    for ours, theirs in zip(quiet, noisy, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


COMMAND = ["-m", "tutorials", "study", "xavier", "--seeds", "2", "--epochs", "2"]


@pytest.fixture(scope="module")
def sequential(run_python, tmp_path_factory):
    """The log directory of a study of three configurations, trained in one process."""
    logdir = tmp_path_factory.mktemp("sequential")
    done = run_python(*COMMAND, "--logdir", logdir)
    assert done.returncode == 0, done.stderr
    assert "wrote" in done.stdout
    return logdir


def test_two_processes_give_the_same_numbers(sequential, run_python, tmp_path):
    done = run_python(*COMMAND, "--logdir", tmp_path, "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path) == contents(sequential)
    assert rows(tmp_path / "study" / "xavier") == rows(sequential / "study" / "xavier")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_after_an_interruption_it_goes_on(sequential, root, run_python, tmp_path, end):
    command = [sys.executable, *COMMAND, "--logdir", str(tmp_path)]
    with (tmp_path / "output").open("w") as output:
        process = subprocess.Popen(command, cwd=root, stdout=output, stderr=output)
        wait_for(lambda: len(contents(tmp_path)) >= 1 or process.poll() is not None)
        process.send_signal(end)
        code = process.wait(60)
    kept = contents(tmp_path)
    assert 1 <= len(kept) < 3
    assert code == (130 if end == signal.SIGINT else -signal.SIGKILL)
    assert "Traceback" not in (tmp_path / "output").read_text()
    if end == signal.SIGINT:
        assert len(rows(tmp_path / "study" / "xavier")) == 2 * len(kept)
    times = {name: changed(tmp_path, name) for name in kept}
    assert run_python(*COMMAND, "--logdir", tmp_path).returncode == 0
    assert contents(tmp_path) == contents(sequential)
    assert all(changed(tmp_path, name) == time for name, time in times.items())


def test_a_cluster_that_loses_a_worker_gives_the_same_numbers(sequential, root, tmp_path, free_port):
    """A real scheduler, two worker processes, one of them killed in the middle."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    quiet = {"cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = subprocess.Popen([*dask("scheduler"), "--port", str(port), "--no-dashboard"], **quiet)
    worker = [*dask("worker"), address, "--nthreads", "2", "--no-dashboard", "--no-nanny"]
    wait_for(lambda: answers(port))
    workers = [subprocess.Popen(worker, **quiet) for _ in range(2)]
    try:
        wait_for(lambda: number_of_workers(address) == 2)
        command = [sys.executable, *COMMAND, "--logdir", str(tmp_path), "--dask", address]
        with (tmp_path / "output").open("w") as output:
            process = subprocess.Popen(command, cwd=root, stdout=output, stderr=output)
            wait_for(lambda: contents(tmp_path) or process.poll() is not None)
            workers[0].kill()
            assert process.wait(240) == 0, (tmp_path / "output").read_text()
    finally:
        for one in (*workers, scheduler):
            one.kill()
            one.wait()
    assert contents(tmp_path) == contents(sequential)


def changed(logdir, name):
    return (logdir / "study" / "trained" / name).stat().st_mtime_ns


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def dask(part):
    """The command that starts a part of a Dask cluster with this environment's Python."""
    return [sys.executable, "-c", f"from distributed.cli.dask_{part} import main; main()"]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def number_of_workers(address):
    from distributed import Client

    with Client(address, timeout=30, set_as_default=False) as client:
        return len(client.scheduler_info()["workers"])


@pytest.mark.parametrize(
    ("address", "words"),
    [("tcp://127.0.0.1:9", "no Dask scheduler answers"), ("nonsense", "tcp://HOST:PORT")],
)
def test_a_scheduler_that_is_not_there_is_one_sentence(run_python, tmp_path, address, words):
    done = run_python(*COMMAND, "--logdir", tmp_path, "--dask", address)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_tensorboard_shows_a_study(sequential, tensorboard, shows):
    address = tensorboard(sequential / "study" / "xavier")
    images = json.load(urllib.request.urlopen(f"{address}/data/plugin/images/tags"))
    assert "xavier/gradient_profile" in [tag for tags in images.values() for tag in tags]
    experiment = post(f"{address}/data/plugin/hparams/experiment", {"experimentName": ""})
    named = {one["name"] for one in experiment["hparamInfos"]}
    assert {"hidden_layers", "width", "activation", "optimizer", "learning_rate"} <= named
    asked = {
        "experimentName": "",
        "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"],
        "colParams": [{"metric": {"tag": tag, "group": ""}} for tag in ("median_test_accuracy", "share_learned")],
        "startIndex": 0,
        "sliceSize": 100,
    }
    groups = post(f"{address}/data/plugin/hparams/session_groups", asked)["sessionGroups"]
    study = Study.load(sequential, "xavier")
    measured = {(one["activation"], one["kernel_initializer"]): name for name, one in study.configurations.items()}
    assert len(groups) == len(measured) == 3
    for group in groups:
        columns = group["hparams"]
        assert (columns["hidden_layers"], columns["width"]) == (5, 5)
        members = study.members[measured[columns["activation"], columns["kernel_initializer"]]]
        values = {one["name"]["tag"]: one["value"] for one in group["metricValues"]}
        assert values["median_test_accuracy"] == pytest.approx(np.median(members.test_accuracy), abs=1e-6)
        assert values["share_learned"] == members.learned.mean()
    shows(f"{address}/#hparams", ["kernel_initializer", "glorot_uniform", "he_uniform", "median test accuracy"])
    shows(f"{address}/#images", ["xavier/gradient_profile"])


def post(address, data):
    request = urllib.request.Request(address, json.dumps(data).encode(), {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))


def test_a_study_of_a_subclassed_model_trains(tmp_path):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.out = keras.layers.Dense(5, "tanh"), keras.layers.Dense(1, "sigmoid")
            self(keras.ops.zeros((1, 2)))

        def call(self, x):
            return self.out(self.hidden(x))

    run_study("net", [Experiment("net", "subclassed", Net, epochs=2)], settings(tmp_path))
    assert rows(tmp_path / "study" / "net")[0]["hidden_layers"] == "1"
