"""Adam: an adaptive optimizer makes deep tanh learn where SGD with momentum does not.

The same learning rate need not suit both optimizers, so each is tried at the same five rates. The initial weights are
still those of the tutorial, uniform in [0, 1]. `run` trains the two optimizers at 0.01, the tutorial's rate, from one
seed; `study` trains all ten configurations.
Found with 30 seeds: at 0.01 Adam learns with all of them, at its default of 0.001 with 17, at 0.1 with none. SGD
learns with none at the tutorial's 0.01 and with 14 at best, at 0.03.
"""

from functools import partial

from tutorials.lab import EpochMetrics, new_run, plot_accuracy, plot_gradients, two_circles, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment, learned_sentence
from tutorials.studies.study_plots import accuracy_by_rate

import keras
from keras.initializers import RandomUniform
from keras.layers import Dense
from keras.optimizers import SGD, Adam
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor

RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
OPTIMIZERS = {"SGD": partial(SGD, momentum=0.9), "Adam": Adam}


def build_model(optimizer, learning_rate):
    hidden = [Dense(5, "tanh", kernel_initializer=RandomUniform(0, 1), name=f"dense_{i}") for i in range(1, 6)]
    output = Dense(1, "sigmoid", kernel_initializer=RandomUniform(0, 1), name="dense_6")
    model = keras.Sequential([keras.Input((2,)), *hidden, output])
    model.compile(OPTIMIZERS[optimizer](learning_rate), "binary_crossentropy", metrics=["accuracy"])
    return model


EXPERIMENTS = {
    (optimizer, rate): Experiment(
        f"deep_tanh_{optimizer.lower()}_{rate}".replace(".", "_"),
        f"{optimizer}, learning rate {rate}",
        partial(build_model, optimizer, rate),
    )
    for optimizer in OPTIMIZERS
    for rate in RATES
}


def train(experiment, seed, epochs, log_dir):
    """Train one network; returns its `Result` and its `GradientMonitor`."""
    log_dir = new_run(log_dir, experiment.name, seed)
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test) = two_circles()
    model = experiment.build_model()
    whole_epochs(model, seed)  # thirty times faster; without this line it is plain Keras
    gradients = GradientMonitor(log_dir, histogram_freq=1)
    weights = WeightNormMonitor(log_dir, histogram_freq=1)
    history = model.fit(
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
    plot_accuracy(history, experiment.title).savefig(log_dir / "accuracy.png", dpi=120)
    return Result(experiment.title, train_accuracy, test_accuracy), gradients


def run(seed=1, epochs=500, log_dir="logs"):
    sgd, sgd_gradients = train(EXPERIMENTS["SGD", 0.01], seed, epochs, log_dir)
    adam, adam_gradients = train(EXPERIMENTS["Adam", 0.01], seed, epochs, log_dir)
    figure = plot_gradients({"SGD, momentum 0.9": sgd_gradients, "Adam": adam_gradients})
    figure.savefig(new_run(log_dir, "adam", seed) / "gradients.png", dpi=120)
    return [sgd, adam]


def summarize(study):
    for optimizer in OPTIMIZERS:
        names = [name for name in study.members if f"_{optimizer.lower()}_" in name]
        best = max(names, key=lambda name: study.members[name].learned.sum())
        rate = study.configurations[best]["learning_rate"]
        print(f"{optimizer} at its best learning rate, {rate}: {learned_sentence(study.members[best])}.")
    return {"accuracy_by_learning_rate": accuracy_by_rate(study)}


SCRIPT = Script(__doc__, run, list(EXPERIMENTS.values()), summarize)

if __name__ == "__main__":
    SCRIPT.main()
