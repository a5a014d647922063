"""Depth: how many hidden tanh layers the tutorial's network can have before it stops learning.

One to ten hidden layers of five units, weights uniform in [0, 1], everything else as in the tutorial.
Found with 30 seeds: with one or two layers all of them learn, with three 22, with four 10, with five or more none.
"""

from functools import partial

from tutorials.lab import EpochMetrics, new_run, two_circles, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment, learned_sentence
from tutorials.studies.study_plots import accuracy_by_depth

import keras
from keras.initializers import RandomUniform
from keras.layers import Dense
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor


def build_model(hidden_layers):
    numbers = range(1, hidden_layers + 1)
    hidden = [Dense(5, "tanh", kernel_initializer=RandomUniform(0, 1), name=f"dense_{i}") for i in numbers]
    output = Dense(1, "sigmoid", kernel_initializer=RandomUniform(0, 1), name=f"dense_{hidden_layers + 1}")
    model = keras.Sequential([keras.Input((2,)), *hidden, output])
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model


EXPERIMENTS = [
    Experiment(f"tanh_{layers}_layers_5_wide", f"tanh, {layers} x 5", partial(build_model, layers))
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
    few = [name for name, members in study.members.items() if members.learned.mean() < 0.9]
    if few:
        print(
            "The first depth at which fewer than 90% of the seeds learn, "
            f"{study.title(few[0])}: {learned_sentence(study.members[few[0]])}."
        )
    return {"accuracy_by_depth": accuracy_by_depth(study)}


SCRIPT = Script(__doc__, run, EXPERIMENTS, summarize)

if __name__ == "__main__":
    SCRIPT.main()
