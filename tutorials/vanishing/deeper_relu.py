"""Deeper ReLU: 15 and 20 hidden layers, to find where ReLU fails too.

Is ReLU immune to depth? The tutorial shows plots only: 15 layers still learn, though later, and 20 no longer do.
Found with seed 1: both learn, after about 15 and 50 epochs without any progress. That was luck: of 30 seeds 9 learn
with 15 layers and 3 with 20. In nearly all networks that fail, all units of some layer are dead.
"""

from functools import partial

from tutorials.lab import EpochMetrics, new_run, plot_accuracy, two_circles, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment

import keras
from keras.initializers import HeUniform
from keras.layers import Dense
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor


def build_model(hidden_layers):
    numbers = range(1, hidden_layers + 1)
    hidden = [Dense(5, "relu", kernel_initializer=HeUniform(), name=f"dense_{i}") for i in numbers]
    output = Dense(1, "sigmoid", name=f"dense_{hidden_layers + 1}")
    model = keras.Sequential([keras.Input((2,)), *hidden, output])
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model


EXPERIMENTS = [
    Experiment("relu_15_layers", "ReLU, 15 hidden layers", partial(build_model, 15), published="learns (plot only)"),
    Experiment(
        "relu_20_layers", "ReLU, 20 hidden layers", partial(build_model, 20), published="does not learn (plot only)"
    ),
]


def train(experiment, seed, epochs, log_dir):
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
    print(f"Train: {train_accuracy:.3f}, Test: {test_accuracy:.3f}")
    plot_accuracy(history, experiment.title).savefig(log_dir / "accuracy.png", dpi=120)
    return Result(experiment.title, train_accuracy, test_accuracy, experiment.published)


def run(seed=1, epochs=500, log_dir="logs"):
    return [train(experiment, seed, epochs, log_dir) for experiment in EXPERIMENTS]


SCRIPT = Script(__doc__, run, EXPERIMENTS)

if __name__ == "__main__":
    SCRIPT.main()
