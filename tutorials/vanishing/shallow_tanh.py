"""Shallow tanh: one hidden layer of five units, as networks were built before 2010.

Can a small network learn the two circles with the hyperbolic tangent and weights drawn uniformly from [0, 1]?
The tutorial reports accuracies of 0.816 on both the training and the test half.
Found with seed 1: it can, with 0.812 and 0.824; it reaches 80 % near epoch 200 and gains little from there on.
Of 30 seeds all learn; the median test accuracy is 0.822.
"""

from tutorials.lab import EpochMetrics, new_run, plot_accuracy, two_circles, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment

import keras
from keras.initializers import RandomUniform
from keras.layers import Dense
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor


def build_model():
    hidden = Dense(5, "tanh", kernel_initializer=RandomUniform(0, 1), name="dense_1")
    output = Dense(1, "sigmoid", kernel_initializer=RandomUniform(0, 1), name="dense_2")
    model = keras.Sequential([keras.Input((2,)), hidden, output])
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model


EXPERIMENT = Experiment("shallow_tanh", "tanh, 1 hidden layer", build_model, published=(0.816, 0.816))


def run(seed=1, epochs=500, log_dir="logs"):
    log_dir = new_run(log_dir, "shallow_tanh", seed)
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test) = two_circles()
    model = build_model()
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
            TqdmCallback(desc="shallow_tanh", verbose=0),
        ],
    )
    _, train_accuracy = model.evaluate(x_train, y_train, verbose=0)
    _, test_accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Train: {train_accuracy:.3f}, Test: {test_accuracy:.3f}")
    plot_accuracy(history, EXPERIMENT.title).savefig(log_dir / "accuracy.png", dpi=120)
    return [Result(EXPERIMENT.title, train_accuracy, test_accuracy, EXPERIMENT.published)]


SCRIPT = Script(__doc__, run, [EXPERIMENT])

if __name__ == "__main__":
    SCRIPT.main()
