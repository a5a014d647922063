"""Reading event files back: whole ones, damaged ones, those of other tools."""

import json
import struct

import keras
import numpy as np
import pytest
from tensorboard.compat.proto import summary_pb2, tensor_pb2, types_pb2

from callbacks import GradientMonitor, WeightNormMonitor
from callbacks.diagnosis.rules import diagnose
from callbacks.tensorboard import LayerArray, SummaryWriter, messages
from callbacks.tensorboard.reader import RunReader, runs
from callbacks.tensorboard.writer import SCALAR, histogram


def write(directory, epochs=10):
    """Write what `Diagnosis` writes of a training, with made-up statistics of two layers."""
    writer, monitors = SummaryWriter.open(directory), [GradientMonitor(directory), WeightNormMonitor(directory)]
    writer.write(0, facts={"facts": {"learning_rate": 0.1}})
    for monitor in monitors:
        monitor.begin(["one", "two"])
    for epoch in range(epochs):
        for monitor in monitors:
            monitor.record(epoch, {name: np.array([1.0, 2.0]) * (epoch + 1) for name in monitor.quantities})
        writer.write_metrics(epoch, {"loss": 1 / (epoch + 1), "findings": 0})
    for monitor in monitors:
        monitor.on_train_end()
    writer.close()
    (path,) = directory.glob("*tfevents*")
    return path


def test_what_was_written_reads_back(tmp_path):
    write(tmp_path / "run", epochs=3)
    (run,) = runs(tmp_path)
    assert run.directory == tmp_path / "run"
    assert run.damaged == []
    evidence = run.evidence
    assert evidence.epochs == [0, 1, 2]
    assert evidence.facts == {"learning_rate": 0.1}
    assert evidence.activations is None
    assert [*evidence.metrics] == ["loss"]  # the number of findings is none
    np.testing.assert_allclose(evidence.metrics["loss"], [1, 1 / 2, 1 / 3], rtol=1e-6)
    for record, monitor in ((evidence.gradients, GradientMonitor), (evidence.weights, WeightNormMonitor)):
        assert record.layers == ["one", "two"]
        assert {*record.history} == {*monitor.QUANTITIES}
        for values in record.history.values():
            np.testing.assert_array_equal(values, [[1, 2], [2, 4], [3, 6]])


@pytest.mark.slow
@pytest.mark.xdist_group("tutorial_runs")
def test_event_files_give_the_same_evidence_and_the_same_findings(tutorial_runs):
    directory, diagnoses = tutorial_runs
    found = {run.directory.name: run for run in runs(directory)}
    assert {*found} == {"tanh", "relu"}
    for name, live in diagnoses.items():
        read = found[name].evidence
        assert read.epochs == live.evidence.epochs
        assert read.facts == live.evidence.facts
        np.testing.assert_allclose(read.metrics["val_loss"], live.evidence.metrics["val_loss"], rtol=1e-6)
        for monitor in ("gradients", "weights", "activations"):
            ours, theirs = getattr(read, monitor), getattr(live.evidence, monitor)
            assert ours.layers == theirs.layers
            assert {*ours.history} == {*theirs.history}
            for quantity in theirs.history:
                np.testing.assert_allclose(ours.history[quantity], theirs.history[quantity], rtol=1e-6)
        assert [(one.rule, one.layers, one.epoch) for one in diagnose(read)] == [
            (one.rule, one.layers, one.epoch) for one in live.findings
        ]


def test_a_damaged_event_file_is_read_up_to_the_damage(tmp_path):
    path = write(tmp_path)
    whole = path.read_bytes()
    ends = [0]  # of the records; a record is a length of 8 bytes, 4 of checksum, the data, and 4 of checksum
    while ends[-1] < len(whole):
        ends.append(ends[-1] + 16 + struct.unpack_from("<Q", whole, ends[-1])[0])
    for cut in (ends[-12] - 5, ends[-12]):  # in the middle of a record, and between two, as a killed process leaves it
        path.write_bytes(whole[:cut])
        (run,) = runs(tmp_path)
        assert 2 <= len(run.evidence.epochs) < 10
        assert run.evidence.epochs == [*range(len(run.evidence.epochs))]
        assert run.damaged == ([path] if cut != ends[-12] else [])
    flipped = bytearray(whole)
    flipped[whole.index(b"layers/gradient_l2", ends[-12]) + 30] ^= 1
    path.write_bytes(flipped)
    (run,) = runs(tmp_path)
    assert run.damaged == [path]
    assert 2 <= len(run.evidence.epochs) < 10


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="keras.callbacks.TensorBoard needs TensorFlow")
def test_runs_of_the_monitors_alone_with_keras_metrics_beside_them(tmp_path):
    x = np.random.RandomState(0).normal(size=(96, 4)).astype("float32")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy", metrics=["accuracy"])
    monitors = [GradientMonitor(tmp_path), WeightNormMonitor(tmp_path)]
    callbacks = [*monitors, keras.callbacks.TensorBoard(tmp_path, write_graph=False)]
    data = (x, x[:, 0] > 0)
    history = model.fit(*data, epochs=4, validation_data=data, verbose=0, callbacks=callbacks).history
    (run,) = runs(tmp_path)
    assert run.evidence.epochs == [0, 1, 2, 3]
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        np.testing.assert_allclose(run.evidence.metrics[name], history[name], rtol=1e-6)
    assert run.evidence.gradients.layers == monitors[0].layers
    facts = run.evidence.facts
    assert (facts["optimizer"], facts["learning_rate"], facts["planned_epochs"]) == ("SGD", 0.1, 4)
    assert run.evidence.output["activation"] == "sigmoid"
    assert [kernel["activation"] for kernel in facts["kernels"].values()] == ["relu", "sigmoid"]


