import keras
import numpy as np
import pytest
import tensorflow as tf

from callbacks import GradientMonitor
from callbacks._histogram_sample import SAMPLED_ELEMENTS
from callbacks._statistics import GradientStatistics, gradient_statistics
from callbacks.keras_internals import TrainFunctionTap
from callbacks.tensorboard.writer import BUCKETS

X = np.random.RandomState(0).uniform(-1, 1, (50, 2)).astype("float32")
Y = (X[:, 0] * X[:, 1] > 0).astype("float32")


def build(optimizer=None, **compiled):
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Dense(5, "tanh", name=f"dense_{i}") for i in (1, 2)]
    model = keras.Sequential([keras.Input((2,)), *layers, keras.layers.Dense(1, "sigmoid", name="dense_3")])
    model.compile(optimizer or keras.optimizers.SGD(0.1, momentum=0.9), "binary_crossentropy", **compiled)
    return model


def gradients_by_tape(model, epochs, batch_size):
    """Trains `model` by hand and returns, for each epoch, step and kernel, the gradient as float64."""
    loss = keras.losses.BinaryCrossentropy()
    kernels = [layer.kernel for layer in model.layers]
    record = []
    for _ in range(epochs):
        record.append([])
        for start in range(0, len(X), batch_size):
            x, y = X[start : start + batch_size], Y[start : start + batch_size, None]
            with tf.GradientTape() as tape:
                value = loss(y, model(x, training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            pairs = list(zip(gradients, model.trainable_variables, strict=True))
            record[-1].append([g.numpy().astype("float64") for g, v in pairs if any(v is k for k in kernels)])
            model.optimizer.apply_gradients(pairs)
    return record


@pytest.mark.parametrize("mode", [{}, {"jit_compile": True}, {"run_eagerly": True}, {"steps_per_execution": 2}])
def test_history_is_what_a_tape_finds(mode):
    monitor = GradientMonitor()
    build(**mode).fit(X, Y, epochs=3, batch_size=16, shuffle=False, verbose=0, callbacks=[monitor])

    steps = gradients_by_tape(build(), epochs=3, batch_size=16)
    expected = {
        "mean": lambda epoch, k: np.mean([step[k].mean() for step in epoch]),
        "abs_mean": lambda epoch, k: np.mean([np.abs(step[k]).mean() for step in epoch]),
        "l2": lambda epoch, k: np.mean([np.sqrt((step[k] ** 2).sum()) for step in epoch]),
        "max": lambda epoch, k: np.max([np.abs(step[k]).max() for step in epoch]),
        "zero_fraction": lambda epoch, k: np.mean([(step[k] == 0).mean() for step in epoch]),
        "nonfinite": lambda epoch, k: 0,
    }
    assert monitor.layers == ["dense_1", "dense_2", "dense_3"]
    assert monitor.epochs == [0, 1, 2]
    assert set(monitor.history) == set(expected)
    for name, figure in expected.items():
        wanted = [[figure(epoch, kernel) for kernel in range(3)] for epoch in steps]
        np.testing.assert_allclose(monitor.history[name], wanted, rtol=2e-4, atol=1e-8, err_msg=name)


def test_gradient_is_the_weight_change_over_the_learning_rate():
    model = build(keras.optimizers.SGD(0.5))
    before = [layer.kernel.numpy() for layer in model.layers]
    monitor = GradientMonitor()
    model.fit(X, Y, batch_size=50, verbose=0, callbacks=[monitor])
    for i, layer in enumerate(model.layers):
        gradient = (before[i] - layer.kernel.numpy()) / 0.5
        assert monitor.history["l2"][0, i] == pytest.approx(np.linalg.norm(gradient), rel=1e-4)
        assert monitor.history["mean"][0, i] == pytest.approx(gradient.mean(), rel=1e-3)


def test_training_is_bit_identical_with_and_without():
    def train(callbacks):
        model = build(keras.optimizers.Adam(0.01))
        history = model.fit(X, Y, epochs=3, batch_size=16, verbose=0, callbacks=callbacks)
        return history.history, [variable.numpy() for variable in model.variables + model.optimizer.variables]

    plain, watched = train([]), train([GradientMonitor()])
    assert plain[0] == watched[0]
    for one, other in zip(plain[1], watched[1], strict=True):
        np.testing.assert_array_equal(one, other)


def statistics_of(gradient):
    """The statistics of one gradient, numbers."""
    return GradientStatistics(
        *(float(of_all[0]) for of_all in gradient_statistics([tf.constant(gradient, tf.float32)]))
    )


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1.0, 1e25])
def test_norm_neither_underflows_nor_overflows(scale):
    gradient = np.array([[3.0, -4.0], [0.0, 0.0]]) * scale
    found = statistics_of(gradient)
    assert found.l2 == pytest.approx(5 * scale)
    assert found.mean == pytest.approx(-0.25 * scale)
    assert found.abs_mean == pytest.approx(1.75 * scale)
    assert found.max == pytest.approx(4 * scale)
    assert (found.zero_fraction, found.nonfinite, found.finite, found.clipped) == (0.5, 0, 1, 0)


