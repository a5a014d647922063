"""Keras's optimizers against the course's formulas, computed by hand; epsilon is large, so that its place shows."""

import keras
import numpy as np
import pytest

GRADIENTS = np.random.RandomState(3).normal(size=(6, 4))
START = np.array([1.0, -2.0, 0.5, 3.0])
RATE, EPSILON = 0.1, 0.05


def momentum(gamma=0.9):
    x, v = START.copy(), 0
    for g in GRADIENTS:
        v = gamma * v + RATE * g
        x = x - v
        yield x


def adagrad():
    x, s = START.copy(), 0
    for g in GRADIENTS:
        s = s + g**2
        x = x - RATE * g / np.sqrt(s + EPSILON)
        yield x


def rmsprop(gamma=0.9):
    x, s = START.copy(), 0
    for g in GRADIENTS:
        s = gamma * s + (1 - gamma) * g**2
        x = x - RATE * g / np.sqrt(s + EPSILON)
        yield x


def adadelta(rho=0.95):
    x, s, d = START.copy(), 0, 0
    for g in GRADIENTS:
        s = rho * s + (1 - rho) * g**2
        u = g * np.sqrt(d + EPSILON) / np.sqrt(s + EPSILON)
        x = x - u
        d = rho * d + (1 - rho) * u**2
        yield x


def adam(epsilon=lambda t: EPSILON, b1=0.9, b2=0.999):
    x, v, s = START.copy(), 0, 0
    for t, g in enumerate(GRADIENTS, 1):
        v, s = b1 * v + (1 - b1) * g, b2 * s + (1 - b2) * g**2
        x = x - RATE * (v / (1 - b1**t)) / (np.sqrt(s / (1 - b2**t)) + epsilon(t))
        yield x


def steps(optimizer):
    """Where Keras's optimizer goes with the same gradients."""
    x = keras.Variable(START.astype("float32"))
    for g in GRADIENTS:
        optimizer.apply([keras.ops.convert_to_tensor(g, "float32")], [x])
        yield x.numpy()


OPTIMIZERS = keras.optimizers
SAME = {
    "gradient descent": (OPTIMIZERS.SGD(RATE), momentum(0)),
    "momentum": (OPTIMIZERS.SGD(RATE, momentum=0.9), momentum()),
    "AdaGrad, which Keras starts at s = 0.1": (OPTIMIZERS.Adagrad(RATE, 0, epsilon=EPSILON), adagrad()),
    "RMSProp": (OPTIMIZERS.RMSprop(RATE, epsilon=EPSILON), rmsprop()),
    "AdaDelta, to which Keras gives a learning rate": (OPTIMIZERS.Adadelta(1.0, epsilon=EPSILON), adadelta()),
    "Adam, whose epsilon Keras adds before the correction of s": (
        OPTIMIZERS.Adam(RATE, epsilon=EPSILON),
        adam(lambda t: EPSILON / np.sqrt(1 - 0.999**t)),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_keras_computes_the_courses_formula(name):
    optimizer, formula = SAME[name]
    for ours, hand in zip(steps(optimizer), formula, strict=True):
        np.testing.assert_allclose(ours, hand, rtol=1e-4)


@pytest.mark.parametrize(
    ("optimizer", "formula"),
    [
        (OPTIMIZERS.Adagrad(RATE, epsilon=EPSILON), adagrad),
        (OPTIMIZERS.Adadelta(epsilon=EPSILON), adadelta),
        (OPTIMIZERS.Adam(RATE, epsilon=EPSILON), adam),
    ],
)
def test_where_keras_differs_it_shows(optimizer, formula):
    assert not np.allclose([*steps(optimizer)][-1], [*formula()][-1], rtol=1e-3)


def test_kerass_defaults():
    assert [getattr(OPTIMIZERS, name)().epsilon for name in ("Adam", "Adagrad", "RMSprop", "Adadelta")] == [1e-7] * 4
    assert OPTIMIZERS.Adagrad().initial_accumulator_value == 0.1
    assert float(OPTIMIZERS.Adadelta().learning_rate) == pytest.approx(0.001)


def test_kerass_nesterov_is_the_courses_at_the_look_ahead_point():
    """The course keeps x and asks for the gradient at x - gamma v; what Keras keeps is that point."""

    def slope(x):
        return np.array([0.2, 4.0]) * x

    gamma, rate = 0.9, 0.05
    optimizer, kept = OPTIMIZERS.SGD(rate, momentum=gamma, nesterov=True), keras.Variable(np.float32([-5, -2]))
    x, v = np.array([-5.0, -2.0]), 0
    for _ in range(8):
        optimizer.apply([keras.ops.convert_to_tensor(slope(kept.numpy()), "float32")], [kept])
        v = gamma * v + rate * slope(x - gamma * v)
        x = x - v
        np.testing.assert_allclose(kept.numpy(), x - gamma * v, rtol=1e-4)
