"""Run by test_distributed.py in a process of its own: two logical CPUs have to be set up before TensorFlow starts."""

import sys

import keras
import numpy as np
import tensorflow as tf

from callbacks import ActivationMonitor, GradientMonitor, WeightNormMonitor

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

MODE, DIRECTORY = sys.argv[1:]
R = np.random.RandomState(0)
X, Y = R.normal(size=(24, 6)).astype("float32"), R.normal(size=(24, 1)).astype("float32")


def train(strategy, callbacks, epochs=2):
    keras.utils.set_random_seed(2)
    with strategy.scope():
        hidden = [keras.layers.Dense(5, "tanh", name="one"), keras.layers.Dense(4, "relu", name="two")]
        model = keras.Sequential([keras.Input((6,)), *hidden, keras.layers.Dense(1, name="three")])
        optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
        model.compile(optimizer, "mse", run_eagerly=MODE == "eager")
    model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks)
    return model


if MODE == "mixed_float16":
    keras.mixed_precision.set_dtype_policy("mixed_float16")
two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert two.num_replicas_in_sync == 2
monitors = [GradientMonitor(DIRECTORY, histogram_freq=1), WeightNormMonitor(DIRECTORY), ActivationMonitor(X, DIRECTORY)]
single = [GradientMonitor(), WeightNormMonitor(), ActivationMonitor(X)]
watched, plain = train(two, monitors), train(two, [])
train(tf.distribute.get_strategy(), single)

for one, other in zip(watched.get_weights(), plain.get_weights(), strict=True):
    np.testing.assert_array_equal(one, other)
worst = 0
tolerance = {"rtol": 2e-2, "atol": 1e-4} if MODE == "mixed_float16" else {"rtol": 1e-4, "atol": 1e-6}
for monitor, expected in zip(monitors, single, strict=True):
    assert monitor.layers == expected.layers
    for name, values in expected.history.items():
        np.testing.assert_allclose(monitor.history[name], values, **tolerance)
        worst = max(worst, np.nanmax(np.abs(monitor.history[name] - values), initial=0))
assert monitors[0].sampled_steps_history.tolist() == [3, 3]
print(f"two replicas give the figures of one device, largest difference {worst:.1e}")
