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


@pytest.mark.parametrize("compiled", [{}, pytest.param({"jit_compile": True}, id="XLA")])
def test_what_is_read_together_is_what_is_read_apart(compiled):
    if compiled and backend.BACKENDS[keras.backend.backend()] == "PyTorch":
        pytest.skip("torch.compile needs a compiler")
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
    def fails():
        raise ValueError("no such thing")

    model = build()
    end = EpochEnd(model)
    end.add("good", backend.host_reading(lambda: 1))
    end.add("bad", backend.host_reading(fails))
    for _ in range(2):
        end.forget()
        assert end.read("good") == 1
        with pytest.raises(ValueError, match="no such thing"):
            end.read("bad")


def test_what_was_read_and_not_asked_for_is_forgotten_when_an_epoch_begins():
    numbers = iter(range(10))
    end = EpochEnd(build())
    end.add("asked", backend.host_reading(lambda: None))
    end.add("late", backend.host_reading(lambda: next(numbers)))
    end.read("asked")
    end.forget()
    assert end.read("late") == 1
