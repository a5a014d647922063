"""Amount of data: what more samples do to the gap between training and test accuracy, and what more units do.

A network of two hidden layers of 10 ReLU units, 151 weights, is trained on 20 to 500 samples of the two circles. Each
training processes 50,000 samples in total: 20 samples for 2,500 epochs, 500 for 100. Then the number of units is varied
at 100 samples: 1 unit in each layer has too little capacity, 100 units may have too much. Each seed draws samples of
its own from the training half.
Found with 30 seeds: the gap is 0.33 with 20 samples and gone with 500; the test accuracy rises from 0.67 to 0.85.
With 1 unit in each layer the network stays at chance level. With 100 units the gap is 0.13 instead of 0.09 and the
test accuracy 0.01 lower than with 10.
"""

from functools import partial

from tutorials.lab import EpochMetrics, new_run, stratified_subset, two_circles, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment, number_of_seeds
from tutorials.techniques.technique_plots import lines

import keras
import numpy as np
from keras.initializers import HeUniform
from keras.layers import Dense
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor

SAMPLES = (20, 50, 100, 200, 500)
WIDTHS = (1, 3, 10, 30, 100)


def build_model(units):
    hidden = [Dense(units, "relu", kernel_initializer=HeUniform(), name=f"dense_{i}") for i in (1, 2)]
    model = keras.Sequential([keras.Input((2,)), *hidden, Dense(1, "sigmoid", name="dense_3")])
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model


def some_circles(samples, seed):
    return stratified_subset(two_circles(), samples, seed)


EXPERIMENTS = {
    (samples, units): Experiment(
        f"relu_{units}_wide_{samples}_samples",
        f"2 layers of {units}, {samples} samples",
        partial(build_model, units),
        data=partial(some_circles, samples),
        own_samples=True,
        epochs=50_000 // samples,
    )
    for samples, units in dict.fromkeys([*((one, 10) for one in SAMPLES), *((100, one) for one in WIDTHS)])
}


def train(experiment, seed, epochs, log_dir):
    """Train one network; returns its `Result`."""
    log_dir = new_run(log_dir, experiment.name, seed)
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test) = experiment.samples(seed)
    model = experiment.build_model()
    whole_epochs(model, seed)  # thirty times faster; without this line it is plain Keras
    model.fit(
        x_train,
        y_train,
        validation_data=(x_test, y_test),
        epochs=epochs or experiment.epochs,
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
    return Result(experiment.title, train_accuracy, test_accuracy)


def run(seed=1, epochs=None, log_dir="logs"):
    results = {pair: train(experiment, seed, epochs, log_dir) for pair, experiment in EXPERIMENTS.items()}
    train_accuracies, test_accuracies = (
        {pair: np.array([getattr(result, half)]) for pair, result in results.items()}
        for half in ("train_accuracy", "test_accuracy")
    )
    for name, figure in draw(train_accuracies, test_accuracies, f"seed {seed}").items():
        figure.savefig(new_run(log_dir, f"amount_of_data_{name}", seed) / f"{name}.png", dpi=120)
    return [*results.values()]


def draw(train, test, seeds):
    """Draw accuracies by the number of samples, and by the number of units; returns a dict of figures.

    Args:
        train, test: pairs of samples and units to the accuracies of the seeds, (seeds,).
        seeds: a phrase such as "30 seeds", which ends the titles.
    """

    def panel(pairs):
        found = {
            name: np.stack([one[pair] for pair in pairs], axis=1) for name, one in (("train", train), ("test", test))
        }
        return {"accuracy (share of samples)": found}

    by_samples, by_units = [(one, 10) for one in SAMPLES], [(100, one) for one in WIDTHS]
    fewest, most = (np.median(train[pair] - test[pair]) for pair in (by_samples[0], by_samples[-1]))
    gaps = f"{fewest:.2f} with {SAMPLES[0]} samples, {most:.2f} with {SAMPLES[-1]}"
    of_samples = f"Gap between training and test accuracy: {gaps}; {seeds}"
    smallest, largest = (np.median(test[pair]) for pair in (by_units[0], by_units[-1]))
    of_units = (
        f"100 samples: test accuracy {smallest:.2f} with {WIDTHS[0]} unit per layer, "
        f"{largest:.2f} with {WIDTHS[-1]}; {seeds}"
    )
    return {
        "by_samples": lines(SAMPLES, panel(by_samples), "training samples", of_samples, xlog=True),
        "by_units": lines(WIDTHS, panel(by_units), "units in each of two hidden layers", of_units, xlog=True),
    }


def summarize(study):
    members = {pair: study.members[one.name] for pair, one in EXPERIMENTS.items()}
    train, test = (
        {pair: getattr(one, f"{half}_accuracy") for pair, one in members.items()} for half in ("train", "test")
    )
    for (samples, units), accuracies in test.items():
        gap = np.median(train[samples, units] - accuracies)
        found = f"test accuracy {np.median(accuracies):.3f}, gap {gap:.3f} (medians)"
        print(f"{EXPERIMENTS[samples, units].title}: {found}")
    return draw(train, test, number_of_seeds(study, with_epochs=False))


SCRIPT = Script(__doc__, run, list(EXPERIMENTS.values()), summarize)

if __name__ == "__main__":
    SCRIPT.main()
