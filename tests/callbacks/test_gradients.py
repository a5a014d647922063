"""GradientMonitor: what it records, and that the model is as it was after `fit`.

`test_training_modes.py` has the modes of training.
"""

import keras
import numpy as np
import pytest

from callbacks import GradientMonitor
from callbacks._histogram_sample import SAMPLED_ELEMENTS
from callbacks.tensorboard.writer import BUCKETS
from callbacks.train_function import TrainFunctionTap
from tests.callbacks.tape import BACKEND, STATISTICS, STEP, array, gradients_by_tape, largest_error

X = np.random.RandomState(0).uniform(-1, 1, (50, 2)).astype("float32")
Y = (X[:, :1] * X[:, 1:] > 0).astype("float32")
IN_ORDER = {"batch_size": 16, "shuffle": False, "verbose": 0}
"""Arguments of `fit`: three batches of 16 samples and one of 2, the same ones in every epoch."""


def build(optimizer=None, make=keras.Model):
    keras.utils.set_random_seed(3)
    inputs = keras.Input((2,))
    hidden = keras.layers.Dense(5, "tanh", name="dense_1")(inputs)
    hidden = keras.layers.Dense(5, "tanh", name="dense_2")(hidden)
    model = make(inputs, keras.layers.Dense(1, "sigmoid", name="dense_3")(hidden))
    model.compile(optimizer or keras.optimizers.SGD(0.1, momentum=0.9), "binary_crossentropy")
    model.optimizer.build(model.trainable_variables)  # otherwise TensorFlow traces the first train step twice
    return model


def assert_untouched(model):
    """The model trains by its own functions again."""
    assert not isinstance(model.train_function, TrainFunctionTap)
    assert "apply" not in vars(model.optimizer)


@pytest.fixture(scope="module")
def three_epochs(tmp_path_factory):
    """Two monitors of one training, the log directory of the first, and each epoch's gradients as a tape finds them."""
    log_dir = tmp_path_factory.mktemp("three_epochs")
    monitors = [GradientMonitor(log_dir, histogram_freq=2), GradientMonitor()]
    model = build()
    model.fit(X, Y, epochs=3, **IN_ORDER, callbacks=monitors)
    assert_untouched(model)
    twin = build()
    return monitors, log_dir, [gradients_by_tape(twin, X, Y, 16) for _ in range(3)]


@pytest.mark.xdist_group("three_epochs")
def test_history_is_what_a_tape_finds(three_epochs):
    (monitor, _), _, epochs = three_epochs
    assert monitor.layers == ["dense_1", "dense_2", "dense_3"]
    assert monitor.epochs == [0, 1, 2]
    assert set(monitor.history) == set(STATISTICS)
    assert all(values.shape == (3, 3) for values in monitor.history.values())
    for epoch, steps in enumerate(epochs):
        assert largest_error(monitor.history, steps, epoch) < 2e-4


@pytest.mark.xdist_group("three_epochs")
def test_histogram_pools_every_step(three_epochs, read_tensors):
    _, log_dir, epochs = three_epochs
    histograms = read_tensors(log_dir)["dense_2/kernel_0_grad"]
    assert sorted(histograms) == [0, 2]
    for epoch, histogram in histograms.items():
        counts, edges = np.histogram([kernels[1] for kernels in epochs[epoch]], BUCKETS)
        assert histogram.shape == (BUCKETS, 3)
        assert histogram[:, 2].sum() == 4 * 25  # steps by elements
        np.testing.assert_allclose(histogram[:, 0], edges[:-1], rtol=1e-3, atol=1e-7)
        assert np.abs(histogram[:, 2] - counts).sum() <= 4  # values on an edge may fall to either side


@pytest.mark.xdist_group("three_epochs")
def test_two_monitors_at_once_see_the_same(three_epochs):
    (first, second), _, _ = three_epochs
    for name in first.history:
        np.testing.assert_array_equal(first.history[name], second.history[name])