def test_nonfinite_elements_are_counted_and_left_out():
    found = statistics_of([[np.nan, np.inf], [0.0, 2.0]])
    expected = GradientStatistics(mean=1, abs_mean=1, l2=2, zero_fraction=0.5, nonfinite=2, finite=1, clipped=0, max=2)
    assert found == expected
    assert statistics_of([[np.nan]]) == GradientStatistics(0, 0, 0, 0, nonfinite=1, finite=0, clipped=0, max=0)


def test_a_model_that_breaks_is_recorded_to_the_end(tmp_path):
    x = X.copy()
    x[-1, 0] = np.nan  # the last batch of the first epoch turns every weight to NaN
    monitor = GradientMonitor(tmp_path, histogram_freq=1)
    build().fit(x, Y, epochs=2, batch_size=16, shuffle=False, verbose=0, callbacks=[monitor])
    sizes = np.array([10, 25, 5])
    np.testing.assert_array_equal(monitor.history["nonfinite"], [sizes, 4 * sizes])
    assert np.isfinite(monitor.history["l2"][0]).all()
    assert np.isnan(monitor.history["l2"][1]).all()
    assert monitor.plot().axes


def test_the_model_is_as_it_was_after_fit():
    model = build()
    model.fit(X, Y, verbose=0)
    own = model.train_function
    monitor = GradientMonitor()
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[monitor])
    assert model.train_function is own
    assert "apply" not in vars(model.optimizer)
    model.fit(X, Y, verbose=0)
    assert monitor.history["mean"].shape == (2, 3)


def test_a_model_fitted_before_is_recorded():
    model = build()
    model.fit(X, Y, verbose=0)
    monitor = GradientMonitor()
    model.fit(X, Y, verbose=0, callbacks=[monitor])
    assert (monitor.history["abs_mean"] > 0).all()


class Failing(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


def test_interrupted_fit_leaves_no_trace():
    model = build()
    monitor = GradientMonitor()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=2, batch_size=50, shuffle=False, verbose=0, callbacks=[monitor, Failing()])
    assert "apply" not in vars(model.optimizer)
    assert monitor.history["mean"].shape == (1, 3)

    before = monitor._recorder.totals.read()
    model.fit(X, Y, batch_size=50, shuffle=False, verbose=0)
    assert monitor._recorder.totals.read()[1] == before[1]  # the old monitor sees nothing of it
    np.testing.assert_array_equal(monitor._recorder.totals.read()[0], before[0])

    same = build()
    same.fit(X, Y, epochs=2, batch_size=50, shuffle=False, verbose=0)
    for one, other in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_exception_inside_the_step_puts_the_model_right_at_once():
    model = build()

    def generator():
        yield X[:16], Y[:16]
        raise RuntimeError("the data is broken")

    with pytest.raises(Exception, match="the data is broken"):
        model.fit(generator(), verbose=0, callbacks=[GradientMonitor()])
    assert not isinstance(model.train_function, TrainFunctionTap)
    assert "apply" not in vars(model.optimizer)


