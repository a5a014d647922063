import keras
import numpy as np
import pytest

from callbacks import GradientMonitor, WeightNormMonitor
from tutorials.lab.data import two_circles
from tutorials.lab.runs import new_run
from tutorials.lab.training import compiled_model, epochs_of, fit
from tutorials.vanishing import deep_relu, deep_tanh, shallow_tanh

TRAIN, TEST = two_circles()
EPOCHS = 6


def plain_port(model, seed):
    """The tutorial ported plainly: Keras's own `fit` on arrays, validation each epoch; only the shuffling is ours."""
    history = {}
    for _, (x, y) in zip(range(EPOCHS), epochs_of(TRAIN, seed), strict=False):
        logs = model.fit(x.numpy(), y.numpy(), shuffle=False, validation_data=TEST, verbose=0).history
        history = {name: history.get(name, []) + values for name, values in logs.items()}
    return history


@pytest.mark.parametrize("script", [shallow_tanh, deep_tanh, deep_relu])
def test_fit_computes_what_keras_computes(script):
    ours, plain = compiled_model(script.EXPERIMENT, seed=2), compiled_model(script.EXPERIMENT, seed=2)
    start = ours.get_weights()
    history = fit(ours, TRAIN, TEST, EPOCHS, seed=2).history
    expected = plain_port(plain, seed=2)
    assert set(history) == set(expected) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-4, err_msg=name)
    for before, one, other in zip(start, ours.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
        assert not np.array_equal(before, one)
    assert int(ours.optimizer.iterations) == EPOCHS * 16


def test_every_epoch_is_a_new_order_of_all_points_drawn_from_the_seed():
    def two_epochs(seed):
        return [x.numpy() for (x, _), _ in zip(epochs_of(TRAIN, seed), range(2), strict=False)]

    first, second = two_epochs(1)
    for epoch in (first, second):
        np.testing.assert_array_equal(np.sort(epoch, axis=0), np.sort(TRAIN[0], axis=0))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(two_epochs(1)[1], second)
    assert not np.array_equal(two_epochs(2)[0], first)


def test_points_keep_their_class():
    labels = {tuple(point): label for point, label in zip(TRAIN[0].tolist(), TRAIN[1].tolist(), strict=True)}
    x, y = next(iter(epochs_of(TRAIN, seed=1)))
    assert [labels[tuple(point)] for point in x.numpy().tolist()] == y.numpy().tolist()


def test_monitors_change_nothing_and_count_every_step():
    def train(callbacks):
        model = compiled_model(deep_tanh.EXPERIMENT, seed=3)
        history = fit(model, TRAIN, TEST, EPOCHS, seed=3, callbacks=callbacks)
        return history.history, model.get_weights()

    gradients = GradientMonitor()
    plain, watched = train([]), train([gradients, WeightNormMonitor()])
    assert plain[0] == watched[0]
    assert all(map(np.array_equal, plain[1], watched[1]))
    assert gradients.sampled_steps_history.tolist() == [16] * EPOCHS


def test_fit_leaves_the_model_an_ordinary_keras_model():
    model = compiled_model(deep_relu.EXPERIMENT, seed=1)
    compiled_with = model.jit_compile
    fit(model, TRAIN, TEST, 2)
    assert model.jit_compile == compiled_with
    assert "train_step" not in vars(model)
    before = int(model.optimizer.iterations)
    model.fit(*TRAIN, epochs=1, batch_size=100, verbose=0)
    assert int(model.optimizer.iterations) == before + 5


@pytest.mark.parametrize("batch_size", [500, 250, 499, 600])
def test_any_batch_size_sees_every_point_once(batch_size):
    ours, plain = (compiled_model(deep_relu.EXPERIMENT, seed=1) for _ in range(2))
    fit(ours, TRAIN, TEST, 1, batch_size=batch_size, seed=5)
    x, y = next(iter(epochs_of(TRAIN, seed=5)))
    plain.fit(x, y, batch_size=batch_size, shuffle=False, verbose=0)
    for one, other in zip(ours.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_run_never_takes_the_directory_of_another(tmp_path):
    runs = [new_run(tmp_path, "deep_tanh", 1) for _ in range(5)]
    assert len(set(runs)) == 5
    assert all(run.is_dir() and run.name.split("_seed")[1].startswith("1") for run in runs)


class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


def test_interrupted_fit_leaves_the_model_an_ordinary_one():
    model = compiled_model(deep_relu.EXPERIMENT, seed=1)
    with pytest.raises(KeyboardInterrupt):
        fit(model, TRAIN, TEST, 3, callbacks=[GradientMonitor(), Stop()])
    before = int(model.optimizer.iterations)
    model.fit(*TRAIN, batch_size=500, verbose=0)
    assert int(model.optimizer.iterations) == before + 1
