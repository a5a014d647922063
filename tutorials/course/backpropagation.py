"""Backpropagation: does it give the slope of the loss, and what would a network be without its non-linearity?

Gradient descent is shown on f(x) = x², where a step multiplies x by 1 - 2 eta: below eta = 0.5 it creeps, up to
1 it swings, above 1 it flies off. Then every derivative of a small network's loss is computed twice, by
backpropagation and by moving the weight a little to both sides. Last, five hidden layers without a non-
linearity are trained, and the product of their matrices is put in their place.
Found with 30 seeds: the derivatives agree to 3e-9. Five linear layers put out what one layer with the product
of their matrices does, to 1e-7, and do no better than none, 0.47.
"""

from functools import partial

from tutorials.lab import Experiment, Measurement, main, mlp

RATES = (0.1, 0.45, 0.9, 1.05)


def differentiate_both_ways(seed):
    """The largest relative error of central differences against backpropagation, over all weights; float64."""
    import keras
    import numpy as np
    import tensorflow as tf

    from tutorials.lab.data import two_circles

    (x, y), _ = two_circles()
    x, y = tf.constant(x, "float64"), tf.constant(y[:, None], "float64")
    random = np.random.RandomState(seed)
    layers = [keras.layers.Dense(units, "tanh", dtype="float64") for units in (5, 5)]
    model = keras.Sequential(
        [keras.Input((2,), dtype="float64"), *layers, keras.layers.Dense(1, "sigmoid", dtype="float64")]
    )
    weights = [variable.assign(random.uniform(-1, 1, variable.shape)) for variable in model.trainable_variables]

    @tf.function
    def loss():
        return tf.reduce_mean(keras.losses.binary_crossentropy(y, model(x)))

    with tf.GradientTape() as tape:
        value = loss()
    backward = tape.gradient(value, [variable.value for variable in model.trainable_variables])
    errors = []
    for variable, start, gradient in zip(model.trainable_variables, weights, backward, strict=True):
        start, numerical = np.array(start), np.zeros(variable.shape)
        for place in np.ndindex(*variable.shape):
            sides = []
            for step in (1e-5, -1e-5):
                moved = start.copy()
                moved[place] += step
                variable.assign(moved)
                sides.append(float(loss()))
            numerical[place] = (sides[0] - sides[1]) / 2e-5
        variable.assign(start)
        errors.append(np.abs(numerical - gradient).max() / np.abs(gradient).max())
    return {"relative_error": max(errors)}


def descend(seed):
    """Gradient descent on f(x) = x² from a start drawn from [1, 2], 20 steps at each of the rates."""
    import numpy as np

    x = np.random.RandomState(seed).uniform(1, 2)
    return {"descent": np.array([[x * (1 - 2 * rate) ** step for step in range(21)] for rate in RATES])}


def collapse(model, data):
    """How far the network's outputs are from those of one layer with the product of its matrices."""
    import numpy as np

    product, shift = np.eye(2), np.zeros(2)
    for layer in model.layers:
        kernel, bias = (variable.numpy().astype("float64") for variable in (layer.kernel, layer.bias))
        product, shift = product @ kernel, shift @ kernel + bias
    one_layer = 1 / (1 + np.exp(-(data[1][0] @ product + shift)))
    return {"collapse_error": np.abs(one_layer - model(data[1][0]).numpy()).max()}


EXPERIMENTS = [
    Measurement("differentiation", "central differences against backpropagation", differentiate_both_ways),
    Measurement("parabola", "gradient descent on f(x) = x²", descend),
    Experiment("linear_5_layers", "linear, 5 hidden layers", partial(mlp, 5, activation="linear"), measure=collapse),
    Experiment("logistic_regression", "no hidden layer", partial(mlp, 0, activation="linear")),
]


def look(study):
    from tutorials.course.figures import linear_networks, parabola

    error = study.members["differentiation"].measured["relative_error"].max()
    print(f"Backpropagation against central differences, largest relative error of any seed: {error:.1e}.")
    error = study.members["linear_5_layers"].measured["collapse_error"][:, 1].max()
    print(f"Five linear layers against the product of their matrices, largest difference of outputs: {error:.1e}.")
    return {"parabola": parabola(study, RATES), "linear_networks": linear_networks(study)}


def run(settings):
    from tutorials.lab.studies import run_study

    return run_study("backpropagation", EXPERIMENTS, settings, look)


if __name__ == "__main__":
    main(run, __doc__, study=True)
