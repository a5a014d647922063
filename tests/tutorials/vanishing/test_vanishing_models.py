"""The networks are the tutorial's."""

import itertools

from tutorials.lab import two_circles
from tutorials.lab.keras_loop import build_with_seed
from tutorials.vanishing import deep_relu, deep_tanh, deeper_relu, gradient_diagnosis, shallow_tanh

import keras
import numpy as np
import pytest

RELU_15, RELU_20 = deeper_relu.EXPERIMENTS
MODELS = [
    (shallow_tanh.EXPERIMENT, 1, "tanh", "RandomUniform", "RandomUniform", (0.816, 0.816)),
    (deep_tanh.EXPERIMENT, 5, "tanh", "RandomUniform", "RandomUniform", (0.530, 0.468)),
    (deep_relu.EXPERIMENT, 5, "relu", "HeUniform", "GlorotUniform", (0.836, 0.840)),
    (RELU_15, 15, "relu", "HeUniform", "GlorotUniform", "learns (plot only)"),
    (RELU_20, 20, "relu", "HeUniform", "GlorotUniform", "does not learn (plot only)"),
]


@pytest.mark.parametrize(("experiment", "hidden", "activation", "initializer", "output", "published"), MODELS)
def test_models_are_the_tutorials(experiment, hidden, activation, initializer, output, published):
    model = build_with_seed(experiment.build_model, 1)
    assert [layer.name for layer in model.layers] == [f"dense_{i}" for i in range(1, hidden + 2)]
    assert [layer.units for layer in model.layers] == [5] * hidden + [1]
    assert {layer.activation.__name__ for layer in model.layers[:-1]} == {activation}
    assert model.layers[-1].activation.__name__ == "sigmoid"
    assert {type(layer.kernel_initializer).__name__ for layer in model.layers[:-1]} == {initializer}
    assert type(model.layers[-1].kernel_initializer).__name__ == output
    assert model.input_shape == (None, 2)
    assert experiment.published == published
    assert (experiment.epochs, experiment.batch_size, experiment.data) == (500, 32, two_circles)
    assert_compiled_as_in_the_tutorial(model)


def assert_compiled_as_in_the_tutorial(model):
    sgd = model.optimizer
    assert isinstance(sgd, keras.optimizers.SGD)
    assert (float(sgd.learning_rate), sgd.momentum, sgd.nesterov) == (pytest.approx(0.01), 0.9, False)
    assert model.loss == "binary_crossentropy"


def test_uniform_weights_fill_zero_to_one_and_differ_from_layer_to_layer():
    model = build_with_seed(deep_tanh.build_model, 1)
    weights = np.concatenate([layer.kernel.numpy().ravel() for layer in model.layers])
    assert weights.min() >= 0
    assert weights.min() < 0.1
    assert 0.9 < weights.max() <= 1
    kernels = [layer.kernel.numpy() for layer in model.layers[1:5]]
    assert all(not np.array_equal(one, other) for one, other in itertools.pairwise(kernels))


def test_the_seed_decides_the_weights_whatever_was_built_before():
    first = build_with_seed(deep_relu.build_model, 7).get_weights()
    build_with_seed(shallow_tanh.build_model, 1)
    again = build_with_seed(deep_relu.build_model, 7).get_weights()
    other = build_with_seed(deep_relu.build_model, 8).get_weights()
    assert all(map(np.array_equal, first, again))
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize(
    ("build", "script"), [(gradient_diagnosis.build_tanh, deep_tanh), (gradient_diagnosis.build_relu, deep_relu)]
)
def test_the_diagnosis_trains_the_very_models_of_the_tutorial(build, script):
    ours, theirs = build_with_seed(build, 1), build_with_seed(script.build_model, 1)
    assert all(map(np.array_equal, ours.get_weights(), theirs.get_weights()))
    assert [layer.get_config() for layer in ours.layers] == [layer.get_config() for layer in theirs.layers]
