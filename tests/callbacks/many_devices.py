"""Trains on eight virtual devices of Keras on JAX, and compares what the callbacks record with one device.

Run by `test_only_jax.py` in a process of its own, because the number of devices is settled when JAX starts.
"""

import os

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"

import keras
import numpy as np
from keras import Input, layers

from callbacks import Diagnosis
from tests.callbacks.tape import array

R = np.random.RandomState(0)
X, Y = R.normal(size=(64, 8)).astype("float32"), R.normal(size=(64, 1)).astype("float32")


def train(distribution, callbacks):
    keras.distribution.set_distribution(distribution)
    keras.utils.set_random_seed(1)
    stack = [layers.Dense(16, "tanh", name="one"), layers.Dense(8, "relu", name="two"), layers.Dense(1, name="out")]
    model = keras.Sequential([Input((8,)), *stack])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    options = {"batch_size": 16, "shuffle": False, "epochs": 2, "verbose": 0}
    history = model.fit(X, Y, callbacks=callbacks, **options).history
    return history, [array(variable) for variable in model.variables]


def model_parallel():
    devices = keras.distribution.list_devices()
    mesh = keras.distribution.DeviceMesh((2, 4), ["batch", "model"], devices)
    layout = keras.distribution.LayoutMap(mesh)
    layout["one/kernel"] = (None, "model")
    layout["two/kernel"] = ("model", None)
    return keras.distribution.ModelParallel(layout_map=layout, batch_dim_name="batch")


assert len(keras.distribution.list_devices()) == 8
expected = Diagnosis(probe=X, verbose=0)
train(None, [expected])
for name, make in (("DataParallel", keras.distribution.DataParallel), ("ModelParallel", model_parallel)):
    distribution, diagnosis = make(), Diagnosis(probe=X, verbose=0)
    watched, plain = train(distribution, [diagnosis]), train(distribution, [])
    assert watched[0] == plain[0]
    for one, other in zip(watched[1], plain[1], strict=True):
        np.testing.assert_array_equal(one, other)
    assert diagnosis.trouble is None, diagnosis.trouble
    for monitor in ("gradients", "weights", "activations"):
        for quantity, values in getattr(expected, monitor).history.items():
            found = getattr(diagnosis, monitor).history[quantity]
            np.testing.assert_allclose(found, values, rtol=1e-4, atol=1e-6, err_msg=f"{name} {monitor} {quantity}")
    assert diagnosis.evidence.inputs[0].samples == expected.evidence.inputs[0].samples == 64
    print(f"{name}: the statistics of one device, and the same training as without callbacks")
