"""`model.fit` after `whole_epochs`: what Keras computes, in fewer calls. Whole scripts are compared in test_scripts."""

from tutorials import interruption
from tutorials.lab import two_circles, whole_epochs
from tutorials.lab.compiled_epochs import epochs_of
from tutorials.lab.keras_loop import build_with_seed

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.layers import Dense

from callbacks import GradientMonitor, WeightNormMonitor

pytestmark = pytest.mark.xdist_group("compiled_epochs")  # its fixture is made once

TRAIN, TEST = two_circles()
FEW = TRAIN[0][:100], TRAIN[1][:100]
"""An epoch of three batches of 32 and one of 4."""


def build_model():
    model = keras.Sequential([keras.Input((2,)), Dense(5, "tanh", name="dense_1"), Dense(1, "sigmoid", name="dense_2")])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model


def fitted(epochs=1, seed=2, **options):
    """A model after `whole_epochs` and `fit`, and the history."""
    model = build_with_seed(build_model, seed)
    whole_epochs(model, seed)
    return model, model.fit(*FEW, epochs=epochs, verbose=0, **options).history


@pytest.fixture(scope="module")
def trained():
    """A model after three epochs, and the history."""
    return fitted(epochs=3, validation_data=TEST)


def in_batches(samples, seed, batch_size):
    """The epochs of `whole_epochs` as plain Keras takes them, batch by batch."""
    return epochs_of(samples, seed).flat_map(lambda x, y: tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size))


def assert_same_weights(ours, theirs):
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_epochs_are_those_of_keras(trained):
    ours, history = trained
    plain = build_with_seed(build_model, 2)
    batches = in_batches(FEW, 2, 32)
    expected = plain.fit(batches, epochs=3, steps_per_epoch=4, validation_data=TEST, verbose=0).history
    assert set(history) == set(expected) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-4, err_msg=name)
    assert_same_weights(ours, plain)
    assert int(ours.optimizer.iterations) == int(plain.optimizer.iterations) == 3 * 4
    assert not np.array_equal(ours.get_weights()[0], build_with_seed(build_model, 2).get_weights()[0])


@pytest.mark.slow
def test_without_shuffling_the_samples_keep_their_order():
    ours, _ = fitted(shuffle=False)
    plain = build_with_seed(build_model, 2)
    plain.fit(*FEW, shuffle=False, verbose=0)
    assert_same_weights(ours, plain)


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [500, 250, 499, 600])
def test_any_batch_size_sees_every_sample_once(batch_size):
    ours, plain = (build_with_seed(build_model, 5) for _ in range(2))
    whole_epochs(ours, 5)
    ours.fit(*TRAIN, batch_size=batch_size, verbose=0)
    plain.fit(in_batches(TRAIN, 5, batch_size), steps_per_epoch=-(-500 // batch_size), verbose=0)
    assert_same_weights(ours, plain)


def test_every_epoch_is_a_new_order_of_all_samples_drawn_from_the_seed():
    def two_epochs(seed):
        return [x.numpy() for (x, _), _ in zip(epochs_of(TRAIN, seed), range(2), strict=False)]

    first, second = two_epochs(1)
    for epoch in (first, second):
        np.testing.assert_array_equal(np.sort(epoch, axis=0), np.sort(TRAIN[0], axis=0))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(two_epochs(1)[1], second)
    assert not np.array_equal(two_epochs(2)[0], first)


def test_samples_keep_their_class():
    labels = {tuple(sample): label for sample, label in zip(TRAIN[0].tolist(), TRAIN[1].tolist(), strict=True)}
    x, y = next(iter(epochs_of(TRAIN, seed=1)))
    assert [labels[tuple(sample)] for sample in x.numpy().tolist()] == y.numpy().tolist()


@pytest.mark.slow
def test_monitors_change_nothing_and_count_every_step(trained):
    gradients = GradientMonitor()
    plain, expected = trained
    watched, history = fitted(epochs=3, validation_data=TEST, callbacks=[gradients, WeightNormMonitor()])
    assert history == expected
    assert all(map(np.array_equal, watched.get_weights(), plain.get_weights()))
    assert gradients.sampled_steps_history.tolist() == [4] * 3


@pytest.mark.slow
def test_a_second_fit_goes_on_where_the_first_ended(trained):
    model, _ = fitted(epochs=1)
    model.fit(*FEW, initial_epoch=1, epochs=3, verbose=0)
    assert_same_weights(model, trained[0])


def test_after_fit_the_model_is_an_ordinary_keras_model():
    compiled_with = build_model().jit_compile
    model, _ = fitted()
    assert model.jit_compile == compiled_with
    assert "train_step" not in vars(model)
    keras.Model.fit(model, *FEW, batch_size=10, verbose=0)
    assert int(model.optimizer.iterations) == 4 + 10


class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


@pytest.mark.slow
def test_after_an_interrupted_fit_too():
    model = build_model()
    whole_epochs(model, 1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*FEW, verbose=0, callbacks=[GradientMonitor(), Stop()])
    assert "train_step" not in vars(model)
    keras.Model.fit(model, *FEW, batch_size=100, verbose=0)
    assert int(model.optimizer.iterations) == 4 + 1


def test_ctrl_c_that_python_lost_ends_the_epoch(monkeypatch):
    """Python drops a KeyboardInterrupt that arrives while it deletes an object; the event is set all the same."""
    model = build_model()
    whole_epochs(model, 1)
    lost = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: interruption._interrupted.set())
    try:
        with pytest.raises(KeyboardInterrupt):
            model.fit(*FEW, epochs=1000, verbose=0, callbacks=lost)
    finally:
        interruption._interrupted.clear()
    assert int(model.optimizer.iterations) == 4


def test_what_fit_does_not_take_is_named():
    model = build_model()
    whole_epochs(model, 1)
    with pytest.raises(TypeError, match="fit does not take class_weight: delete the line with whole_epochs"):
        model.fit(*FEW, class_weight={0: 1, 1: 2})
