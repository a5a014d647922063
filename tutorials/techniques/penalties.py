"""Penalties: L1, L2 and both together, each at the strength that cross-validation chooses.

Two hidden layers of 50 ReLU units are trained on 100 samples of the two circles, few enough to overfit; each seed draws
its own. Each penalty is tried at four strengths, evaluated by 5-fold cross-validation; the strength with the best mean
validation accuracy is chosen, and the network is trained with it on all 100 samples. Where both penalties are combined,
each has half of the strength.
Found with 30 seeds: 0.800 with L1, 0.788 with L2, 0.796 with both, each at the strength that cross-validation chooses;
0.788 without a penalty. With L2, half of the seeds choose a strength whose test accuracy is within 0.02 of the best of
the four.
"""

from functools import partial

from tutorials.lab import EpochMetrics, new_run, stratified_subset, two_circles, whole_epochs, without_fold
from tutorials.script import Result, Script
from tutorials.studies import Experiment, number_of_seeds
from tutorials.techniques.technique_plots import lines

import keras
import numpy as np
from keras.initializers import HeUniform
from keras.layers import Dense
from keras.regularizers import L1, L1L2, L2
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor

PENALTIES = {
    "l1": ("L1", L1),
    "l2": ("L2", L2),
    "l1_l2": ("L1 and L2", lambda strength: L1L2(strength / 2, strength / 2)),
}
STRENGTHS = (0.0001, 0.001, 0.01, 0.1)
FOLDS = 5


def build_model(penalty=None, strength=None):
    regularizer = PENALTIES[penalty][1](strength) if penalty else None
    hidden = [
        Dense(50, "relu", kernel_initializer=HeUniform(), kernel_regularizer=regularizer, name=f"dense_{i}")
        for i in (1, 2)
    ]
    model = keras.Sequential([keras.Input((2,)), *hidden, Dense(1, "sigmoid", name="dense_3")])
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model


def all_folds(seed):
    return stratified_subset(two_circles(), 100, seed)


def other_folds(fold, seed):
    """The training folds, the test samples, and the fold held out."""
    return without_fold(all_folds(seed), fold, FOLDS)


def experiment(penalty, strength, fold=None):
    """The experiment with a penalty, on all samples or with a fold held out."""
    number = f"{strength:g}".replace(".", "_")
    title = f"{PENALTIES[penalty][0]}, {strength:g}"
    return Experiment(
        f"{penalty}_{number}" if fold is None else f"{penalty}_{number}_without_fold_{fold + 1}",
        title if fold is None else f"{title}, fold {fold + 1} held out",
        partial(build_model, penalty, strength),
        data=all_folds if fold is None else partial(other_folds, fold),
        epochs=300,
        own_samples=True,
    )


PLAIN = Experiment("no_penalty", "no penalty", build_model, data=all_folds, epochs=300, own_samples=True)
WHOLE = {(penalty, strength): experiment(penalty, strength) for penalty in PENALTIES for strength in STRENGTHS}
HELD_OUT = {pair: [experiment(*pair, fold) for fold in range(FOLDS)] for pair in WHOLE}


def train(experiment, seed, epochs, log_dir):
    """Train one network; returns its validation accuracy in the last epoch, and its `Result`."""
    log_dir = new_run(log_dir, experiment.name, seed)
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test), *held_out = experiment.samples(seed)
    model = experiment.build_model()
    whole_epochs(model, seed)  # thirty times faster; without this line it is plain Keras
    history = model.fit(
        x_train,
        y_train,
        validation_data=held_out[0] if held_out else (x_test, y_test),
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
    return history.history["val_accuracy"][-1], Result(experiment.title, train_accuracy, test_accuracy)


def run(seed=1, epochs=300, log_dir="logs"):
    _, plain = train(PLAIN, seed, epochs, log_dir)
    results, validated, tested = [plain], {}, {}
    for pair, experiment in WHOLE.items():
        folds = [train(one, seed, epochs, log_dir) for one in HELD_OUT[pair]]
        _, result = train(experiment, seed, epochs, log_dir)
        results += [*[fold_result for _, fold_result in folds], result]
        validated[pair] = np.array([np.mean([accuracy for accuracy, _ in folds])])
        tested[pair] = np.array([result.test_accuracy])
    figure = draw(validated, tested, np.array([plain.test_accuracy]), f"seed {seed}")
    figure.savefig(new_run(log_dir, "penalties", seed) / "penalties.png", dpi=120)
    return results


def chosen(validated, accuracies, penalty):
    """The accuracies with a penalty at the strength that cross-validation chooses, seed by seed, (seeds,).

    Args:
        validated, accuracies: pairs of penalty and strength to accuracies of the seeds, (seeds,).
        penalty: a key of `PENALTIES`.
    """
    scores, found = (np.stack([one[penalty, strength] for strength in STRENGTHS]) for one in (validated, accuracies))
    return np.take_along_axis(found, scores.argmax(axis=0)[None], axis=0)[0]


def draw(validated, tested, plain, seeds):
    """Draw validation and test accuracy by strength.

    Args:
        validated, tested: pairs of penalty and strength to accuracies of the seeds, (seeds,).
        plain: test accuracies without a penalty, (seeds,).
        seeds: a phrase such as "30 seeds", which ends the title.
    """

    def by_strength(accuracies):
        return {
            title: np.stack([accuracies[penalty, strength] for strength in STRENGTHS], axis=1)
            for penalty, (title, _) in PENALTIES.items()
        }

    found = ", ".join(
        f"{title} {np.median(chosen(validated, tested, penalty)):.3f}" for penalty, (title, _) in PENALTIES.items()
    )
    title = f"Test accuracy at the strength chosen: {found}; without a penalty {np.median(plain):.3f}; {seeds}"
    panels = {
        "cross-validated accuracy (share of samples)": by_strength(validated),
        "test accuracy (share of samples)": by_strength(tested),
    }
    return lines(STRENGTHS, panels, "strength of the penalty", title, xlog=True)


def cross_validated(members):
    """The mean validation accuracy of the folds in the last epoch, (seeds,); `members` are their `Replicates`."""
    return np.mean([fold.history["val_accuracy"][:, -1] for fold in members], axis=0)


def summarize(study):
    validated = {pair: cross_validated([study.members[one.name] for one in folds]) for pair, folds in HELD_OUT.items()}
    tested = {pair: study.members[one.name].test_accuracy for pair, one in WHOLE.items()}
    for penalty, (title, _) in PENALTIES.items():
        accuracy = np.median(chosen(validated, tested, penalty))
        print(f"{title} at the strength that cross-validation chooses: test accuracy {accuracy:.3f} (median)")
    plain = study.members["no_penalty"].test_accuracy
    return {"penalties": draw(validated, tested, plain, number_of_seeds(study, with_epochs=False))}


ALL = [*WHOLE.values(), *(one for folds in HELD_OUT.values() for one in folds)]
"""Every penalty at every strength on all samples, then those with a fold held out."""

SCRIPT = Script(__doc__, run, [PLAIN, *ALL], summarize)

if __name__ == "__main__":
    SCRIPT.main()
