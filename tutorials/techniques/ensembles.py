"""Ensembles: voting, stacking, boosting and bagging.

Five networks of different shapes learn handwritten digits from 200 images, of which each seed draws its own. They vote;
or a logistic regression is fitted on their outputs for 50 held-out images (stacking). On the two circles, eleven
networks of one hidden layer of two units are boosted: each is trained on samples drawn with AdaBoost's weights, which
grow for misclassified samples, and all are combined linearly. For comparison, eleven such networks, each trained on
samples drawn with equal weights, vote (bagging).
Found with 30 seeds: a vote gets 0.940, the best member 0.935, stacking 0.918, as 50 held-out images are few to learn a
combination from. A weak network alone gets 0.58, eleven boosted ones 0.75, and a vote of eleven 0.63.
"""

from functools import partial

from tutorials.lab import EpochMetrics, digits, held_out, new_run, stratified_subset, two_circles, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment, Measurement, number_of_seeds, replicate
from tutorials.techniques.technique_plots import by_technique, curves

import keras
import numpy as np
from keras.layers import Dense, Dropout
from sklearn.linear_model import LogisticRegression
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor

MEMBERS = {
    "tanh_20": ("one layer of 20 tanh units", "tanh", (20,), 0),
    "relu_50": ("one layer of 50 ReLU units", "relu", (50,), 0),
    "relu_50_50": ("two layers of 50 ReLU units", "relu", (50, 50), 0),
    "relu_50_50_50": ("three layers of 50 ReLU units", "relu", (50, 50, 50), 0),
    "relu_100_dropout": ("one layer of 100 ReLU units, dropout of half", "relu", (100,), 0.5),
}
"""A network's title, activation, units of its hidden layers, and the dropout rate after each."""

ROUNDS = 11
"""Weak networks of a boosted or bagged ensemble; an odd number, so that no vote ends in a tie."""


def build_model(activation, units, dropout):
    model = keras.Sequential([keras.Input((784,))])
    for i, number in enumerate(units, 1):
        model.add(Dense(number, activation, name=f"dense_{i}"))
        if dropout:
            model.add(Dropout(dropout))
    model.add(Dense(10, "softmax", name=f"dense_{len(units) + 1}"))
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def build_weak_model():
    model = keras.Sequential([keras.Input((2,)), Dense(2, "tanh", name="dense_1"), Dense(1, "sigmoid", name="dense_2")])
    model.compile(keras.optimizers.Adam(0.03), "binary_crossentropy", metrics=["accuracy"])
    return model


def few_digits(source, seed):
    return held_out(stratified_subset(digits(source), 250, seed), seed=seed)


def outputs(model, data):
    """Predictions for the held-out samples and the test samples, and the classes of both."""
    _, (x_test, y_test), (x_out, y_out) = data
    return {"held_out": model(x_out).numpy(), "test": model(x_test).numpy(), "y_out": y_out, "y_test": y_test}


def combine(members):
    """Test accuracies of one ensemble: of its best member, of the vote, and stacked.

    The best member is the one with the highest held-out accuracy. In a tied vote the lower class wins. The stacked
    model takes the logarithms of the outputs; it is strongly regularized, as it has more weights than samples.

    Args:
        members: what `outputs` returned of each.
    """
    y_out, y_test = members[0]["y_out"], members[0]["y_test"]
    best = max(members, key=lambda one: (one["held_out"].argmax(axis=1) == y_out).mean())
    votes = np.stack([np.eye(10)[one["test"].argmax(axis=1)] for one in members]).sum(axis=0)
    x_out, x_test = (
        np.concatenate([np.log(one[part] + 1e-7) for one in members], axis=1) for part in ("held_out", "test")
    )
    stacked = LogisticRegression(C=0.01, max_iter=1000).fit(x_out, y_out)
    return {
        "best member": (best["test"].argmax(axis=1) == y_test).mean(),
        "vote": (votes.argmax(axis=1) == y_test).mean(),
        "stacking": stacked.score(x_test, y_test),
    }


def boost(seed, train_network, reweight=True):
    """Test accuracy after each round of AdaBoost, (rounds,), or of bagging (Freund and Schapire 1997; Breiman 1996).

    Args:
        seed: of the samples drawn.
        train_network: function of x and y to train on, and of a seed, that trains a weak network and returns its
            outputs for all training samples and all test samples.
        reweight: whether samples that were misclassified are drawn more often in the next round, and better networks
            weigh more; else all are drawn alike and all networks weigh alike.
    """
    (x, y), (_, y_test) = two_circles()
    random, accuracies, truth = np.random.RandomState(seed), [], np.where(y > 0.5, 1, -1)
    weights, score = np.full(len(x), 1 / len(x)), np.zeros(len(y_test))
    for number in range(ROUNDS):
        drawn = random.choice(len(x), len(x), p=weights)
        on_train, on_test = (
            np.where(out.ravel() > 0.5, 1, -1) for out in train_network(x[drawn], y[drawn], ROUNDS * seed + number)
        )
        error = np.clip(weights[on_train != truth].sum(), 1e-6, 1 - 1e-6)
        alpha = np.log((1 - error) / error) / 2 if reweight else 1  # negative for a network worse than chance
        if reweight:
            weights = weights * np.exp(-alpha * truth * on_train)
            weights /= weights.sum()
        score = score + alpha * on_test
        accuracies.append(((score > 0) == (y_test > 0.5)).mean())
    return np.array(accuracies)


