"""What the course measures without `Diagnosis` or a study, against what can be worked out by hand."""

from tutorials.course import activation_functions, averages, backpropagation, descent, recurrent, weight_decay
from tutorials.lab import two_circles

import keras
import numpy as np
import pytest

(X, Y), TEST = two_circles()


def test_derivatives_by_hand():
    z = np.array([-1.0, 0.5])
    sigmoid = 1 / (1 + np.exp(-z))
    by_hand = {"sigmoid": sigmoid * (1 - sigmoid), "tanh": 1 - np.tanh(z) ** 2, "ReLU": [0, 1], "leaky ReLU": [0.01, 1]}
    for name, expected in by_hand.items():
        derivative = activation_functions.derivative(activation_functions.ACTIVATIONS[name], z)
        np.testing.assert_allclose(derivative, expected, rtol=1e-5)


@pytest.mark.slow
def test_backpropagation_is_checked_by_differences_that_can_fail(monkeypatch):
    assert backpropagation.differentiate_both_ways(1)["relative_error"] < 1e-6
    wrong = keras.losses.binary_crossentropy
    monkeypatch.setattr(keras.losses, "binary_crossentropy", lambda y, p: twice_the_gradient(wrong(y, p)))
    assert backpropagation.differentiate_both_ways(1)["relative_error"] > 0.1


def twice_the_gradient(value):
    return 2 * value - keras.ops.stop_gradient(value)


def test_collapse_sees_a_non_linearity():
    model = backpropagation.build_model(3)
    assert backpropagation.collapse(model, ((X, Y), TEST))["collapse_error"] < 1e-5
    model.layers[0].activation = keras.activations.relu
    bent = keras.Sequential([keras.Input((2,)), *model.layers])
    assert backpropagation.collapse(bent, ((X, Y), TEST))["collapse_error"] > 0.01


def test_an_average_by_hand():
    v, expected = 0, []
    for t, value in enumerate([2.0, 4.0, -1.0], 1):
        v = 0.9 * v + 0.1 * value
        expected.append((v, v / (1 - 0.9**t)))
    plain, corrected = zip(*expected, strict=True)
    np.testing.assert_allclose(averages.average([2.0, 4.0, -1.0], 0.9, corrected=False), plain)
    np.testing.assert_allclose(averages.average([2.0, 4.0, -1.0], 0.9), corrected)


def test_gradient_descent_in_the_ravine_by_hand():
    gradient_descent = descent.OPTIMIZERS["gradient descent"]
    path = descent.path(gradient_descent, 0.4, descent.ravine, (-5, -2), 5)
    steps = np.arange(6)
    np.testing.assert_allclose(path, np.stack([-5 * 0.92**steps, -2 * (-0.6) ** steps], axis=1), rtol=1e-4)
    again = descent.path(gradient_descent, 0.4, descent.ravine, (1, 1), 5)
    np.testing.assert_allclose(again[1], [0.92, -0.6], rtol=1e-5)


@pytest.mark.slow
def test_the_animation_is_a_moving_picture(tmp_path):
    from PIL import Image

    descent.animate(tmp_path / "descent.gif", steps=3)
    with Image.open(tmp_path / "descent.gif") as picture:
        assert picture.n_frames == 4


def test_input_gradients_by_hand():
    """Of a linear answer to the last step, the gradient is known and that of the other steps is zero."""
    model = keras.Sequential([keras.Input((4, 2)), keras.layers.Lambda(lambda x: 3 * x[:, -1, :1] + 4 * x[:, -1, 1:])])
    data = (None, (np.zeros((5, 4, 2), np.float32), None))
    np.testing.assert_allclose(recurrent.gradient_by_step(model, data)["input_gradient"], [0, 0, 0, 5])


def test_penalty_and_decay_are_the_same_step():
    """And by hand: W - alpha (dJ/dW + lambda W)."""
    experiments = {experiment.name: experiment for experiment in weight_decay.EXPERIMENTS[:2]}
    kernels = {}
    for name, experiment in experiments.items():
        keras.utils.set_random_seed(3)
        model = experiment.build_model()
        before = [layer.kernel.numpy() for layer in model.layers]
        model.train_on_batch(X, Y)
        kernels[name] = [layer.kernel.numpy() for layer in model.layers]
    keras.utils.set_random_seed(3)
    plain = keras.Sequential([keras.Input((2,)), keras.layers.Dense(10, "tanh"), keras.layers.Dense(1, "sigmoid")])
    plain.set_weights([weight for kernel in before for weight in (kernel, np.zeros(kernel.shape[1]))])
    plain.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
    plain.train_on_batch(X, Y)
    for layer, start, penalized, decayed in zip(plain.layers, before, *kernels.values(), strict=True):
        by_hand = layer.kernel.numpy() - 0.1 * weight_decay.DECAY * start
        np.testing.assert_allclose(penalized, by_hand, rtol=1e-5)
        np.testing.assert_allclose(decayed, by_hand, rtol=1e-5)
