"""Callbacks that stand next to each other read together; what stands between them is seen by those after it."""

import keras
import numpy as np
import pytest

from callbacks import ActivationMonitor, Diagnosis, GradientMonitor, WeightNormMonitor, backend
from callbacks._epoch_end import EpochEnd
from tests.callbacks.tape import array

X = np.random.RandomState(0).uniform(-1, 1, (40, 3)).astype("float32")
Y = X.sum(axis=1)


def build(**options):
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(4, "tanh", name="first"), keras.layers.Dense(1, name="last")]
    model = keras.Sequential([keras.Input((3,)), *layers])
    model.compile(keras.optimizers.SGD(0.05), "mse", **options)
    return model


IS_TORCH = keras.backend.backend() == "torch"
XLA = pytest.param(
    {"jit_compile": True}, id="XLA", marks=pytest.mark.skipif(IS_TORCH, reason="torch.compile needs a compiler")
)


class Between(keras.callbacks.Callback):
    """Adds 1 to the first kernel at each epoch's end, or 0."""

    def __init__(self, added=0.0):
        super().__init__()
        self.added = added

    def on_epoch_end(self, epoch, logs=None):
        kernel = self.model.get_layer("first").kernel
        kernel.assign(array(kernel) + self.added)


class Ends(keras.callbacks.Callback):
    """Notes by how many `EpochEnd`s callbacks read."""

    def __init__(self, watched):
        super().__init__()
        self.watched = watched

    def on_epoch_end(self, epoch, logs=None):
        self.number = len({id(one.epoch_end) for one in self.watched})


@pytest.mark.parametrize("compiled", [{}, XLA])
def test_what_is_read_together_is_what_is_read_apart(compiled):
    histories = []
    for apart in (False, True):
        gradients, weights, activations = monitors = [GradientMonitor(), WeightNormMonitor(), ActivationMonitor(X)]
        given = [gradients, Between(), weights, Between(), activations] if apart else monitors
        ends = Ends(monitors)
        build(**compiled).fit(X, Y, epochs=3, batch_size=8, verbose=0, callbacks=[*given, ends])
        assert ends.number == (3 if apart else 1)
        assert gradients.sampled_steps_history.tolist() == [5, 5, 5]
        histories.append([monitor.history for monitor in monitors])
    for together, alone in zip(*histories, strict=True):
        for name, values in together.items():
            np.testing.assert_allclose(values, alone[name], rtol=2e-5, atol=1e-7, err_msg=name)


def test_a_callback_between_two_monitors_is_seen_by_the_second():
    weights = WeightNormMonitor()
    model = build()
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[GradientMonitor(), Between(1.0), weights])
    assert weights.history["l1"][-1, 0] == pytest.approx(np.abs(array(model.get_layer("first").kernel)).sum())


def test_the_monitors_of_a_diagnosis_read_together_with_its_predictions():
    diagnosis = Diagnosis(probe=X, verbose=0)
    ends = Ends([diagnosis, diagnosis.gradients, diagnosis.weights, diagnosis.activations])
    model = build()
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[diagnosis, ends])
    assert ends.number == 1
    seen = diagnosis.evidence.predictions.history
    assert (seen["lowest"] < seen["highest"]).all()
    assert (np.diff(seen["highest"], axis=0) != 0).all()  # each epoch has its own


def test_what_one_cannot_read_the_others_can():
    model = build()
    end = EpochEnd(model)
    end.add("good", backend.host_reading(lambda: 1))
    end.add("bad", backend.host_reading(fails))
    for _ in range(2):
        end.forget()
        assert end.read("good") == 1
        with pytest.raises(ValueError, match="no such thing"):
            end.read("bad")


@pytest.mark.parametrize("compiled", [XLA])
def test_results_that_nobody_asked_for_are_forgotten_when_an_epoch_begins(compiled):
    model = build(**compiled)
    kernel = model.get_layer("first").kernel
    end = EpochEnd(model)
    for owner in ("asks", "does not"):
        end.add(owner, backend.compiled([kernel], lambda: keras.ops.sum(kernel.value)))
    before = end.read("asks")
    kernel.assign(array(kernel) + 1)
    end.forget()
    assert end.read("does not") == pytest.approx(before + 12, rel=1e-5)


class Spoils(keras.callbacks.Callback):
    """Makes the reading of another callback fail in the second epoch."""

    def __init__(self, spoiled):
        super().__init__()
        self.spoiled = spoiled

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.spoiled.epoch_end.add(self.spoiled, backend.host_reading(fails))


def fails():
    raise ValueError("no such thing")


@pytest.mark.parametrize("compiled", [{}, XLA])
def test_a_reading_that_fails_costs_the_others_nothing(compiled):
    monitors = [GradientMonitor(), ActivationMonitor(X), WeightNormMonitor()]
    with pytest.warns(UserWarning, match="ActivationMonitor failed after epoch 1: ValueError: no such thing"):
        build(**compiled).fit(X, Y, epochs=3, batch_size=8, verbose=0, callbacks=[*monitors, Spoils(monitors[1])])
    assert monitors[0].sampled_steps_history.tolist() == [5, 5, 5]
    assert np.isfinite(monitors[0].history["abs_mean"]).all()
    assert [monitor.epochs for monitor in monitors] == [[0, 1, 2], [0], [0, 1, 2]]


@pytest.mark.parametrize("compiled", [{}, XLA])
def test_a_model_that_its_first_step_builds_is_recorded_from_then_on(compiled):
    """Its monitors add what they read while the step is traced; with Adam only the second trace of it runs."""
    model = keras.Sequential([keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])
    model.compile("adam", "mse", **compiled)
    diagnosis = Diagnosis(probe=X, verbose=0)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[diagnosis])
    assert diagnosis.trouble is None
    assert all(np.isfinite(values).all() for values in diagnosis.evidence.gradients.history.values())
    if diagnosis.evidence.predictions is not None:
        assert all(np.isfinite(values).all() for values in diagnosis.evidence.predictions.history.values())