def test_a_damaged_file_of_keras_is_named_too(tmp_path):
    writer = SummaryWriter.open(tmp_path)
    writer.write(0, arrays={"gradient_l2": LayerArray(["a"], np.ones(1))})
    writer.close()
    writer = SummaryWriter.open(tmp_path / "train")
    writer.write(0, {"epoch_loss": 0.5})
    writer.close()
    (path,) = (tmp_path / "train").iterdir()
    path.write_bytes(path.read_bytes() + b"half a record")
    (run,) = runs(tmp_path)
    assert run.evidence.metrics["loss"] == [0.5]
    assert run.damaged == [path]


def test_an_array_reads_back_as_it_was_written(tmp_path):
    values = {0: np.array([np.pi, 1e-40]), 3: np.array([np.inf, 0.1])}
    writer = SummaryWriter.open(tmp_path)
    for epoch, row in values.items():
        writer.write(epoch, arrays={"gradient_l2": LayerArray(["one", "two"], row)})
    writer.close()
    (run,) = runs(tmp_path)
    assert run.evidence.epochs == [0, 3]
    read = run.evidence.gradients.history["l2"]
    np.testing.assert_array_equal(read, np.array([*values.values()]).astype("float32"))


def test_layers_that_change_are_told_apart_by_their_names(tmp_path):
    writer = SummaryWriter.open(tmp_path)
    for epoch, (names, row) in enumerate([(["b", "c"], [2, 3]), (["a", "b", "c"], [4, 5, 6]), (["c", "b"], [8, 7])]):
        quantities = ("gradient_l2", "gradient_max") if epoch else ("gradient_l2",)
        writer.write(epoch, arrays={name: LayerArray(names, np.array(row)) for name in quantities})
    writer.close()
    (run,) = runs(tmp_path)
    record = run.evidence.gradients
    assert record.layers == ["c", "b"]
    np.testing.assert_array_equal(record.history["l2"], [[3, 2], [6, 5], [8, 7]])
    np.testing.assert_array_equal(record.history["max"], [[np.nan, np.nan], [6, 5], [8, 7]])


def test_a_name_of_which_nothing_was_recorded_is_no_layer(tmp_path):
    writer = SummaryWriter.open(tmp_path)
    for epoch in range(2):
        row = {"l2": np.array([1.0, np.nan, np.nan]), "nonfinite": np.array([0, np.nan, epoch or np.nan])}
        arrays = {f"gradient_{name}": LayerArray(["a", "never", "later"], values) for name, values in row.items()}
        writer.write(epoch, arrays=arrays)
    writer.close()
    (run,) = runs(tmp_path)
    assert run.evidence.gradients.layers == ["a", "later"]
    np.testing.assert_array_equal(run.evidence.gradients.history["nonfinite"], [[0, np.nan], [0, 1]])


def test_a_file_that_grows_is_read_on(tmp_path):
    reader = RunReader(tmp_path)
    assert not reader.update()
    writer = SummaryWriter.open(tmp_path)
    assert reader.update()  # the layout
    assert reader.evidence() is None
    for epoch in range(3):
        array = LayerArray(["one"], np.array([epoch]))
        writer.write(epoch, arrays={"gradient_l2": array}, facts={"facts": {"a": epoch}})
        assert reader.update()
        writer.write_metrics(epoch, {"loss": epoch})
        if epoch:
            assert reader.evidence().epochs == [*range(epoch)]  # the metrics of this one are not read yet
        assert reader.update()
        assert not reader.update()
        assert reader.evidence().epochs == [*range(epoch + 1)]
        assert reader.facts == {"a": epoch}
    writer.close()
    writer = SummaryWriter.open(tmp_path)  # a second file, as of a second fit, begins at an epoch of the first
    for epoch in (2, 3):
        writer.write(epoch, arrays={"gradient_l2": LayerArray(["one"], np.array([epoch + 10]))})
        writer.write_metrics(epoch, {"loss": epoch + 10})
    writer.close()
    assert reader.update()
    assert reader.evidence().epochs == [0, 1, 2, 3]
    assert reader.evidence().gradients.history["l2"][:, 0].tolist() == [0, 1, 12, 13]
    assert reader.evidence().metrics["loss"].tolist() == [0, 1, 12, 13]
    assert reader.damaged == []


