"""The monitors on each kind of device that this machine has."""

import keras
import numpy as np
import pytest
from keras import layers

from callbacks import ActivationMonitor, Diagnosis, GradientMonitor, WeightNormMonitor
from tests.callbacks.same_training import assert_same_training, sequential
from tests.callbacks.tape import BACKEND, array, gradients_by_tape, largest_error

R = np.random.RandomState(0)
X, Y = R.normal(size=(24, 6)).astype("float32"), R.normal(size=(24, 1)).astype("float32")


def has_gpu():
    if BACKEND == "tensorflow":
        import tensorflow

        return bool(tensorflow.config.list_physical_devices("GPU"))
    if BACKEND == "torch":
        import torch

        return torch.cuda.is_available()
    import jax

    return any(device.platform == "gpu" for device in jax.devices())


GPU = pytest.param("gpu", marks=[pytest.mark.gpu, pytest.mark.skipif(not has_gpu(), reason="no GPU")])


def build():
    # One kernel has so many elements that only some of them are looked at.
    return sequential(lambda: layers.Dense(400, "tanh"), lambda: layers.Dense(400, "relu"), lambda: layers.Dense(1))


@pytest.mark.parametrize("device", ["cpu", GPU])
def test_a_training_on_this_device(device, tmp_path):
    with keras.device(device):
        by_tape = gradients_by_tape(build(), X, Y, 8)
        exact = GradientMonitor(tmp_path, histogram_freq=1, sampled_steps=None)
        others = [WeightNormMonitor(tmp_path), ActivationMonitor(X, tmp_path), Diagnosis(probe=X, verbose=0)]
        model, told = assert_same_training(build, exact, *others, x=X, y=Y, epochs=1)
    assert not told
    assert largest_error(exact.history, by_tape) < 2e-3  # a GPU may multiply in TF32
    kernel = array(model.layers[1].kernel)
    assert others[0].sampled_elements == {model.layers[1].name: 65536}
    assert others[0].history["l1"][0, 1] == pytest.approx(np.abs(kernel).sum(), rel=0.02)
