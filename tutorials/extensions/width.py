"""Width: whether more units in each layer make up for depth.

Tanh networks of 1 to 10 hidden layers with 5, 10, 15, 20 and 25 units each, weights uniform in [0, 1]. `run` trains
one network of each of the 50 shapes, in about three minutes.
Found with 30 seeds: wider networks fail at smaller depths. At three layers 22 seeds learn with 5 units, 9 with 10, 2
with 15 and none with more: in a wider network each unit adds up more inputs of one sign, and saturates sooner.
"""

from functools import partial

from tutorials.lab import EpochMetrics, new_run, two_circles, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment
from tutorials.studies.study_plots import width_by_depth

import keras
from keras.initializers import RandomUniform
from keras.layers import Dense
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor


def build_model(hidden_layers, units):
    numbers = range(1, hidden_layers + 1)
    hidden = [Dense(units, "tanh", kernel_initializer=RandomUniform(0, 1), name=f"dense_{i}") for i in numbers]
    output = Dense(1, "sigmoid", kernel_initializer=RandomUniform(0, 1), name=f"dense_{hidden_layers + 1}")
    model = keras.Sequential([keras.Input((2,)), *hidden, output])
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model


WIDTHS = (5, 10, 15, 20, 25)
EXPERIMENTS = [
    Experiment(f"tanh_{layers}_layers_{units}_wide", f"tanh, {layers} x {units}", partial(build_model, layers, units))
    for units in WIDTHS
    for layers in range(1, 11)
]


def run(seed=1, epochs=500, log_dir="logs"):
    (x_train, y_train), (x_test, y_test) = two_circles()
    results = []
    for experiment in EXPERIMENTS:
        directory = new_run(log_dir, experiment.name, seed)
        keras.utils.set_random_seed(seed)
        model = experiment.build_model()
        whole_epochs(model, seed)  # thirty times faster; without this line it is plain Keras
        model.fit(
            x_train,
            y_train,
            validation_data=(x_test, y_test),
            epochs=epochs,
            verbose=0,
            callbacks=[
                GradientMonitor(directory),
                WeightNormMonitor(directory),
                EpochMetrics(directory),
                TqdmCallback(desc=experiment.title, verbose=0),
            ],
        )
        _, train_accuracy = model.evaluate(x_train, y_train, verbose=0)
        _, test_accuracy = model.evaluate(x_test, y_test, verbose=0)
        print(f"{experiment.title}: Train: {train_accuracy:.3f}, Test: {test_accuracy:.3f}")
        results.append(Result(experiment.title, train_accuracy, test_accuracy))
    return results


def summarize(study):
    for width in WIDTHS:
        names = [name for name, described in study.configurations.items() if described["width"] == width]
        learned = [study.members[name].learned.sum() for name in names]
        print(f"{width:2} units: seeds that learned, 1 to 10 layers: " + " ".join(f"{count:3}" for count in learned))
    return {"width_by_depth": width_by_depth(study)}


SCRIPT = Script(__doc__, run, EXPERIMENTS, summarize)

if __name__ == "__main__":
    SCRIPT.main()
