"""Small models, and a training with and without callbacks that must be the same."""

import warnings

import keras
import numpy as np
from keras import Input, layers

from callbacks.train_function import TrainFunctionTap
from tests.callbacks.tape import array

R = np.random.RandomState(0)
X, Y = R.normal(size=(24, 6)).astype("float32"), R.normal(size=(24, 1)).astype("float32")
BATCH = 8
END = "Training was not affected."


def sequential(*stack, inputs=(6,), loss="mse", optimizer=None, **options):
    keras.utils.set_random_seed(5)
    stack = [
        make() for make in stack or (lambda: layers.Dense(5, "tanh", name="one"), lambda: layers.Dense(1, name="two"))
    ]
    model = keras.Sequential([*([] if inputs is None else [Input(inputs)]), *stack], name="model")
    model.compile(optimizer or keras.optimizers.SGD(0.05, momentum=0.9), loss, **options)
    return model


def eager(*stack, **options):
    """Without compilation where that takes most of a test's time; JAX takes longer without."""
    return sequential(*stack, **{"run_eagerly": keras.backend.backend() == "tensorflow", **options})


def fit(model, *callbacks, x=X, y=Y, **options):
    """Train; returns the history of `fit` and the warnings of our callbacks."""
    options = {"batch_size": BATCH, "epochs": 2, "shuffle": False, "verbose": 0, **options}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = model.fit(x, y, callbacks=list(callbacks), **options).history
    assert not isinstance(getattr(model, "train_function", None), TrainFunctionTap)
    assert "apply" not in vars(getattr(model, "optimizer", None) or model)
    return history, [str(warning.message) for warning in caught if "/callbacks/" in warning.filename]


def values(model):
    optimizer = model.optimizer.variables if model.optimizer else []
    return [array(variable) for variable in [*model.variables, *optimizer]]


def assert_same_training(build, *callbacks, **options):
    """Train with and without callbacks; returns the model trained with them, and their warnings."""
    with_callbacks, without = build(), build()
    history, told = fit(with_callbacks, *callbacks, **options)
    plain_history, _ = fit(without, **options)
    assert history.keys() == plain_history.keys()
    for name in history:
        np.testing.assert_array_equal(history[name], plain_history[name])
    for one, other in zip(values(with_callbacks), values(without), strict=True):
        np.testing.assert_array_equal(one, other)
    return with_callbacks, told


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(name="model")
        self.hidden, self.out = layers.Dense(5, "tanh", name="hidden"), layers.Dense(1, name="out")

    def call(self, x):
        return self.out(self.hidden(x))
