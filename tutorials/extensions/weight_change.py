"""Weight change: how far the weights of each layer travel, in deep tanh and in deep ReLU.

As a measure of change the tutorial proposes the L1 norm of each layer's weights after each epoch. But this norm can
stay the same while the weights change, so the L1 norm of their difference from epoch to epoch is recorded too. In
TensorBoard the two are the charts `weight_l1` and `weight_l1_change`.
Found with 30 seeds: in deep tanh the output layer's weights travel furthest and those in the middle least; in deep ReLU
the first layers' weights travel furthest, and those of dense_2 to dense_4 five to ten times as far as in deep tanh.
"""

from tutorials.lab import EpochMetrics, new_run, two_circles, whole_epochs
from tutorials.lab.run_plots import plot_weight_norms
from tutorials.script import Result, Script
from tutorials.studies import Experiment
from tutorials.studies.study_plots import weight_norms

import keras
import numpy as np
from keras.initializers import HeUniform, RandomUniform
from keras.layers import Dense
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor


def build_tanh():
    hidden = [Dense(5, "tanh", kernel_initializer=RandomUniform(0, 1), name=f"dense_{i}") for i in range(1, 6)]
    output = Dense(1, "sigmoid", kernel_initializer=RandomUniform(0, 1), name="dense_6")
    model = keras.Sequential([keras.Input((2,)), *hidden, output])
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model


def build_relu():
    hidden = [Dense(5, "relu", kernel_initializer=HeUniform(), name=f"dense_{i}") for i in range(1, 6)]
    output = Dense(1, "sigmoid", name="dense_6")
    model = keras.Sequential([keras.Input((2,)), *hidden, output])
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model


EXPERIMENTS = [
    Experiment("deep_tanh", "tanh, 5 hidden layers", build_tanh),
    Experiment("deep_relu", "ReLU, 5 hidden layers", build_relu),
]


def train(experiment, seed, epochs, log_dir):
    """Train one network; returns its `Result` and its `WeightNormMonitor`."""
    log_dir = new_run(log_dir, experiment.name, seed)
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test) = two_circles()
    model = experiment.build_model()
    whole_epochs(model, seed)  # thirty times faster; without this line it is plain Keras
    gradients = GradientMonitor(log_dir)
    weights = WeightNormMonitor(log_dir, histogram_freq=1)
    model.fit(
        x_train,
        y_train,
        validation_data=(x_test, y_test),
        epochs=epochs,
        verbose=0,
        callbacks=[gradients, weights, EpochMetrics(log_dir), TqdmCallback(desc=experiment.name, verbose=0)],
    )
    _, train_accuracy = model.evaluate(x_train, y_train, verbose=0)
    _, test_accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"{experiment.title}: Train: {train_accuracy:.3f}, Test: {test_accuracy:.3f}")
    distances = weights.history["l1_change"].sum(axis=0)
    travelled = zip(weights.layers, distances, strict=True)
    print("  distance travelled, L1: " + ", ".join(f"{layer} {distance:.3g}" for layer, distance in travelled))
    return Result(experiment.title, train_accuracy, test_accuracy), weights


def run(seed=1, epochs=500, log_dir="logs"):
    tanh, tanh_weights = train(EXPERIMENTS[0], seed, epochs, log_dir)
    relu, relu_weights = train(EXPERIMENTS[1], seed, epochs, log_dir)
    figure = plot_weight_norms({tanh.title: tanh_weights, relu.title: relu_weights})
    figure.savefig(new_run(log_dir, "weight_change", seed) / "weight_change.png", dpi=120)
    return [tanh, relu]


def summarize(study):
    print("Distance travelled by each kernel's weights (L1, sum over the epochs), median over seeds:")
    for name, members in study.members.items():
        distances = np.median(members.history["weight_l1_change"].sum(axis=1), axis=0)
        print(
            f"  {study.title(name)}: " + ", ".join(f"{distance:.3g}" for distance in distances) + " (input to output)"
        )
    return {"weight_change": weight_norms(study)}


SCRIPT = Script(__doc__, run, EXPERIMENTS, summarize)

if __name__ == "__main__":
    SCRIPT.main()
