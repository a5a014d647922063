import keras
import numpy as np
import pytest

from callbacks import GradientMonitor, WeightNormMonitor
from tests.callbacks.tape import array

X = np.random.RandomState(0).uniform(-1, 1, (40, 3)).astype("float32")
Y = X.sum(axis=1)


class Snapshots(keras.callbacks.Callback):
    """Keeps the kernels before training and after each epoch."""

    def on_train_begin(self, logs=None):
        self.kernels = [self.read()]

    def on_epoch_end(self, epoch, logs=None):
        self.kernels.append(self.read())

    def read(self):
        return [array(layer.kernel).astype("float64") for layer in self.model.layers]


def build():
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(4, "relu", name="first"), keras.layers.Dense(1, name="last")]
    model = keras.Sequential([keras.Input((3,)), *layers])
    model.compile(keras.optimizers.SGD(0.05), "mse")
    return model


def test_history_is_the_difference_of_the_weights():
    monitor, snapshots = WeightNormMonitor(), Snapshots()
    build().fit(X, Y, epochs=3, verbose=0, callbacks=[monitor, snapshots])
    assert monitor.layers == ["first", "last"]
    for epoch in range(3):
        for i in range(2):
            before, after = snapshots.kernels[epoch][i], snapshots.kernels[epoch + 1][i]
            change = np.abs(after - before).sum()
            assert monitor.history["l1"][epoch, i] == pytest.approx(np.abs(after).sum())
            assert monitor.history["l1_change"][epoch, i] == pytest.approx(change)
            assert monitor.history["update_ratio"][epoch, i] == pytest.approx(change / np.abs(before).sum())
    assert not monitor.history["nonfinite"].any()


def test_a_weight_that_is_not_finite_is_counted_in_its_epoch():
    """Whether it reaches the loss or not: with oneDNN on, the ReLU of NaN is 0."""
    monitor, model = WeightNormMonitor(), build()

    def spoil(epoch, logs):
        if epoch == 1:
            kernel = array(model.get_layer("first").kernel)
            kernel[0, 0] = np.nan
            model.get_layer("first").kernel.assign(kernel)

    spoiler = keras.callbacks.LambdaCallback(on_epoch_begin=spoil)
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[spoiler, monitor])
    first = monitor.history["nonfinite"][:, 0]
    assert first[0] == 0
    assert (first[1:] >= 1).all()
    kernel = array(model.get_layer("first").kernel)
    finite = kernel[np.isfinite(kernel)]
    np.testing.assert_allclose(monitor.history["l1"][2, 0], np.abs(finite).sum() if finite.size else np.nan, rtol=1e-6)


def test_both_monitors_share_one_event_file(tmp_path, read_tensors):
    monitors = [GradientMonitor(tmp_path, histogram_freq=1), WeightNormMonitor(tmp_path, histogram_freq=1)]
    model = build()
    model.fit(X, Y, epochs=2, verbose=0, callbacks=monitors)
    assert len(list(tmp_path.glob("*tfevents*"))) == 1
    tensors = read_tensors(tmp_path)
    for monitor in monitors:
        for name, values in monitor.history.items():
            written = tensors[f"layers/{monitor.PREFIX}_{name}"]
            np.testing.assert_array_equal([written[0], written[1]], values.astype("float32"))
    kernel = array(model.layers[0].kernel)
    histogram = tensors["first/kernel_0"][1]
    assert histogram[:, 2].sum() == kernel.size
    assert (histogram[0, 0], histogram[-1, 1]) == pytest.approx((kernel.min(), kernel.max()))


class Spoil(keras.callbacks.Callback):
    """Makes 15 weights of the first kernel NaN or infinite at the end of the second epoch."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            kernel = self.model.layers[0].kernel
            spoiled = array(kernel)
            spoiled[:2, :7], spoiled[2, 0] = np.nan, np.inf
            kernel.assign(spoiled)


def test_every_weight_of_a_large_kernel_that_is_not_finite_is_counted():
    """Few of the 15 are among those that are looked at."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((300,)), keras.layers.Dense(600), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    monitor = WeightNormMonitor()
    model.fit(np.zeros((8, 300)), np.zeros(8), epochs=2, verbose=0, callbacks=[Spoil(), monitor])
    assert len(monitor.sampled_elements) == 1
    assert monitor.history["nonfinite"][:, 0].tolist() == [0, 15]
