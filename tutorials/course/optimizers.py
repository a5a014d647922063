"""Optimizers: which of them make deep tanh learn, each at the learning rate that suits it best.

The tutorial's network of five tanh layers, weights uniform in [0, 1], is trained with seven optimizers of Keras. Each
is tried at the same eight learning rates (AdaDelta, whose natural rate is 1, at rates a hundred times as large). Each
is judged at the rate with the best median accuracy on the training half, so the test half does not influence the
choice. `run` trains one network for each of the 56 pairs.
Found with 30 seeds: RMSProp and Adam at 0.01 learn with all of them, AdaDelta at 10 with 26, Nesterov at 0.03 with 19,
momentum at 0.03 with 14, gradient descent at 1 with 5, AdaGrad at 0.3 with 4.
"""

from functools import partial

from tutorials.course.course_plots import accuracy_by_optimizer
from tutorials.lab import EpochMetrics, new_run, two_circles, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment, learned_sentence, number_of_seeds

import keras
import numpy as np
from keras.initializers import RandomUniform
from keras.layers import Dense
from keras.optimizers import SGD, Adadelta, Adagrad, Adam, RMSprop
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor

RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
OPTIMIZERS = {
    "gradient descent": SGD,
    "momentum": partial(SGD, momentum=0.9),
    "Nesterov": partial(SGD, momentum=0.9, nesterov=True),
    "AdaGrad": Adagrad,
    "RMSProp": RMSprop,
    "AdaDelta": Adadelta,
    "Adam": Adam,
}


def build_model(optimizer, learning_rate):
    hidden = [Dense(5, "tanh", kernel_initializer=RandomUniform(0, 1), name=f"dense_{i}") for i in range(1, 6)]
    output = Dense(1, "sigmoid", kernel_initializer=RandomUniform(0, 1), name="dense_6")
    model = keras.Sequential([keras.Input((2,)), *hidden, output])
    model.compile(OPTIMIZERS[optimizer](learning_rate), "binary_crossentropy", metrics=["accuracy"])
    return model


def rates(optimizer):
    return [round(100 * rate, 3) for rate in RATES] if optimizer == "AdaDelta" else RATES


def name_of(optimizer, rate):
    """The name of an experiment."""
    return f"deep_tanh_{optimizer}_{rate}".lower().replace(" ", "_").replace(".", "_")


EXPERIMENTS = {
    (optimizer, rate): Experiment(
        name_of(optimizer, rate), f"{optimizer}, learning rate {rate}", partial(build_model, optimizer, rate)
    )
    for optimizer in OPTIMIZERS
    for rate in rates(optimizer)
}


def best_pairs(train_accuracies):
    """Each optimizer with the learning rate that has the best median training accuracy, a list of pairs.

    Args:
        train_accuracies: pairs of optimizer and rate to the accuracies of the seeds.
    """
    groups = [[pair for pair in train_accuracies if pair[0] == optimizer] for optimizer in OPTIMIZERS]
    return [max(pairs, key=lambda pair: np.median(train_accuracies[pair])) for pairs in groups if pairs]


def run(seed=1, epochs=500, log_dir="logs"):
    (x_train, y_train), (x_test, y_test) = two_circles()
    results, train_accuracies, test_accuracies = [], {}, {}
    for pair, experiment in EXPERIMENTS.items():
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
        train_accuracies[pair], test_accuracies[pair] = np.array([train_accuracy]), np.array([test_accuracy])
    figure = accuracy_by_optimizer(test_accuracies, best_pairs(train_accuracies), f"seed {seed}, {epochs} epochs")
    figure.savefig(new_run(log_dir, "optimizers", seed) / "accuracy_by_optimizer.png", dpi=120)
    return results


def summarize(study):
    members = {pair: study.members[one.name] for pair, one in EXPERIMENTS.items() if one.name in study.members}
    best = best_pairs({pair: one.train_accuracy for pair, one in members.items()})
    for pair in best:
        print(f"{EXPERIMENTS[pair].title}, its best: {learned_sentence(members[pair])}.")
    test_accuracies = {pair: one.test_accuracy for pair, one in members.items()}
    return {"accuracy_by_optimizer": accuracy_by_optimizer(test_accuracies, best, number_of_seeds(study))}


SCRIPT = Script(__doc__, run, list(EXPERIMENTS.values()), summarize)

if __name__ == "__main__":
    SCRIPT.main()