def test_two_monitors_at_once_see_the_same():
    first, second = GradientMonitor(), GradientMonitor()
    model = build()
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[first, second])
    for name in first.history:
        np.testing.assert_array_equal(first.history[name], second.history[name])
    assert not isinstance(model.train_function, TrainFunctionTap)


def test_a_second_fit_starts_anew_and_initial_epoch_resumes():
    model, monitor = build(), GradientMonitor()
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[monitor])
    before = monitor.history["l2"]
    model.fit(X, Y, epochs=4, initial_epoch=2, verbose=0, callbacks=[monitor])
    assert monitor.epochs == [0, 1, 2, 3]
    np.testing.assert_array_equal(monitor.history["l2"][:2], before[:2])
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[monitor])
    assert monitor.epochs == [0]


def test_a_kernel_without_gradient_is_marked_and_the_others_are_right():
    inputs = keras.Input((2,))
    used = keras.layers.Dense(1, "sigmoid", name="used")(inputs)
    unused = keras.layers.Dense(3, name="unused")(inputs)
    model = keras.Model(inputs, [used, unused])
    model.compile(keras.optimizers.SGD(0.5), ["binary_crossentropy", None])
    monitor = GradientMonitor()
    model.fit(X, [Y, Y], verbose=0, callbacks=[monitor])
    history = {name: dict(zip(monitor.layers, values[0], strict=True)) for name, values in monitor.history.items()}
    assert history["abs_mean"]["used"] > 0
    assert np.isnan(history["abs_mean"]["unused"])


def test_histogram_pools_every_step(tmp_path, read_tensors):
    monitor = GradientMonitor(tmp_path, histogram_freq=2)
    build().fit(X, Y, epochs=3, batch_size=16, shuffle=False, verbose=0, callbacks=[monitor])
    histograms = read_tensors(tmp_path)["dense_2/kernel_0_grad"]
    assert sorted(histograms) == [0, 2]
    assert histograms[2].shape == (BUCKETS, 3)
    assert histograms[2][:, 2].sum() == 4 * 25  # steps by elements
    steps = np.array([step[1] for step in gradients_by_tape(build(), epochs=3, batch_size=16)[2]])
    counts, edges = np.histogram(steps, BUCKETS)
    np.testing.assert_allclose(histograms[2][:, 0], edges[:-1], rtol=1e-3, atol=1e-7)
    assert np.abs(histograms[2][:, 2] - counts).sum() <= 4  # values on an edge may fall to either side


def test_histogram_of_a_large_kernel_is_a_sample(tmp_path, read_tensors):
    model = keras.Sequential([keras.Input((100,)), keras.layers.Dense(100, name="large"), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.random.RandomState(1).normal(size=(20, 100))
    monitor = GradientMonitor(tmp_path, histogram_freq=1)
    model.fit(x, x[:, :1], batch_size=10, verbose=0, callbacks=[monitor])
    assert read_tensors(tmp_path)["large/kernel_0_grad"][0][:, 2].sum() == 2 * SAMPLED_ELEMENTS


def test_bad_input_is_told_in_a_sentence():
    with pytest.raises(ValueError, match="histogram_freq must be 0"):
        GradientMonitor(histogram_freq=-1)
    with pytest.raises(ValueError, match="recorded nothing yet"):
        GradientMonitor().plot()
    with pytest.raises(ValueError, match="Unknown quantity 'norm'; there are abs_mean"):
        GradientMonitor().plot("norm")
    model = build()
    for layer in model.layers:
        layer.trainable = False
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="has no kernel to watch"):
        model.fit(X, Y, verbose=0, callbacks=[GradientMonitor()])
