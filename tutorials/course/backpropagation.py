"""Backpropagation: whether it gives the slope of the loss, and what a network is without its non-linearity.

Gradient descent is shown on f(x) = x², where a step multiplies x by 1 - 2 times the learning rate: below a rate of 0.5
it converges from one side, up to 1 it oscillates, above 1 it diverges. Then every derivative of a small network's loss
is computed twice, by backpropagation and by central differences. Last, a network of five linear hidden layers is
trained, and then replaced by one layer whose matrix is the product of its matrices.
Found with 30 seeds: the derivatives agree to 3e-9. The outputs of five linear layers and of the one layer agree to
1e-7. Such a network does no better than one without hidden layers: a test accuracy of 0.47.
"""

from functools import partial

from tutorials.course.course_plots import accuracy_curves, parabola
from tutorials.lab import EpochMetrics, new_run, two_circles, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment, Measurement

import keras
import numpy as np
import tensorflow as tf
from keras.layers import Dense
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor

RATES = (0.1, 0.45, 0.9, 1.05)
STEP = 1e-5
"""How far a weight is moved to either side for a central difference."""


def descend(seed):
    """Gradient descent on f(x) = x² from a start drawn from [1, 2], 20 steps at each of the rates."""
    x = np.random.RandomState(seed).uniform(1, 2)
    return {"descent": np.array([[x * (1 - 2 * rate) ** step for step in range(21)] for rate in RATES])}


def differentiate_both_ways(seed):
    """The largest relative error of central differences against backpropagation, over all weights; float64."""
    (x, y), _ = two_circles()
    x, y = tf.constant(x, "float64"), tf.constant(y[:, None], "float64")
    random = np.random.RandomState(seed)
    hidden = [Dense(5, "tanh", dtype="float64") for _ in range(2)]
    model = keras.Sequential([keras.Input((2,), dtype="float64"), *hidden, Dense(1, "sigmoid", dtype="float64")])
    for variable in model.trainable_variables:
        variable.assign(random.uniform(-1, 1, variable.shape))

    @tf.function
    def loss():
        return tf.reduce_mean(keras.losses.binary_crossentropy(y, model(x)))

    with tf.GradientTape() as tape:
        value = loss()
    gradients = tape.gradient(value, [variable.value for variable in model.trainable_variables])
    errors = []
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        differences = central_differences(loss, variable)
        errors.append(np.abs(differences - gradient).max() / np.abs(gradient).max())
    return {"relative_error": max(errors)}


def central_differences(loss, variable):
    """The derivative of the loss with respect to each element of a variable, an array like it."""
    start = np.array(variable.value)
    differences = np.zeros(start.shape)
    for place in np.ndindex(*start.shape):
        moved = start.copy()
        moved[place] = start[place] + STEP
        variable.assign(moved)
        above = float(loss())
        moved[place] = start[place] - STEP
        variable.assign(moved)
        below = float(loss())
        differences[place] = (above - below) / (2 * STEP)
    variable.assign(start)
    return differences


def build_model(hidden_layers):
    """Without hidden layers this is logistic regression; a hidden layer adds weights, but no non-linearity."""
    hidden = [Dense(5, "linear", name=f"dense_{i}") for i in range(1, hidden_layers + 1)]
    output = Dense(1, "sigmoid", name=f"dense_{hidden_layers + 1}")
    model = keras.Sequential([keras.Input((2,)), *hidden, output])
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model


def collapse(model, data):
    """The largest difference of the network's test outputs to those of one layer with the product of its matrices."""
    kernel, bias = np.eye(2), np.zeros(2)
    for layer in model.layers:
        next_kernel, next_bias = (variable.numpy().astype("float64") for variable in (layer.kernel, layer.bias))
        kernel, bias = kernel @ next_kernel, bias @ next_kernel + next_bias
    x_test = data[1][0]
    one_layer = 1 / (1 + np.exp(-(x_test @ kernel + bias)))
    return {"collapse_error": np.abs(one_layer - model(x_test).numpy()).max()}


LINEAR = Experiment("linear_5_layers", "linear, 5 hidden layers", partial(build_model, 5), measure=collapse)
NO_HIDDEN_LAYER = Experiment("logistic_regression", "no hidden layer", partial(build_model, 0))

EXPERIMENTS: list[Experiment | Measurement] = [
    Measurement("differentiation", "central differences against backpropagation", differentiate_both_ways),
    Measurement("parabola", "gradient descent on f(x) = x²", descend),
    LINEAR,
    NO_HIDDEN_LAYER,
]


def show(relative_error, collapse_error, descents, accuracies):
    """Print the two errors; draw the descents, and test accuracies over the epochs, a title to (seeds, epochs)."""
    print(f"Backpropagation against central differences: largest relative error {relative_error:.1e}.")
    print(f"Five linear layers against one with the product of their matrices: outputs differ by {collapse_error:.1e}.")
    last = [f"{title} {np.median(curves[:, -1]):.3f}" for title, curves in accuracies.items()]
    title = f"Networks with no non-linearity\ntest accuracy in the last epoch: {', '.join(last)}"
    return {"parabola": parabola(descents, RATES), "linear_networks": accuracy_curves(accuracies, title)}


def train(experiment, seed, epochs, log_dir):
    """Train one network; returns its `Result`, its test accuracies over the epochs, and the model."""
    log_dir = new_run(log_dir, experiment.name, seed)
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test) = two_circles()
    model = experiment.build_model()
    whole_epochs(model, seed)  # thirty times faster; without this line it is plain Keras
    history = model.fit(
        x_train,
        y_train,
        validation_data=(x_test, y_test),
        epochs=epochs,
        verbose=0,
        callbacks=[
            GradientMonitor(log_dir),
            WeightNormMonitor(log_dir),
            EpochMetrics(log_dir),
            TqdmCallback(desc=experiment.name, verbose=0),
        ],
    )
    _, train_accuracy = model.evaluate(x_train, y_train, verbose=0)
    _, test_accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"{experiment.title}: Train: {train_accuracy:.3f}, Test: {test_accuracy:.3f}")
    return Result(experiment.title, train_accuracy, test_accuracy), history.history["val_accuracy"], model


def run(seed=1, epochs=500, log_dir="logs"):
    linear, linear_accuracy, model = train(LINEAR, seed, epochs, log_dir)
    none, none_accuracy, _ = train(NO_HIDDEN_LAYER, seed, epochs, log_dir)
    log_dir = new_run(log_dir, "backpropagation", seed)
    figures = show(
        differentiate_both_ways(seed)["relative_error"],
        collapse(model, two_circles())["collapse_error"],
        descend(seed)["descent"],
        {linear.title: np.array([linear_accuracy]), none.title: np.array([none_accuracy])},
    )
    for name, figure in figures.items():
        figure.savefig(log_dir / f"{name}.png", dpi=120)
    return [linear, none]


def summarize(study):
    return show(
        study.members["differentiation"].measured["relative_error"].max(),
        study.members["linear_5_layers"].measured["collapse_error"][:, 1].max(),
        study.members["parabola"].measured["descent"][0],
        {study.title(name): members.history["val_accuracy"] for name, members in study.trained.items()},
    )


SCRIPT = Script(__doc__, run, EXPERIMENTS, summarize)

if __name__ == "__main__":
    SCRIPT.main()