def test_gradient_is_the_weight_change_over_the_learning_rate():
    model = build(keras.optimizers.SGD(0.5))
    kernels = [model.get_layer(f"dense_{i}").kernel for i in (1, 2, 3)]
    before = [array(kernel) for kernel in kernels]
    monitor = GradientMonitor()
    model.fit(X, Y, batch_size=50, verbose=0, callbacks=[monitor])
    for i, kernel in enumerate(kernels):
        gradient = (before[i] - array(kernel)) / 0.5
        assert monitor.history["l2"][0, i] == pytest.approx(np.linalg.norm(gradient), rel=1e-4)
        assert monitor.history["mean"][0, i] == pytest.approx(gradient.mean(), rel=1e-3)


@pytest.mark.slow
def test_training_is_bit_identical_with_and_without():
    """Keras shuffles the samples here, by random numbers that the monitor must not draw."""

    def train(callbacks):
        model = build(keras.optimizers.Adam(0.01))
        history = model.fit(X, Y, epochs=3, batch_size=16, verbose=0, callbacks=callbacks)
        return history.history, [array(variable) for variable in model.variables + model.optimizer.variables]

    plain, watched = train([]), train([GradientMonitor()])
    assert plain[0] == watched[0]
    for one, other in zip(plain[1], watched[1], strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_that_breaks_is_recorded_to_the_end(tmp_path):
    x = X.copy()
    x[-1, 0] = np.nan  # the last batch of the first epoch turns every weight to NaN
    model, monitor = build(), GradientMonitor(tmp_path, histogram_freq=1)
    model.compile(model.optimizer, "mse")  # PyTorch refuses cross-entropy with NaN
    model.fit(x, Y, epochs=2, **IN_ORDER, callbacks=[monitor])
    sizes = np.array([10, 25, 5])
    np.testing.assert_array_equal(monitor.history["nonfinite"], [sizes, 4 * sizes])
    assert np.isfinite(monitor.history["l2"][0]).all()
    assert np.isnan(monitor.history["l2"][1]).all()
    assert monitor.plot().axes


def test_the_model_is_as_it_was_after_fit():
    model, monitor = build(), GradientMonitor()
    model.fit(X, Y, verbose=0)
    own = model.train_function
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[monitor])
    assert (monitor.history["abs_mean"] > 0).all()  # though the model was compiled before
    assert model.train_function is own
    assert_untouched(model)
    model.fit(X, Y, verbose=0)
    assert monitor.history["mean"].shape == (2, 3)


class Interrupt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


def test_interrupted_fit_leaves_no_trace():
    model, monitor = build(), GradientMonitor()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=2, **IN_ORDER, callbacks=[monitor, Interrupt()])
    assert "apply" not in vars(model.optimizer)
    assert monitor.history["mean"].shape == (1, 3)

    before = monitor.history["l2"]
    model.fit(X, Y, **IN_ORDER)
    assert_untouched(model)
    np.testing.assert_array_equal(monitor.history["l2"], before)  # the interrupted monitor records nothing of it

    same = build()
    same.fit(X, Y, epochs=2, **IN_ORDER)
    for one, other in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_exception_inside_the_step_restores_the_model_at_once():
    model, steps = build(), []
    count = keras.callbacks.LambdaCallback(on_train_batch_end=lambda step, logs: steps.append(step))

    def generator():
        for _ in range(9):  # Keras reads the first few before training begins
            yield X[:16], Y[:16]
        raise RuntimeError("the data is broken")

    with pytest.raises(Exception, match="the data is broken"):
        model.fit(generator(), verbose=0, callbacks=[GradientMonitor(), count])
    assert steps
    assert_untouched(model)


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
    unused = history["abs_mean"]["unused"]
    assert unused == 0 if BACKEND == "jax" else np.isnan(unused)  # JAX gives every variable a gradient


