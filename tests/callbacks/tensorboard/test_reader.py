"""Reading event files back: whole ones, damaged ones, those of other tools."""

import struct

import keras
import numpy as np
import pytest

from callbacks import GradientMonitor, WeightNormMonitor
from callbacks.diagnosis.rules import diagnose
from callbacks.tensorboard import SummaryWriter
from callbacks.tensorboard.reader import runs


def write(directory, epochs=10):
    """Write what `Diagnosis` writes of a training, with made-up statistics of two layers."""
    writer, monitors = SummaryWriter.open(directory), [GradientMonitor(directory), WeightNormMonitor(directory)]
    writer.write(0, facts={"diagnosis/facts": {"learning_rate": 0.1}})
    for monitor in monitors:
        monitor.begin(["one", "two"])
    for epoch in range(epochs):
        for monitor in monitors:
            monitor.record(epoch, {name: np.array([1.0, 2.0]) * (epoch + 1) for name in monitor.quantities})
        writer.write(epoch, {"diagnosis/loss": 1 / (epoch + 1), "diagnosis/findings": 0})
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
    flipped[ends[-12] + 20] ^= 1
    path.write_bytes(flipped)
    (run,) = runs(tmp_path)
    assert run.damaged == [path]
    assert 2 <= len(run.evidence.epochs) < 10


@pytest.mark.slow
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


def test_a_layer_and_a_quantity_that_are_missing_at_first_are_nan_there(tmp_path):
    writer = SummaryWriter.open(tmp_path)
    writer.write(0, {"gradient_l2/two": 1.0, "diagnosis/loss": 1.0})
    writer.write(1, {"gradient_l2/one": 2.0, "gradient_l2/two": 1.0, "gradient_max/one": 3.0, "diagnosis/loss": 1.0})
    writer.close()
    (run,) = runs(tmp_path)
    assert run.evidence.epochs == [0, 1]
    assert run.evidence.gradients.layers == ["two", "one"]
    np.testing.assert_array_equal(run.evidence.gradients.history["l2"], [[1, np.nan], [1, 2]])
    np.testing.assert_array_equal(run.evidence.gradients.history["max"], [[np.nan, np.nan], [np.nan, 3]])


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
