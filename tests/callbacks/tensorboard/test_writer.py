"""Event files as TensorBoard and TensorFlow read them, and what happens where they cannot be written."""

import contextlib
import json
import shutil
import struct
import subprocess
import sys
import time
import urllib.request
import warnings
import zlib

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto import event_pb2
from tensorboard.plugins.custom_scalar import layout_pb2

from callbacks import ActivationMonitor, GradientMonitor, WeightNormMonitor
from callbacks.tensorboard import LayerArray, SummaryWriter
from callbacks.tensorboard.writer import BUCKETS, histogram

X = np.random.RandomState(0).normal(size=(32, 2)).astype("float32")


def build(names=("one", "two")):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((2,)), *(keras.layers.Dense(3, "tanh", name=name) for name in names)])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    return model


def test_histogram_is_numpys():
    values = np.random.RandomState(0).normal(size=1000)
    counts, edges = np.histogram(values, BUCKETS)
    table = histogram(values)
    np.testing.assert_array_equal(table[:, 2], counts)
    np.testing.assert_allclose(table[:, 0], edges[:-1])
    np.testing.assert_allclose(table[:, 1], edges[1:])


@pytest.mark.parametrize("values", [[], [np.nan, np.inf]])
def test_histogram_of_nothing_is_empty(values):
    assert not histogram(values).any()


def test_histogram_of_one_value_and_of_the_largest_numbers():
    table = histogram([0.5, 0.5, np.nan])
    assert table[:, 2].sum() == table[-1, 2] == 2
    assert (table[:, :2] == 0.5).all()
    assert histogram(np.float32([-3e38, 0, 3e38]))[:, 2].sum() == 3
    assert histogram([0, 5e-324])[:, 2].sum() == 2


def test_what_is_written_reads_back(tmp_path, read_tensors):
    pixel = zlib.compress(b"\0\xff\xff\xff")
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)), (b"IDAT", pixel), (b"IEND", b"")]
    parts = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(parts)
    writer = SummaryWriter.open(tmp_path / "new" / "run")
    facts = {"facts": {"a": [1]}}
    writer.write(3, {"loss": 0.25}, {"h": [1.0, 2.0]}, {"picture": png}, {"report": "# text"}, facts=facts)
    writer.write(4, {"loss": np.nan})
    tensors = read_tensors(tmp_path / "new" / "run")  # before it is closed: an epoch is on disk when it is over
    writer.close()
    assert tensors["loss"][3] == 0.25
    assert np.isnan(tensors["loss"][4])
    assert tensors["h"][3][:, 2].sum() == 2
    assert tensors["picture"][3].tolist() == [b"1", b"1", png]
    assert tensors["report"][3].tolist() == [b"# text"]
    assert json.loads(tensors["layers/facts"][3].item()) == {"a": [1]}
    layout = layout_pb2.Layout.FromString(tensors["custom_scalars__config__"][0].item())
    assert [category.title for category in layout.category] == ["summary", "gradients", "weights"]


def written(directory):
    """The events in the one file of a directory, after those that begin every file: its version, the layout."""
    (path,) = directory.iterdir()
    version, layout, *events = map(event_pb2.Event.FromString, RawEventFileLoader(str(path)).Load())
    assert version.file_version == "brain.Event:2"
    assert layout.summary.value[0].tag == "custom_scalars__config__"
    return events


def tags(event):
    return [value.tag for value in event.summary.value]


def test_what_is_for_the_tab_layers_and_what_is_large_go_into_events_of_their_own(tmp_path):
    writer = SummaryWriter.open(tmp_path)
    arrays, facts = {"gradient_l2": LayerArray(["a"], np.ones(1))}, {"facts": {}}
    writer.write(5, {"s": 1}, {"h": [1.0]}, texts={"t": "words"}, arrays=arrays, facts=facts)
    writer.write(6, histograms={"h": [1.0]})
    writer.write(7)
    writer.close()
    groups = [(event.step, tags(event)) for event in written(tmp_path)]
    assert groups == [(5, ["layers/gradient_l2", "layers/facts"]), (5, ["s", "t"]), (5, ["h"]), (6, ["h"])]


def test_an_array_is_float32_and_its_names_are_told_when_they_are_new(tmp_path, read_tensors):
    values = np.array([np.pi, np.nan, -np.inf, 1e300, 5e-324, -0.0])
    names = [*"abcde", "größe/layer"]
    writer = SummaryWriter.open(tmp_path)
    for step, last in enumerate((names[-1], names[-1], "f")):
        writer.write(step, arrays={"gradient_l2": LayerArray([*names[:-1], last], values)})
    writer.close()
    expected = np.array([np.pi, np.nan, -np.inf, np.inf, 0, -0.0], "float32")
    for found in read_tensors(tmp_path)["layers/gradient_l2"].values():
        assert found.dtype == np.float32
        assert found.tobytes() == expected.tobytes()
    metadata = [event.summary.value[0].metadata.plugin_data for event in written(tmp_path)]
    assert [data.plugin_name for data in metadata] == ["layers", "", "layers"]
    assert [json.loads(data.content)["names"] for data in metadata if data.content] == [names, [*"abcdef"]]