def test_layers_unfrozen_between_two_fits_are_recorded():
    model, monitor = build(), GradientMonitor()
    model.get_layer("dense_2").trainable = False
    model.compile("sgd", "binary_crossentropy")
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[monitor])
    assert monitor.layers == ["dense_1", "dense_3"]
    model.get_layer("dense_2").trainable = True
    model.compile("sgd", "binary_crossentropy")
    model.fit(X, Y, epochs=4, initial_epoch=2, verbose=0, callbacks=[monitor])
    assert monitor.layers == ["dense_1", "dense_2", "dense_3"]
    assert monitor.history["l2"].shape == (2, 3)
    assert (monitor.history["l2"] > 0).all()


@pytest.mark.parametrize("clip", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_share_of_clipped_steps(clip):
    make = lambda **options: build(keras.optimizers.SGD(0.0, **options))  # noqa: E731
    model, sizes = make(), []
    is_kernel = [len(variable.shape) == 2 for variable in model.trainable_variables]
    for start in range(0, 50, 16):
        gradients = STEP(model, *[keras.ops.convert_to_tensor(part[start : start + 16]) for part in (X, Y)], None)
        global_norm = np.sqrt(sum((g**2).sum() for g in gradients))
        size = {
            "clipnorm": np.linalg.norm,
            "global_clipnorm": lambda g, norm=global_norm: norm,
            "clipvalue": lambda g: np.abs(g).max(),
        }[clip]
        sizes.append([size(g) for g, counts in zip(gradients, is_kernel, strict=True) if counts])
    limit, monitor = float(np.mean(sizes)), GradientMonitor()
    make(**{clip: limit}).fit(X, Y, **IN_ORDER, callbacks=[monitor])
    shares = (np.array(sizes) > limit).mean(axis=0)
    assert shares.max() > 0
    assert shares.min() < 1
    np.testing.assert_allclose(monitor.history["clipped_fraction"][0], shares, rtol=1e-6)


def test_sampled_steps_are_evenly_spaced():
    sampling, every = GradientMonitor(sampled_steps=2), GradientMonitor(sampled_steps=None)
    make = lambda: build(keras.optimizers.SGD(0.0))  # noqa: E731
    make().fit(X, Y, batch_size=9, shuffle=False, verbose=0, callbacks=[sampling, every])
    steps = gradients_by_tape(make(), X, Y, 9)
    assert len(steps) == 6
    assert sampling.sampled_steps_history.tolist() == [2]
    assert every.sampled_steps_history.tolist() == [6]
    assert largest_error(sampling.history, [steps[0], steps[3]]) < 2e-4
    assert largest_error(every.history, steps) < 2e-4


@pytest.mark.slow
def test_by_default_as_many_steps_are_seen_as_the_size_of_the_kernels_allows():
    x = np.ones((240, 6))

    def sampled(units, batch_size):
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(units), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        monitor = GradientMonitor()
        model.fit(x, x[:, :1], batch_size=batch_size, verbose=0, callbacks=[monitor])
        return monitor.sampled_steps_history.tolist()

    assert sampled(100, 4) == [60]  # all
    assert sampled(100, 2) == [60]  # at most 100, so every second of 120
    assert sampled(1_000_000, 4) == [15]  # 7 million elements: 16 steps at most, so every fourth of 60


def test_histogram_of_a_large_kernel_is_a_sample(tmp_path, read_tensors):
    model = keras.Sequential([keras.Input((100,)), keras.layers.Dense(100, name="large"), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.random.RandomState(1).normal(size=(20, 100))
    model.fit(x, x[:, :1], batch_size=10, verbose=0, callbacks=[GradientMonitor(tmp_path, histogram_freq=1)])
    assert read_tensors(tmp_path)["large/kernel_0_grad"][0][:, 2].sum() == 2 * SAMPLED_ELEMENTS


@pytest.mark.parametrize("bad", [0, -1, 1.5, "all"])
def test_bad_sampled_steps(bad):
    with pytest.raises(ValueError, match="sampled_steps must be"):
        GradientMonitor(sampled_steps=bad)


def test_bad_optimizer():
    with pytest.raises(ValueError, match="optimizer must be a Keras optimizer"):
        GradientMonitor(optimizer="adam")