def test_a_histogram_is_the_last_one_up_to_an_epoch(tmp_path):
    values = {epoch: np.random.RandomState(epoch).normal(size=50) for epoch in (2, 5, 6)}
    writer, reader = SummaryWriter.open(tmp_path), RunReader(tmp_path)
    reader.update()
    assert not reader.has_histograms
    for epoch, row in values.items():
        histograms = {f"{name}/kernel_0{suffix}": row * scale for name, suffix, scale in KERNELS}
        writer.write(epoch, histograms=histograms if epoch != 6 else {"one/kernel_0": row})
    writer.close()
    reader.update()
    assert reader.has_histograms
    for name, suffix, scale in KERNELS:
        tag = f"{name}/kernel_0{suffix}"
        assert reader.histogram(tag, 1) is None
        for epoch, found in ((2, 2), (4, 2), (5, 5), (6, 6 if tag == "one/kernel_0" else 5)):
            written, table = reader.histogram(tag, epoch)
            assert written == found
            np.testing.assert_array_equal(table, histogram(values[found] * scale))
    assert reader.histogram("three/kernel_0", 9) is None


KERNELS = [("one", "", 1), ("one", "_grad", 2), ("two", "", 3), ("two", "_grad", 4)]


def facts_of_version_0_2(facts):
    data = summary_pb2.SummaryMetadata.PluginData(plugin_name="diagnosis")
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[json.dumps(facts).encode()])
    metadata = summary_pb2.SummaryMetadata(plugin_data=data)
    return summary_pb2.Summary.Value(tag="diagnosis/facts", metadata=metadata, tensor=tensor)


def test_a_file_of_version_0_2_is_read(tmp_path):
    """It holds a scalar for every quantity of every layer, and metrics and facts below `diagnosis/`."""
    writer = SummaryWriter.open(tmp_path)
    for learning_rate in (0.1, 0.2):  # the last says all
        writer.write(0, values=[facts_of_version_0_2({"learning_rate": learning_rate})])
    for epoch in range(3):
        for monitor in (GradientMonitor, WeightNormMonitor):
            names = [f"{monitor.PREFIX}_{name}" for name in monitor.QUANTITIES]
            scalars = {f"{name}/{layer}": epoch + i for name in names for i, layer in enumerate("ab")}
            writer.write(epoch, scalars | {f"{monitor.PREFIX}_sampled_steps": 16})
        metrics = {"diagnosis/loss": 0.5, "diagnosis/val_loss": epoch}
        writer.write(epoch, metrics | {"prediction_spread/out": 0.5, "diagnosis/findings": 1})
        writer.write(epoch, texts={"diagnosis/report": "# text"})
    writer.close()
    (run,) = runs(tmp_path)
    evidence = run.evidence
    assert evidence.epochs == [0, 1, 2]
    assert evidence.facts == {"learning_rate": 0.2}
    assert {name: values.tolist() for name, values in evidence.metrics.items()} == {
        "loss": [0.5, 0.5, 0.5],
        "val_loss": [0, 1, 2],
    }
    for record, monitor in ((evidence.gradients, GradientMonitor), (evidence.weights, WeightNormMonitor)):
        assert record.layers == ["a", "b"]
        assert {*record.history} == {*monitor.QUANTITIES}
        for values in record.history.values():
            np.testing.assert_array_equal(values, [[0, 1], [1, 2], [2, 3]])
    assert evidence.predictions.layers == ["out"]
    assert evidence.predictions.history["spread"].tolist() == [[0.5]] * 3
    reader = RunReader(tmp_path)
    reader.update()
    assert {"gradient_abs_mean", "weight_l1", "prediction_spread"} < {*reader.quantities}


def test_where_there_are_arrays_the_scalars_of_layers_are_not_read(tmp_path):
    writer = SummaryWriter.open(tmp_path)
    arrays = {"gradient_l2": LayerArray(["a"], np.ones(1))}
    writer.write(0, {"gradient_l2/a": 9, "gradient_abs_mean/b": 9}, arrays=arrays)
    writer.close()
    (run,) = runs(tmp_path)
    assert run.evidence.gradients.layers == ["a"]
    assert run.evidence.gradients.history["l2"].tolist() == [[1]]
    assert np.isnan(run.evidence.gradients.history["abs_mean"]).all()


