"""The callback in real trainings: what it says, that it changes nothing, and that its event files say the same."""

import struct

from tutorials.lab.data import two_circles
from tutorials.lab.training import compiled_model, fit
from tutorials.vanishing import deep_relu, deep_tanh

import keras
import numpy as np
import pytest

from callbacks import Diagnosis, GradientMonitor, WeightNormMonitor
from callbacks.diagnosis.rules import diagnose
from callbacks.tensorboard.reader import runs
from callbacks.tensorboard.writer import SummaryWriter

pytestmark = pytest.mark.xdist_group("diagnosis")  # its fixtures are made once


def named(findings):
    return [finding.rule for finding in findings]


def points(number=96):
    x = np.random.RandomState(0).normal(size=(number, 4)).astype("float32")
    return x, (x[:, 0] > 0).astype("float32")


def network(*hidden, loss="binary_crossentropy", rate=0.1, **options):
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Dense(8, activation, **options) for activation in hidden]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), loss, metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory):
    """The tutorial's deep tanh and deep ReLU networks, 60 epochs of 60, each in a run of its own."""
    directory = tmp_path_factory.mktemp("logs")
    train, test = two_circles()
    diagnoses = {}
    for name, experiment in (("tanh", deep_tanh.EXPERIMENT), ("relu", deep_relu.EXPERIMENT)):
        diagnoses[name] = Diagnosis(directory / name, probe=train[0], verbose=0)
        fit(compiled_model(experiment, 1), train, test, 60, seed=1, callbacks=[diagnoses[name]])
    return directory, diagnoses


def test_the_tutorials_failure_is_found_and_its_success_is_not(tutorial):
    _, diagnoses = tutorial
    assert diagnoses["relu"].findings == []
    vanishing = diagnoses["tanh"].findings[0]
    assert vanishing.rule == "vanishing_gradient"
    assert {"dense_3", "dense_4"} >= {*vanishing.layers}
    norms = diagnoses["tanh"].gradients.history["l2"][vanishing.epoch]
    assert vanishing.epoch == 0
    assert norms.min() / norms.max() < 0.03
    assert vanishing.advice
    assert all(one.learned >= 27 and one.seeds == 30 for one in vanishing.advice)


def test_event_files_give_the_same_evidence_and_the_same_findings(tutorial):
    directory, diagnoses = tutorial
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
            for quantity in theirs.history:
                np.testing.assert_allclose(ours.history[quantity], theirs.history[quantity], rtol=1e-6)
        assert [(one.rule, one.layers, one.epoch) for one in diagnose(read)] == [
            (one.rule, one.layers, one.epoch) for one in live.findings
        ]


def test_it_changes_nothing(tmp_path):
    trained = []
    for callbacks in ([], [Diagnosis(tmp_path, histogram_freq=1, probe=points()[0], verbose=0)]):
        model = network("relu", "tanh")
        history = model.fit(*points(), epochs=4, verbose=0, callbacks=callbacks).history
        trained.append((history, [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]))
    (history, plain), (watched_history, watched) = trained
    assert history == watched_history
    assert all(np.array_equal(one, other) for one, other in zip(plain, watched, strict=True))


def test_stop_on_ends_a_hopeless_training(capsys):
    diagnosis = Diagnosis(stop_on="weights_not_moving")
    history = network("relu", rate=1e-9).fit(*points(), epochs=50, verbose=0, callbacks=[diagnosis])
    assert len(history.epoch) == 3  # as soon as the sign has lasted
    assert "Training was stopped by stop_on: weights_not_moving." in capsys.readouterr().out
    unmoved = Diagnosis(stop_on=["nonfinite"], verbose=0)
    assert len(network("relu", rate=1e-9).fit(*points(), epochs=12, verbose=0, callbacks=[unmoved]).epoch) == 12
    at_any_error = Diagnosis(stop_on="error", verbose=0)
    assert len(network("relu", rate=1e-9).fit(*points(), epochs=12, verbose=0, callbacks=[at_any_error]).epoch) == 3


