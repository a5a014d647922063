"""What all monitors share: their arguments, checkpoints that do not know of them, runs that are interrupted."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import Input, layers
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from callbacks import ActivationMonitor, Diagnosis, GradientMonitor, WeightNormMonitor

ROOT = Path(__file__).parents[2]
X, Y = np.random.RandomState(0).normal(size=(32, 2)).astype("float32"), np.ones((32, 3), "float32")


def build():
    keras.utils.set_random_seed(1)
    hidden = [layers.Dense(3, "tanh", name=name) for name in ("one", "two")]
    model = keras.Sequential([Input((2,), name="input"), *hidden], name="model")
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    return model


@pytest.mark.slow
def test_checkpoints_do_not_know_the_callbacks(tmp_path):
    def train(callbacks, name):
        save = keras.callbacks.ModelCheckpoint(tmp_path / name)
        build().fit(X, Y, epochs=2, verbose=0, callbacks=[*callbacks, save])
        model = keras.models.load_model(tmp_path / name)
        return model, [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]

    plain, plain_values = train([], "plain.keras")
    watched, values = train([GradientMonitor(), WeightNormMonitor(), ActivationMonitor(X)], "watched.keras")
    assert watched.get_config() == plain.get_config()
    for one, other in zip(values, plain_values, strict=True):
        np.testing.assert_array_equal(one, other)
    watched.fit(X, Y, verbose=0)


def test_scalars_of_layers_are_the_charted_ones_unless_all_are_asked_for(tmp_path, read_tensors):
    model, charted = build(), {"gradient_abs_mean", "gradient_mean", "weight_l1", "weight_l1_change"}
    many = [
        GradientMonitor(tmp_path / "many", all_scalars=True),
        WeightNormMonitor(tmp_path / "many", all_scalars=True),
        ActivationMonitor(X, tmp_path / "many", all_scalars=True),
    ]
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[*many, Diagnosis(tmp_path / "few", probe=X, verbose=0)])
    asked = Diagnosis(probe=X, all_scalars=True)
    assert all(one.all_scalars for one in (asked.gradients, asked.weights, asked.activations))
    recorded = {f"{one.PREFIX}_{name}": values for one in many for name, values in one.history.items()}
    assert charted < {*recorded}
    for run, names in (("few", charted), ("many", {*recorded})):
        tensors = read_tensors(tmp_path / run)
        found = {tag: values for tag, values in tensors.items() if tag.endswith(("/one", "/two"))}
        assert {*found} == {f"{name}/{layer}" for name in names for layer in ("one", "two")}
        for tag, values in found.items():
            name, _, layer = tag.partition("/")
            expected = recorded[name][:, ["one", "two"].index(layer)].astype("float32")
            np.testing.assert_array_equal([values[0], values[1]], expected)


def test_a_name_that_is_no_layer_yet_is_nan_in_the_event_file_and_no_scalar(tmp_path, read_tensors):
    monitor = GradientMonitor(tmp_path)
    monitor.begin(["one", "two"])
    for epoch, columns in enumerate(([1], [0, 1])):
        monitor.record(epoch, dict.fromkeys(monitor.QUANTITIES, np.array([3.0, 4.0])), columns=columns)
    monitor.on_train_end()
    tensors = read_tensors(tmp_path)
    for name in monitor.QUANTITIES:
        written = tensors[f"layers/gradient_{name}"]
        np.testing.assert_array_equal([written[0], written[1]], [[np.nan, 4], [3, 4]])
    assert {*tensors["gradient_mean/one"]} == {1}
    assert {*tensors["gradient_mean/two"]} == {0, 1}


def test_metrics_are_written_once_whichever_callbacks_there_are(tmp_path):
    model = build()
    runs = {
        "gradients": lambda path: [GradientMonitor(path)],
        "weights": lambda path: [WeightNormMonitor(path)],
        "activations": lambda path: [ActivationMonitor(X, path)],
        "several": lambda path: [WeightNormMonitor(path), Diagnosis(path, verbose=0), GradientMonitor(path)],
    }
    callbacks = [callback for name, make in runs.items() for callback in make(tmp_path / name)]
    history = model.fit(X, Y, epochs=2, validation_data=(X, Y), verbose=0, callbacks=callbacks).history
    for name in runs:
        (path,) = (tmp_path / name).iterdir()
        values = [(one.step, value) for one in EventFileLoader(str(path)).Load() for value in one.summary.value]
        metrics = [(value.tag, step, value.tensor.float_val[0]) for step, value in values if "Summary/" in value.tag]
        of_loss = [(f"Summary/{key}", step, np.float32(history[key][step])) for step in (0, 1) for key in history]
        findings = [("Summary/findings", step, 0) for step in (0, 1)] if name == "several" else []
        assert sorted(metrics) == sorted(of_loss + findings)


@pytest.mark.slow
def test_backup_and_restore_in_the_middle_of_a_run(tmp_path):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 3:
                raise KeyboardInterrupt

    monitor = GradientMonitor(tmp_path / "run")
    backup = lambda: keras.callbacks.BackupAndRestore(tmp_path / "backup")  # noqa: E731
    with pytest.raises(KeyboardInterrupt):
        build().fit(X, Y, epochs=5, shuffle=False, verbose=0, callbacks=[monitor, backup(), Interrupt()])
    assert monitor.epochs == [0, 1, 2]
    build().fit(X, Y, epochs=5, shuffle=False, verbose=0, callbacks=[monitor, backup()])
    assert monitor.epochs == [0, 1, 2, 3, 4]

    through = GradientMonitor()
    build().fit(X, Y, epochs=5, shuffle=False, verbose=0, callbacks=[through])
    np.testing.assert_allclose(monitor.history["l2"], through.history["l2"], rtol=1e-5)


def test_bad_arguments_are_told_in_a_sentence():
    with pytest.raises(ValueError, match="histogram_freq must be 0"):
        GradientMonitor(histogram_freq=-1)
    with pytest.raises(ValueError, match="histogram_freq must be 0"):
        WeightNormMonitor(histogram_freq=1.5)
    with pytest.raises(ValueError, match=r"recorded nothing yet: plot after model\.fit"):
        GradientMonitor().plot()
    with pytest.raises(ValueError, match="Unknown quantity 'norm'; there are abs_mean"):
        GradientMonitor().plot("norm")


def test_another_backend_is_refused_in_a_sentence():
    program = "import keras; keras.backend.backend = lambda: 'openvino'; from callbacks import GradientMonitor"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert run.stderr.splitlines()[-1] == (
        "RuntimeError: These callbacks need Keras on TensorFlow, JAX or PyTorch, but Keras runs on openvino: "
        "set KERAS_BACKEND to tensorflow, jax or torch before Keras is imported."
    )