def test_in_a_file_of_version_0_2_a_layer_and_a_quantity_that_are_missing_at_first_are_nan_there(tmp_path):
    writer = SummaryWriter.open(tmp_path)
    writer.write(0, {"gradient_l2/two": 1.0, "diagnosis/loss": 1.0})
    writer.write(1, {"gradient_l2/one": 2.0, "gradient_l2/two": 1.0, "gradient_max/one": 3.0, "diagnosis/loss": 1.0})
    writer.close()
    (run,) = runs(tmp_path)
    assert run.evidence.epochs == [0, 1]
    assert run.evidence.gradients.layers == ["two", "one"]
    np.testing.assert_array_equal(run.evidence.gradients.history["l2"], [[1, np.nan], [1, 2]])
    np.testing.assert_array_equal(run.evidence.gradients.history["max"], [[np.nan, np.nan], [np.nan, 3]])
    assert {*run.evidence.gradients.history} == {*GradientMonitor.QUANTITIES}
    assert np.isnan(run.evidence.gradients.history["abs_mean"]).all()


def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a directory"):
        runs(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="There is no event file in"):
        runs(tmp_path)
    other = SummaryWriter.open(tmp_path / "other")
    other.write(0, scalars={"loss": 1.0})
    other.close()
    with pytest.raises(ValueError, match="hold no whole epoch of these callbacks"):
        runs(tmp_path)
    (tmp_path / "events.out.tfevents.1.nonsense").write_bytes(b"these are no records at all, only words")
    with pytest.raises(ValueError, match="hold no whole epoch of these callbacks"):
        runs(tmp_path)


def test_a_run_that_goes_on_with_a_newer_version_is_one_run(tmp_path):
    writer = SummaryWriter.open(tmp_path)
    for epoch in range(3):  # as version 0.2 wrote it
        writer.write(epoch, {"gradient_l2/a": 1.0, "gradient_l2/b": 2.0, "diagnosis/loss": 0.5})
    writer.close()
    writer = SummaryWriter.open(tmp_path)
    for epoch in range(2, 5):
        writer.write(epoch, arrays={"gradient_l2": LayerArray(["b", "c"], np.array([3.0, 4.0]))})
        writer.write_metrics(epoch, {"loss": 0.25})
    writer.close()
    (run,) = runs(tmp_path)
    assert run.evidence.epochs == [0, 1, 2, 3, 4]
    layers = run.evidence.gradients.layers
    l2 = {layer: run.evidence.gradients.history["l2"][:, i].tolist() for i, layer in enumerate(layers)}
    nan = pytest.approx(np.nan, nan_ok=True)
    assert l2 == {"b": [2, 2, 3, 3, 3], "c": [nan, nan, 4, 4, 4], "a": [1, 1, nan, nan, nan]}


def test_layers_named_like_quantities_have_histograms(tmp_path):
    writer = SummaryWriter.open(tmp_path)
    arrays = {"gradient_l2": LayerArray(["prediction_head"], np.ones(1))}
    writer.write(0, arrays=arrays, histograms={"prediction_head/kernel_0_grad": np.array([1.0, 2.0])})
    writer.close()
    reader = RunReader(tmp_path)
    reader.update()
    assert reader.histogram("prediction_head/kernel_0_grad", 0)[1][:, 2].sum() == 2


def test_histograms_of_version_0_2_stand_in_one_event_with_scalars(tmp_path):
    writer = SummaryWriter.open(tmp_path)
    values = histogram([1.0, 2.0])
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_DOUBLE, tensor_content=values.tobytes())
    for size in values.shape:
        tensor.tensor_shape.dim.add(size=size)
    in_one = messages.serialized(summary_pb2.Summary.Value(tag="a/kernel_0_grad", tensor=tensor))
    scalar = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[1.0])
    writer._add(messages.event(0, [writer._value("gradient_l2/a", SCALAR, scalar), in_one]))
    writer.close()
    reader = RunReader(tmp_path)
    reader.update()
    assert reader.histogram("a/kernel_0_grad", 0)[1][:, 2].sum() == 2


def test_tags_of_others_that_begin_like_ours_are_left_alone(tmp_path):
    writer = SummaryWriter.open(tmp_path)
    writer.write(
        0, {"layers/rate": 1.0, "weight_decay/all": 0.1}, arrays={"gradient_l2": LayerArray(["a"], np.ones(1))}
    )
    writer.close()
    (run,) = runs(tmp_path)
    assert (run.evidence.gradients.layers, run.evidence.weights) == (["a"], None)
