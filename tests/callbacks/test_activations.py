import keras
import numpy as np
import pytest
from keras import Input, layers

from callbacks import ActivationMonitor, activations
from tests.callbacks.tape import array

R = np.random.RandomState(0)
X = R.normal(size=(40, 3)).astype("float32")


def recorded(model, batch):
    """The monitor after one epoch in which nothing was trained, which takes no compilation of a train step."""
    monitor = ActivationMonitor(batch)
    callbacks = keras.callbacks.CallbackList([monitor], model=model)
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(0)
    callbacks.on_epoch_end(0)
    callbacks.on_train_end()
    return monitor


def test_statistics_are_numpys():
    keras.utils.set_random_seed(1)
    wide = keras.initializers.RandomNormal(stddev=2.0, seed=1)
    stack = [layers.Dense(6, "tanh", kernel_initializer=wide, name="t"), layers.Dense(5, name="linear")]
    stack += [layers.ReLU(name="r"), layers.Dense(4, "sigmoid", kernel_initializer=wide, name="s"), layers.Dense(1)]
    model = keras.Sequential([Input((3,)), *stack])
    model.get_layer("linear").set_weights([R.normal(size=(6, 5)), np.array([0, 0, -99, 0, -99])])  # two dead units
    monitor = recorded(model, X)

    dense = lambda x, layer: x @ array(layer.kernel) + array(layer.bias)  # noqa: E731
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


@pytest.mark.parametrize("together", [1, 480, 2**20])
def test_layers_of_one_shape_are_computed_together_and_told_apart(together, monkeypatch):
    """Outputs of 40 x 6 alternate with such of 40 x 5, and up to one, two or all of them are stacked."""
    monkeypatch.setattr(activations, "MAX_TOGETHER", together)
    keras.utils.set_random_seed(1)
    kinds = [(6, "tanh"), (5, "relu"), (6, "sigmoid"), (5, "tanh"), (6, "relu"), (6, "tanh")]
    wide = keras.initializers.RandomNormal(stddev=2.0, seed=1)
    stack = [layers.Dense(units, kind, kernel_initializer=wide) for units, kind in kinds]
    monitor = recorded(keras.Sequential([Input((3,)), *stack]), X)
    assert monitor.layers == [layer.name for layer in stack]
    a = X
    for i, (layer, (_, kind)) in enumerate(zip(stack, kinds, strict=True)):
        a = array(layer(a)).astype("float64")
        slope = {"tanh": 1 - a**2, "sigmoid": 4 * a * (1 - a), "relu": np.full_like(a, np.nan)}[kind]
        expected = {
            "mean": a.mean(),
            "std": a.std(),
            "saturated_fraction": np.nan if kind == "relu" else (slope < 0.1).mean(),
            "dead_fraction": (a == 0).all(axis=0).mean() if kind == "relu" else np.nan,
            "nonfinite": 0,
        }
        found = {name: values[0, i] for name, values in monitor.history.items()}
        np.testing.assert_allclose([found[name] for name in expected], [*expected.values()], rtol=1e-4)


def test_a_convolutions_units_are_its_channels():
    images = R.normal(size=(10, 6, 6, 2)).astype("float32")
    convolution = layers.Conv2D(4, 3, activation="relu", name="c")
    model = keras.Sequential([Input((6, 6, 2)), convolution, layers.Flatten(), layers.Dense(1)])
    convolution.bias.assign([0, -99, 0, 0])
    monitor = recorded(model, images)
    assert monitor.history["dead_fraction"].tolist() == [[0.25]]
    assert monitor.history["std"][0, 0] == pytest.approx(np.std(array(convolution(images))), rel=1e-5)


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
    model(X[:1])
    monitor = recorded(model, X)
    assert monitor.layers == ["inner", "act", "twice", "twice_2"]
    first = model.block(X)
    np.testing.assert_allclose(monitor.history["mean"][0, 2], np.mean(array(model.twice(first))), rtol=1e-4)
    np.testing.assert_allclose(
        monitor.history["mean"][0, 3], np.mean(array(model.twice(model.twice(first)))), rtol=1e-4
    )
    assert "call" not in vars(model.twice)


def test_recurrent_layers_are_one_layer():
    sequences = R.normal(size=(10, 5, 3)).astype("float32")
    stack = [layers.LSTM(4, name="lstm", return_sequences=True), layers.Bidirectional(layers.GRU(3), name="both")]
    monitor = recorded(keras.Sequential([Input((5, 3)), *stack, layers.Dense(1)]), sequences)
    assert monitor.layers == ["lstm"]
    assert monitor.history["mean"][0, 0] == pytest.approx(np.mean(array(stack[0](sequences))), rel=1e-4)


def test_activations_that_are_not_finite_are_counted_and_left_out():
    x = X.copy()
    x[0, 0] = np.nan
    monitor = recorded(keras.Sequential([Input((3,)), layers.Dense(4, "tanh", name="t"), layers.Dense(1)]), x)
    assert monitor.history["nonfinite"].tolist() == [[4]]
    assert np.isfinite(monitor.history["mean"]).all()
    assert np.isfinite(monitor.history["std"]).all()


def test_each_epoch_sees_the_weights_that_the_model_has_then(tmp_path, read_tensors):
    keras.utils.set_random_seed(1)
    hidden = layers.Dense(4, "relu", name="hidden")
    model = keras.Sequential([Input((3,)), hidden, layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    monitor, means = ActivationMonitor(X, tmp_path), []
    look = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: means.append(np.mean(array(hidden(X)))))
    model.fit(X, X[:, :1], epochs=2, verbose=0, callbacks=[monitor, look])
    assert means[0] != pytest.approx(means[1], rel=1e-3)
    np.testing.assert_allclose(monitor.history["mean"][:, 0], means, rtol=1e-4)
    written = read_tensors(tmp_path)
    for name, values in monitor.history.items():
        found = written[f"layers/activation_{name}"]
        np.testing.assert_array_equal([found[0], found[1]], values.astype("float32"))


def test_a_model_without_activations_is_told_of():
    with pytest.warns(UserWarning, match="recorded nothing: Model 'linear' has no layer with an activation"):
        monitor = recorded(keras.Sequential([Input((3,)), layers.Dense(1)], name="linear"), X)
    assert monitor.epochs == monitor.layers == []
