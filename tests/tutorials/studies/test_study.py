"""Real studies: in one process, in several, on a cluster, interrupted, and what TensorBoard shows of them."""

import contextlib
import csv
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

from tutorials.__main__ import main
from tutorials.lab.keras_loop import build_with_seed
from tutorials.studies import Study
from tutorials.vanishing import deep_relu

import numpy as np
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("study")]  # its fixture is made once

ARGUMENTS = ["study", "xavier", "--seeds", "2", "--epochs", "2"]
COMMAND = [sys.executable, "-m", "tutorials", *ARGUMENTS]
NAME = "xavier_2_epochs"
SIGKILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # which Windows has not


@pytest.fixture(scope="module")
def sequential(tmp_path_factory):
    """The log directory of a study of three configurations, trained in one process."""
    log_dir = tmp_path_factory.mktemp("sequential")
    study(log_dir)
    return log_dir


def study(log_dir, *arguments):
    """The command, in this process: that saves the seconds that TensorFlow takes to start."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        main([*ARGUMENTS, "--logdir", str(log_dir), *arguments])
    finally:
        signal.signal(signal.SIGINT, handler)


def contents(log_dir):
    """The trained members, bit by bit, but for the time they took."""
    found = {}
    for path in (log_dir / "study" / "trained").glob("*.npz"):
        with np.load(path) as arrays:
            found[path.name] = {name: arrays[name].tobytes() for name in arrays.files if name != "seconds"}
    return found


def rows(log_dir):
    with (log_dir / "study" / NAME / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_study_leaves_its_table_its_plot_and_its_members(sequential):
    assert len(contents(sequential)) == 3
    assert (sequential / "study" / NAME / "gradient_profile.png").stat().st_size > 10_000
    assert {row["epochs"] for row in rows(sequential)} == {"2"}
    members = Study.load(sequential, NAME).members["deep_relu"]
    model = build_with_seed(deep_relu.build_model, 2)
    assert all(np.array_equal(a, b[1]) for a, b in zip(model.get_weights(), members.initial, strict=True))
    assert not np.array_equal(members.initial[0], members.trained[0])


def test_two_processes_give_the_same_numbers(sequential, tmp_path):
    study(tmp_path, "--jobs", "2")
    assert contents(tmp_path) == contents(sequential)
    assert rows(tmp_path) == rows(sequential)


@pytest.mark.parametrize("end", [signal.SIGINT, SIGKILL])
def test_after_an_interruption_it_goes_on(sequential, root, tmp_path, end):
    with (tmp_path / "output").open("w") as output:
        process = subprocess.Popen([*COMMAND, "--logdir", str(tmp_path)], cwd=root, stdout=output, stderr=output)
        wait_for(lambda: contents(tmp_path) or process.poll() is not None)
        process.send_signal(end)
        code = process.wait(60)
    kept = contents(tmp_path)
    assert 1 <= len(kept) < 3
    assert code == (130 if end == signal.SIGINT else -SIGKILL)
    assert "Traceback" not in (tmp_path / "output").read_text()
    if end == signal.SIGINT:
        assert len(rows(tmp_path)) == 2 * len(kept)
    times = {name: changed(tmp_path, name) for name in kept}
    study(tmp_path)
    assert contents(tmp_path) == contents(sequential)
    assert rows(tmp_path) == rows(sequential)
    assert all(changed(tmp_path, name) == time for name, time in times.items())


def test_a_cluster_that_loses_a_worker_gives_the_same_numbers(sequential, tmp_path, free_port):
    """A real scheduler, two worker processes, one of them killed as soon as a result is there."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    quiet = {"cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    worker = [*dask("worker"), address, "--nthreads", "2", "--no-dashboard", "--no-nanny"]
    with contextlib.ExitStack() as started:
        start(started, [*dask("scheduler"), "--port", str(port), "--no-dashboard"], quiet)
        wait_for(lambda: answers(port))
        lost, _ = (start(started, worker, quiet) for _ in range(2))
        wait_for(lambda: number_of_workers(address) == 2)
        threading.Thread(target=lambda: (wait_for(lambda: contents(tmp_path)), lost.kill())).start()
        study(tmp_path, "--dask", address)
        assert lost.wait(10) == -SIGKILL
    assert contents(tmp_path) == contents(sequential)
    assert rows(tmp_path) == rows(sequential)


def start(started, command, options):
    """Starts a process that is killed when `started` is closed."""
    process = subprocess.Popen(command, **options)
    started.callback(process.wait)
    started.callback(process.kill)
    return process


def changed(log_dir, name):
    return (log_dir / "study" / "trained" / name).stat().st_mtime_ns


def wait_for(condition, seconds=240):
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


def test_tensorboard_shows_a_study(sequential, tensorboard, shows):
    address = tensorboard(sequential / "study" / NAME)
    images = json.load(urllib.request.urlopen(f"{address}/data/plugin/images/tags"))
    assert f"{NAME}/gradient_profile" in [tag for tags in images.values() for tag in tags]
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
    study = Study.load(sequential, NAME)
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
    shows(f"{address}/#images", [f"{NAME}/gradient_profile"])


def post(address, data):
    request = urllib.request.Request(address, json.dumps(data).encode(), {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))