def test_nan_late_in_a_long_training_is_seen_in_its_epoch():
    class Spoil(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 74:
                self.model.layers[0].kernel.assign(self.model.layers[0].kernel * np.nan)

    diagnosis = Diagnosis(stop_on="nonfinite", verbose=0)
    history = network("relu").fit(*points(), epochs=90, verbose=0, callbacks=[Spoil(), diagnosis])
    assert len(history.epoch) == 75
    assert named(diagnosis.findings)[0] == "nonfinite"
    assert diagnosis.findings[0].epoch == 74


def test_what_it_prints(capsys):
    network("relu").fit(*points(), epochs=12, verbose=0, callbacks=[Diagnosis()])
    assert capsys.readouterr().out == "Diagnosis after 12 epochs: nothing found wrong.\n"
    network("relu", bias_initializer=keras.initializers.Constant(-50)).fit(
        *points(), epochs=12, verbose=0, callbacks=[Diagnosis(probe=points()[0])]
    )
    first, second, cures, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("Diagnosis after 12 epochs: ")
    assert second.startswith("error    dead_units: ")
    assert "of 30" in cures


def test_it_does_with_any_model_and_metric():
    """A linear model has no activation to watch, and a regression has no accuracy."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    diagnosis = Diagnosis(probe=points()[0], verbose=0)
    model.fit(*points(), epochs=4, verbose=0, callbacks=[diagnosis])
    assert diagnosis.findings == []
    assert diagnosis.evidence.activations is None
    assert [*diagnosis.evidence.metrics] == ["loss"]
    assert "classes" not in diagnosis.evidence.facts


def test_classes_are_read_off_the_loss_and_the_output():
    for loss, units, activation, classes in (
        ("sparse_categorical_crossentropy", 7, None, 7),
        (keras.losses.CategoricalCrossentropy(), 3, "softmax", 3),
        (keras.losses.BinaryCrossentropy(from_logits=True), 1, None, 2),
        ("binary_crossentropy", 5, "sigmoid", None),  # five labels, not five classes
        ("mse", 3, None, None),
        ("mse", 3, "softmax", 3),
        ("mse", 1, "sigmoid", 2),
        (lambda truth, predicted: keras.ops.mean(predicted), 3, None, None),
    ):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation)])
        model.compile("sgd", loss)
        diagnosis = Diagnosis(verbose=0)
        diagnosis.set_model(model)
        diagnosis.on_train_begin()
        diagnosis.on_train_end()
        assert diagnosis.evidence.facts.get("classes") == classes


def test_a_second_fit_goes_on_where_the_first_ended_or_starts_anew():
    model, diagnosis = network("relu"), Diagnosis(verbose=0)
    model.fit(*points(), epochs=3, verbose=0, callbacks=[diagnosis])
    model.fit(*points(), epochs=5, initial_epoch=3, verbose=0, callbacks=[diagnosis])
    assert diagnosis.evidence.epochs == [0, 1, 2, 3, 4]
    model.compile(keras.optimizers.SGD(0.1, clipnorm=1.0), "binary_crossentropy")  # the gradient monitor starts anew
    model.fit(*points(), epochs=7, initial_epoch=5, verbose=0, callbacks=[diagnosis])
    assert diagnosis.evidence.epochs == [5, 6]
    model.fit(*points(), epochs=2, verbose=0, callbacks=[diagnosis])
    assert diagnosis.evidence.epochs == [0, 1]


def test_an_unknown_rule_is_named():
    with pytest.raises(ValueError, match="stop_on names no rule 'vanishing'; there are error, nonfinite"):
        Diagnosis(stop_on=["vanishing"])


def test_a_truncated_event_file_is_read_up_to_the_damage(tmp_path):
    network("relu").fit(*points(), epochs=10, verbose=0, callbacks=[Diagnosis(tmp_path, verbose=0)])
    (path,) = tmp_path.glob("*tfevents*")
    whole = path.read_bytes()
    (complete,) = runs(tmp_path)
    assert complete.evidence.epochs == [*range(10)]
    assert complete.damaged == []
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


def test_runs_of_the_monitors_alone_with_keras_metrics_beside_them(tmp_path):
    callbacks = [
        GradientMonitor(tmp_path),
        WeightNormMonitor(tmp_path),
        keras.callbacks.TensorBoard(tmp_path, write_graph=False),
    ]
    history = network("relu").fit(*points(), epochs=4, validation_data=points(), verbose=0, callbacks=callbacks).history
    (run,) = runs(tmp_path)
    assert run.evidence.epochs == [0, 1, 2, 3]
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        np.testing.assert_allclose(run.evidence.metrics[name], history[name], rtol=1e-6)
    assert run.evidence.gradients.layers == callbacks[0].layers
    assert run.evidence.facts == {}


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
