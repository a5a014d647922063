"""Learning rate: too low is slow, too high overshoots, and one that decays may combine fast progress and convergence.

Deep tanh with Glorot weights is trained by SGD with momentum at six rates that are held for 200 epochs, and at rates
that begin at 0.1 and decay: by a constant factor at every step, in three stages, and along a cosine. They decay over
200 epochs, also where `--epochs` asks for fewer.
Found with 30 seeds: of the rates that are held, 0.01 is best, with a test accuracy of 0.83. Within 200 epochs 3 seeds
learn at 0.001, none at 0.0001, 0.3 and 1. Held at 0.1 the loss ends at 0.48; decaying along a cosine, at 0.37, with a
test accuracy of 0.84 instead of 0.79. Three stages reach 0.81.
"""

from functools import partial

from tutorials.lab import EpochMetrics, new_run, two_circles, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment, number_of_seeds
from tutorials.techniques.technique_plots import curves, lines

import keras
import numpy as np
from keras.initializers import GlorotUniform
from keras.layers import Dense
from keras.optimizers.schedules import CosineDecay, ExponentialDecay, PiecewiseConstantDecay
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor

RATES = (0.0001, 0.001, 0.01, 0.1, 0.3, 1.0)
STEPS = 200 * 16
"""Optimizer steps in 200 epochs of 16 steps."""

SCHEDULES = {
    "exponential": ("exponential decay from 0.1 to 0.001", lambda: ExponentialDecay(0.1, STEPS, 0.01)),
    "stages": (
        "0.1, then 0.01, then 0.001",
        lambda: PiecewiseConstantDecay([STEPS // 2, 3 * STEPS // 4], [0.1, 0.01, 0.001]),
    ),
    "cosine": ("cosine decay from 0.1 to 0", lambda: CosineDecay(0.1, STEPS)),
}


def build_model(learning_rate):
    hidden = [Dense(5, "tanh", kernel_initializer=GlorotUniform(), name=f"dense_{i}") for i in range(1, 6)]
    output = Dense(1, "sigmoid", kernel_initializer=GlorotUniform(), name="dense_6")
    model = keras.Sequential([keras.Input((2,)), *hidden, output])
    rate = learning_rate() if callable(learning_rate) else learning_rate  # a schedule is made anew for each model
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model


def held(rate):
    """The name of the experiment whose rate is held."""
    return f"rate_{rate:g}".replace(".", "_")


EXPERIMENTS = [
    *[Experiment(held(rate), f"{rate:g}, held", partial(build_model, rate), epochs=200) for rate in RATES],
    *[
        Experiment(f"rate_{name}", title, partial(build_model, schedule), epochs=200)
        for name, (title, schedule) in SCHEDULES.items()
    ],
]


def train(experiment, seed, epochs, log_dir):
    """Train one network; returns its `Result` and its history."""
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
    return Result(experiment.title, train_accuracy, test_accuracy), history.history


def run(seed=1, epochs=200, log_dir="logs"):
    trained = {one.name: train(one, seed, epochs, log_dir) for one in EXPERIMENTS}
    losses = {name: np.array([history["loss"]]) for name, (_, history) in trained.items()}
    tested = {name: np.array([result.test_accuracy]) for name, (result, _) in trained.items()}
    for name, figure in draw(losses, tested, f"seed {seed}").items():
        figure.savefig(new_run(log_dir, f"learning_rate_{name}", seed) / f"{name}.png", dpi=120)
    return [result for result, _ in trained.values()]


def final_loss(losses):
    """The mean loss of the last ten epochs, (seeds,); `losses` is an array (seeds, epochs)."""
    return losses[:, -10:].mean(axis=1)


def draw(losses, tested, seeds):
    """Draw accuracies by rate, and losses over the epochs; returns a dict of figures.

    Args:
        losses: an experiment's name to its training losses, (seeds, epochs).
        tested: an experiment's name to its test accuracies, (seeds,).
        seeds: a phrase such as "30 seeds", which ends the titles.
    """
    by_rate = np.stack([tested[held(rate)] for rate in RATES], axis=1)
    best = RATES[int(np.median(by_rate, axis=0).argmax())]
    decaying = {"0.1, held": losses[held(0.1)]}
    decaying |= {title: losses[f"rate_{name}"] for name, (title, _) in SCHEDULES.items()}
    lowest = min(decaying, key=lambda title: np.median(final_loss(decaying[title])))
    return {
        "by_rate": lines(
            RATES,
            {"test accuracy (share of samples)": {"rate held for 200 epochs": by_rate}},
            "learning rate",
            f"Test accuracy by learning rate: best at {best:g}; {seeds}",
            xlog=True,
        ),
        "decay": curves(
            decaying,
            "training loss (binary cross-entropy)",
            f"Learning rate with the lowest loss in the last ten epochs: {lowest}; {seeds}",
        ),
    }


def summarize(study):
    for name, members in study.members.items():
        loss = np.median(final_loss(members.history["loss"]))
        print(f"{study.title(name)}: loss {loss:.3f}, test accuracy {np.median(members.test_accuracy):.3f} (medians)")
    losses = {name: members.history["loss"] for name, members in study.members.items()}
    tested = {name: members.test_accuracy for name, members in study.members.items()}
    return draw(losses, tested, number_of_seeds(study, with_epochs=False))


SCRIPT = Script(__doc__, run, EXPERIMENTS, summarize)

if __name__ == "__main__":
    SCRIPT.main()
