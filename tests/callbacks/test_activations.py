import keras
import numpy as np
import pytest
from keras import Input, layers

from callbacks import ActivationMonitor

R = np.random.RandomState(0)
X, Y = R.normal(size=(40, 3)).astype("float32"), R.normal(size=(40, 1)).astype("float32")


def fit(model, monitor, x=X, y=Y, epochs=1):
    model.compile(keras.optimizers.SGD(0.0), "mse")
    model.fit(x, y, epochs=epochs, verbose=0, callbacks=[monitor])
    return monitor


def test_figures_are_numpys():
    keras.utils.set_random_seed(1)
    wide = keras.initializers.RandomNormal(stddev=2.0)
    stack = [layers.Dense(6, "tanh", kernel_initializer=wide, name="t"), layers.Dense(5, name="linear")]
    stack += [layers.ReLU(name="r"), layers.Dense(4, "sigmoid", kernel_initializer=wide, name="s"), layers.Dense(1)]
    model = keras.Sequential([Input((3,)), *stack])
    model.get_layer("linear").set_weights([R.normal(size=(6, 5)), np.array([0, 0, -99, 0, -99])])  # two dead units
    monitor = fit(model, ActivationMonitor(X))

    dense = lambda x, layer: x @ layer.kernel.numpy() + layer.bias.numpy()  # noqa: E731
    t = np.tanh(dense(X.astype("float64"), stack[0]))
    r = np.maximum(dense(t, stack[1]), 0)
    s = 1 / (1 + np.exp(-dense(r, stack[3])))
    assert monitor.layers == ["t", "r", "s"]
    history = {name: values[0] for name, values in monitor.history.items()}
    np.testing.assert_allclose(history["mean"], [a.mean() for a in (t, r, s)], rtol=1e-4)
    np.testing.assert_allclose(history["std"], [a.std() for a in (t, r, s)], rtol=1e-4)
    saturated = [(1 - t**2 < 0.1).mean(), np.nan, (s * (1 - s) < 0.025).mean()]
    assert 0 < saturated[0] < 1
    assert 0 < saturated[2] < 1
    np.testing.assert_allclose(history["saturated_fraction"], saturated, rtol=1e-5)
    np.testing.assert_allclose(history["dead_fraction"], [np.nan, 2 / 5, np.nan], rtol=1e-6)
    assert history["nonfinite"].tolist() == [0, 0, 0]


def test_a_convolutions_units_are_its_channels():
    images = R.normal(size=(10, 6, 6, 2)).astype("float32")
    convolution = layers.Conv2D(4, 3, activation="relu", name="c")
    model = keras.Sequential([Input((6, 6, 2)), convolution, layers.Flatten(), layers.Dense(1)])
    convolution.bias.assign([0, -99, 0, 0])
    monitor = fit(model, ActivationMonitor(images), images, Y[:10])
    assert monitor.history["dead_fraction"].tolist() == [[0.25]]
    output = keras.Model(model.inputs, convolution.output).predict(images, verbose=0)
    assert monitor.history["std"][0, 0] == pytest.approx(output.std(), rel=1e-5)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = keras.Sequential([layers.Dense(4, "tanh", name="inner"), layers.Activation("relu", name="act")])
        self.twice = layers.Dense(4, "tanh", name="twice")
        self.out = layers.Dense(1, name="out")

    def call(self, x):
        return self.out(self.twice(self.twice(self.block(x))))


def test_subclassed_nested_and_shared_layers():
    model = Subclassed()
    monitor = fit(model, ActivationMonitor(X))
    assert monitor.layers == ["inner", "act", "twice", "twice_2"]
    first = model.block(X)
    np.testing.assert_allclose(monitor.history["mean"][0, 2], np.mean(model.twice(first)), rtol=1e-4)
    np.testing.assert_allclose(monitor.history["mean"][0, 3], np.mean(model.twice(model.twice(first))), rtol=1e-4)
    assert "call" not in vars(model.twice)


def test_recurrent_layers_are_one_layer():
    sequences = R.normal(size=(10, 5, 3)).astype("float32")
    stack = [layers.LSTM(4, name="lstm", return_sequences=True), layers.Bidirectional(layers.GRU(3), name="both")]
    model = keras.Sequential([Input((5, 3)), *stack, layers.Dense(1)])
    monitor = fit(model, ActivationMonitor(sequences), sequences, Y[:10])
    assert monitor.layers == ["lstm"]
    output = keras.Model(model.inputs, stack[0].output).predict(sequences, verbose=0)
    assert monitor.history["mean"][0, 0] == pytest.approx(output.mean(), rel=1e-4)


def test_broken_activations_are_counted_and_left_out():
    x = X.copy()
    x[0, 0] = np.nan
    model = keras.Sequential([Input((3,)), layers.Dense(4, "tanh", name="t"), layers.Dense(1)])
    monitor = fit(model, ActivationMonitor(x))
    assert monitor.history["nonfinite"].tolist() == [[4]]
    assert np.isfinite(monitor.history["mean"]).all()
    assert np.isfinite(monitor.history["std"]).all()


@pytest.mark.parametrize("mode", [{}, {"jit_compile": True}, {"run_eagerly": True}])
def test_nothing_changes(mode, tmp_path):
    def train(callbacks):
        keras.utils.set_random_seed(4)
        hidden = [layers.Dense(8, "relu"), layers.BatchNormalization(), layers.Dropout(0.5)]
        model = keras.Sequential([Input((3,)), *hidden, layers.Dense(1)])
        model.compile("adam", "mse", **mode)
        history = model.fit(X, Y, epochs=3, verbose=0, callbacks=callbacks)
        return history.history, [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]

    plain, watched = train([]), train([ActivationMonitor(X, tmp_path)])
    assert plain[0] == watched[0]
    assert all(map(np.array_equal, plain[1], watched[1]))


def test_what_is_written_reads_back(tmp_path, read_tensors):
    model = keras.Sequential([Input((3,)), layers.Dense(4, "relu", name="hidden"), layers.Dense(1)])
    monitor = fit(model, ActivationMonitor(X, tmp_path), epochs=2)
    tensors = read_tensors(tmp_path)
    for name, values in monitor.history.items():
        np.testing.assert_allclose([tensors[f"activation_{name}/hidden"][e] for e in (0, 1)], values[:, 0], rtol=1e-6)
    assert "activation_history" in tensors


def test_a_model_without_activations_is_refused():
    model = keras.Sequential([Input((3,)), layers.Dense(1)])
    with pytest.raises(ValueError, match="has no layer with an activation"):
        fit(model, ActivationMonitor(X))
