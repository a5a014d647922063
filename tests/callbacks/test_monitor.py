"""What all monitors share: their arguments, checkpoints that do not know of them, runs that are interrupted."""

import keras
import numpy as np
import pytest
from keras import Input, layers

from callbacks import ActivationMonitor, GradientMonitor, WeightNormMonitor

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


@pytest.mark.parametrize("make", [GradientMonitor, WeightNormMonitor, lambda: ActivationMonitor(X)])
def test_another_backend_is_refused(make, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(RuntimeError, match="needs Keras on TensorFlow, but Keras runs on jax"):
        make()
