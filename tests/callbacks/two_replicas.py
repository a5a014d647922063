"""Run by test_distributed.py in a process of its own: two logical CPUs have to be set up before TensorFlow starts."""

import sys

import keras
import numpy as np
import tensorflow as tf

from callbacks import Diagnosis

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

DIRECTORY = sys.argv[1]
R = np.random.RandomState(0)
X, Y = R.normal(size=(24, 6)).astype("float32"), R.normal(size=(24, 1)).astype("float32")
ONE, TWO = tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert TWO.num_replicas_in_sync == 2


def train(strategy, callbacks, run_eagerly):
    keras.utils.set_random_seed(2)
    with strategy.scope():
        hidden = [keras.layers.Dense(5, "tanh", name="one"), keras.layers.Dense(4, "relu", name="two")]
        model = keras.Sequential([keras.Input((6,)), *hidden, keras.layers.Dense(1, name="three")])
        model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse", run_eagerly=run_eagerly)
    model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
    return model


for mode in ("graph", "eager", "mixed_float16"):
    keras.mixed_precision.set_dtype_policy("mixed_float16" if mode == "mixed_float16" else "float32")
    of_two = Diagnosis(DIRECTORY if mode == "graph" else None, 1, probe=X, verbose=0)
    of_one = Diagnosis(probe=X, verbose=0)
    watched, plain = (train(TWO, callbacks, mode == "eager") for callbacks in ([of_two], []))
    train(ONE, [of_one], mode == "eager")

    for one, other in zip(watched.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    tolerance = {"rtol": 2e-2, "atol": 1e-4} if mode == "mixed_float16" else {"rtol": 1e-4, "atol": 1e-6}
    for name in ("gradients", "weights", "activations"):
        monitor, expected = getattr(of_two, name), getattr(of_one, name)
        assert monitor.layers == expected.layers
        for quantity, values in expected.history.items():
            np.testing.assert_allclose(monitor.history[quantity], values, **tolerance)
    assert of_two.gradients.sampled_steps_history.tolist() == [3, 3]
    of_data = {"inputs", "targets", "sample_weights", "answers"}  # seen on one device only
    facts_of_two, facts_of_one = (
        {name: fact for name, fact in one.evidence.facts.items() if name not in of_data} for one in (of_two, of_one)
    )
    assert facts_of_two == facts_of_one
    print(f"{mode}: two replicas give the statistics of one device")

keras.mixed_precision.set_dtype_policy("float32")
again = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
watched, plain = (train(again, callbacks, False) for callbacks in ([Diagnosis(probe=X, verbose=0)], []))
for one, other in zip(watched.get_weights(), plain.get_weights(), strict=True):
    np.testing.assert_array_equal(one, other)
print("a second strategy in the process trains too")