def test_the_metrics_of_an_epoch_are_written_once_whoever_asks(tmp_path, read_tensors):
    writer = SummaryWriter.open(tmp_path)
    for epoch in (0, 1):
        writer.write_metrics(epoch, {"loss": 0.5, "val_loss": 2.0})
        writer.write_metrics(epoch, {"loss": 0.5, "val_loss": 2.0})
        writer.write_metrics(epoch, {"loss": 0.5, "findings": 3})
    writer.close()
    events = [(event.step, tags(event)) for event in written(tmp_path)]
    of_an_epoch = (["Summary/loss", "Summary/val_loss"], ["Summary/findings"])
    assert events == [(epoch, found) for epoch in (0, 1) for found in of_an_epoch]
    tensors = read_tensors(tmp_path)
    assert tensors["Summary/loss"] == {0: 0.5, 1: 0.5}
    assert tensors["Summary/findings"] == {0: 3, 1: 3}


def test_one_writer_for_a_directory_until_the_last_closes(tmp_path):
    first, second = SummaryWriter.open(tmp_path), SummaryWriter.open(str(tmp_path))
    assert first is second
    first.close()
    second.write(0, {"loss": 1.0})
    second.close()
    third = SummaryWriter.open(tmp_path)
    assert third is not first
    third.close()


def warnings_of_event_files(caught):
    return [str(warning.message) for warning in caught if "event file" in str(warning.message)]


@pytest.mark.slow
def test_a_directory_that_disappears_gives_one_warning(tmp_path):
    run = tmp_path / "run"
    monitors = [GradientMonitor(run, histogram_freq=1), WeightNormMonitor(run), ActivationMonitor(X, run)]

    def disappear(epoch, logs):
        if epoch == 2:
            shutil.rmtree(run)

    disappearing = keras.callbacks.LambdaCallback(on_epoch_begin=disappear)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        build().fit(X, np.ones((32, 3)), epochs=5, verbose=0, callbacks=[*monitors, disappearing])
    (sentence,) = warnings_of_event_files(caught)
    assert str(run) in sentence
    assert all(monitor.epochs == [0, 1, 2, 3, 4] for monitor in monitors)


@contextlib.contextmanager
def files_end_at(size):
    """While open, the system refuses to let a file of this process grow beyond `size` bytes, as a full disk would."""
    resource = pytest.importorskip("resource")  # not on Windows
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.slow
def test_a_disk_that_fills_gives_one_warning(tmp_path, read_tensors):
    monitor = GradientMonitor(tmp_path, histogram_freq=1)
    with warnings.catch_warnings(record=True) as caught, files_end_at(20_000):
        warnings.simplefilter("always")
        build().fit(X, np.ones((32, 3)), epochs=60, verbose=0, callbacks=[monitor])
    (sentence,) = warnings_of_event_files(caught)
    assert "can no longer be written" in sentence
    assert len(monitor.history["l2"]) == 60
    assert 5 < len(read_tensors(tmp_path)["layers/gradient_l2"]) < 60


KILLED = """
import sys, keras, numpy as np
from callbacks import GradientMonitor, WeightNormMonitor
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="d"), keras.layers.Dense(1)])
model.compile("sgd", "mse")
say = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, flush=True))
monitors = [GradientMonitor(sys.argv[1], histogram_freq=1), WeightNormMonitor(sys.argv[1])]
model.fit(np.ones((8, 2)), np.ones(8), epochs=100000, verbose=0, callbacks=[*monitors, say])
"""


@pytest.mark.slow
def test_what_a_killed_process_finished_reads_back(root, tmp_path, read_tensors):
    process = subprocess.Popen([sys.executable, "-c", KILLED, tmp_path], stdout=subprocess.PIPE, text=True, cwd=root)
    finished = [int(process.stdout.readline()) for _ in range(20)]
    process.kill()
    process.wait()
    process.stdout.close()
    tensors = read_tensors(tmp_path)
    for tag in ("layers/gradient_l2", "gradient_abs_mean/d", "weight_l1/d", "Summary/loss", "d/kernel_0_grad"):
        assert set(finished) <= set(tensors[tag])


@pytest.mark.slow
@pytest.mark.xdist_group("tensorboard")
def test_odd_names_give_distinct_tags_that_tensorboard_serves(tmp_path, tensorboard):
    names = ["dot.ted", "-dash", "a" * 200, "a" * 199 + "b"]
    if keras.backend.backend() == "torch":
        names[0] = "dotted"  # a parameter of PyTorch must not have a dot in its name
    monitor = GradientMonitor(tmp_path / "run", histogram_freq=1)
    build(names).fit(X, np.ones((32, 3)), verbose=0, callbacks=[monitor])
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
            found = json.load(answer).get("run", {})
        if len(found) == len(names):
            break
        time.sleep(0.2)
    assert sorted(found) == sorted(f"{name}/kernel_0_grad" for name in names)
