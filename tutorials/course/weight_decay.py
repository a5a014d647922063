"""Weight decay and dropout: whether they compute what the course says they do.

In gradient descent an L2 penalty of lambda/2 ||W||² on the weights W and a weight decay of lambda are the same: both
give the step W = (1 - alpha lambda) W - alpha dJ/dW, where alpha is the learning rate and J the loss. A network is
trained with either, by plain gradient descent, and by Adam, where the two are not the same. Then dropout is applied
2,000 times to random activations, to see whether it keeps their mean.
Found with 30 seeds: in gradient descent penalty and decay end with the same weights, to 2e-6. In Adam they do not: at
this strength the network does not learn with the penalty (test accuracy 0.47), but does with the decay (0.82). Dropout
keeps the mean to 0.001.
"""

from functools import partial

from tutorials.course.course_plots import accuracy_curves
from tutorials.lab import EpochMetrics, new_run, two_circles, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment, Measurement

import keras
import numpy as np
from keras.layers import Dense, Dropout
from keras.optimizers import SGD, Adam
from keras.regularizers import L2
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor

DECAY = 0.01
DROPPED = (0.2, 0.5, 0.8)
OPTIMIZERS = {"sgd": partial(SGD, 0.1), "adam": partial(Adam, 0.01)}


def build_penalized(optimizer):
    """The penalty is on both kernels, the output's too, as weight decay applies to all of them."""
    hidden = Dense(10, "tanh", kernel_regularizer=L2(DECAY / 2), name="dense_1")
    output = Dense(1, "sigmoid", kernel_regularizer=L2(DECAY / 2), name="dense_2")
    model = keras.Sequential([keras.Input((2,)), hidden, output])
    model.compile(OPTIMIZERS[optimizer](), "binary_crossentropy", metrics=["accuracy"])
    return model


def build_decayed(optimizer):
    """The optimizer takes a share of every kernel away at each step, but not of the biases."""
    hidden = Dense(10, "tanh", name="dense_1")
    output = Dense(1, "sigmoid", name="dense_2")
    model = keras.Sequential([keras.Input((2,)), hidden, output])
    decaying = OPTIMIZERS[optimizer](weight_decay=DECAY)
    decaying.exclude_from_weight_decay(var_names=["bias"])
    model.compile(decaying, "binary_crossentropy", metrics=["accuracy"])
    return model


def drop(seed):
    """The mean of 500 activations after dropout over their mean before, over 2,000 masks, for each rate."""
    x = np.abs(np.random.RandomState(seed).normal(size=(1, 500))).astype("float32")
    batch = np.repeat(x, 2000, axis=0)
    means = [Dropout(rate, seed=seed)(batch, training=True).numpy().mean() / x.mean() for rate in DROPPED]
    return {"mean_after_dropout": np.array(means)}


TRAINED = [
    Experiment("sgd_l2", "gradient descent, L2 penalty", partial(build_penalized, "sgd"), epochs=100),
    Experiment("sgd_decay", "gradient descent, weight decay", partial(build_decayed, "sgd"), epochs=100),
    Experiment("adam_l2", "Adam, L2 penalty", partial(build_penalized, "adam"), epochs=100),
    Experiment("adam_decay", "Adam, weight decay (AdamW)", partial(build_decayed, "adam"), epochs=100),
]
EXPERIMENTS: list[Experiment | Measurement] = [
    *TRAINED,
    Measurement("dropout_mean", "mean activation after dropout", drop),
]


def distance(ours, theirs):
    """The largest difference between the weights of two models over the first's largest weight, (seeds,).

    Args:
        ours, theirs: the variables of the models, lists of arrays (seeds, ...).
    """
    seeds = len(ours[0])
    ours, theirs = (np.concatenate([values.reshape(seeds, -1) for values in model], axis=1) for model in (ours, theirs))
    return np.abs(ours - theirs).max(axis=1) / np.abs(ours).max(axis=1)


def show(weights, accuracies, means):
    """Print how far penalty and decay end apart and what dropout does; draw test accuracies over the epochs.

    Args:
        weights: an experiment's name to the trained variables, a list of arrays (seeds, ...).
        accuracies: an experiment's title to its test accuracies, (seeds, epochs).
        means: mean activation after dropout over that before, for each rate.
    """
    apart = {name: np.median(distance(weights[f"{name}_l2"], weights[f"{name}_decay"])) for name in OPTIMIZERS}
    for name, share in apart.items():
        print(f"{name}: penalty and decay end with weights that differ by {share:.1e} times the largest penalized one")
    for rate, mean in zip(DROPPED, means, strict=True):
        print(f"dropout of {rate:.0%}: the mean activation is {mean:.4f} times that before")
    title = "Penalty against decay, relative difference of the final weights:\n{sgd:.1g} with SGD, {adam:.1g} with Adam"
    return {"accuracy": accuracy_curves(accuracies, title.format(**apart))}


def train(experiment, seed, epochs, log_dir):
    """Train one network; returns its `Result`, its weights, and its test accuracies over the epochs."""
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
    return Result(experiment.title, train_accuracy, test_accuracy), model.get_weights(), history.history["val_accuracy"]


def run(seed=1, epochs=100, log_dir="logs"):
    results, weights, accuracies = [], {}, {}
    for experiment in TRAINED:
        result, trained, accuracy = train(experiment, seed, epochs, log_dir)
        results.append(result)
        weights[experiment.name] = [values[None] for values in trained]  # of one seed
        accuracies[experiment.title] = np.array([accuracy])
    log_dir = new_run(log_dir, "weight_decay", seed)
    for name, figure in show(weights, accuracies, drop(seed)["mean_after_dropout"]).items():
        figure.savefig(log_dir / f"{name}.png", dpi=120)
    return results


def summarize(study):
    return show(
        {name: members.trained for name, members in study.trained.items()},
        {study.title(name): members.history["val_accuracy"] for name, members in study.trained.items()},
        np.median(study.members["dropout_mean"].measured["mean_after_dropout"], axis=0),
    )


SCRIPT = Script(__doc__, run, EXPERIMENTS, summarize)

if __name__ == "__main__":
    SCRIPT.main()