def outputs_for_all(model, data):
    """The outputs for all training samples, which AdaBoost weighs, and for the test samples."""
    _, (x_test, _), (x, _) = data
    return {"train": model(x).numpy(), "test": model(x_test).numpy()}


def train_compiled(x, y, seed):
    """Train a weak network as `study` does, all epochs in one compiled call."""
    train, test = two_circles()
    weak = Experiment("weak", "", build_weak_model, lambda: ((x, y), test, train), 50, measure=outputs_for_all)
    measured = replicate(weak, [seed], threads=1).measured  # arrays (seeds, before and after training, ...)
    return measured["train"][0, 1], measured["test"][0, 1]


def boosting(seed):
    """Test accuracies after each round, boosted and bagged; and that of the first weak network alone."""
    boosted, bagged = (boost(seed, train_compiled, reweight) for reweight in (True, False))
    return {"boosted": boosted, "bagged": bagged, "weak": bagged[0]}


def experiments(source=None):
    return [
        *[
            Experiment(
                f"few_digits_{name}",
                title,
                partial(build_model, *shape),
                data=partial(few_digits, source),
                epochs=60,
                measure=outputs,
                own_samples=True,
            )
            for name, (title, *shape) in MEMBERS.items()
        ],
        Measurement("boosting", "eleven weak networks, boosted and bagged", boosting),
    ]


def train(experiment, seed, epochs, log_dir):
    """Train one network; returns its `Result` and its outputs."""
    log_dir = new_run(log_dir, experiment.name, seed)
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test), held_out_samples = data = experiment.samples(seed)
    model = experiment.build_model()
    whole_epochs(model, seed)  # much faster; without this line it is plain Keras
    model.fit(
        x_train,
        y_train,
        validation_data=held_out_samples,
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
    return Result(experiment.title, train_accuracy, test_accuracy), outputs(model, data)


def run(seed=1, epochs=60, log_dir="logs", data=None):
    *networks, _ = experiments(data)
    trained = [train(one, seed, epochs, log_dir) for one in networks]
    combined = {name: np.array([accuracy]) for name, accuracy in combine([found for _, found in trained]).items()}
    boosted = {name: values[None] for name, values in boosting(seed).items()}
    for name, figure in draw(combined, boosted, f"seed {seed}").items():
        figure.savefig(new_run(log_dir, f"ensembles_{name}", seed) / f"{name}.png", dpi=120)
    return [result for result, _ in trained]


def combined_seeds(members):
    """What `combine` returns, seed by seed, arrays (seeds,); `members` are the `Replicates` of the five networks."""
    ensembles = [
        [{name: values[i, 1] for name, values in one.measured.items()} for one in members]
        for i in range(len(members[0].seeds))
    ]
    found = [combine(ensemble) for ensemble in ensembles]
    return {name: np.array([one[name] for one in found]) for name in found[0]}


def draw(combined, boosted, seeds):
    """Draw what combining gains; returns a dict of figures.

    Args:
        combined: what `combined_seeds` returned.
        boosted: what `boosting` returned, with an axis of seeds first.
        seeds: a phrase such as "30 seeds", which ends the titles.
    """
    vote, stacked, best = (np.median(combined[name]) for name in ("vote", "stacking", "best member"))
    of_digits = f"Five networks, 200 images: vote {vote:.3f}, stacking {stacked:.3f}, best member {best:.3f}; {seeds}"
    alone, last = np.median(boosted["weak"]), np.median(boosted["boosted"][:, -1])
    of_circles = f"Weak networks: {alone:.2f} alone, {last:.2f} after {ROUNDS} rounds of boosting; {seeds}"
    rounds = {"boosted (AdaBoost)": boosted["boosted"], "a vote of networks (bagging)": boosted["bagged"]}
    return {
        "stacking": by_technique(combined, "test accuracy (share of images)", of_digits),
        "boosting": curves(rounds, "test accuracy (share of samples)", of_circles, xlabel="networks combined"),
    }


def summarize(study):
    *members, boosted = study.members.values()
    combined = combined_seeds(members)
    for name, values in {**combined, "boosting, eleven weak networks": boosted.measured["boosted"][:, -1]}.items():
        print(f"{name}: test accuracy {np.median(values):.3f} (median)")
    return draw(combined, boosted.measured, number_of_seeds(study, with_epochs=False))


SCRIPT = Script(__doc__, run, experiments, summarize)

if __name__ == "__main__":
    SCRIPT.main()
