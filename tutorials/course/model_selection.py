"""Choosing a model: cross-validation on the training half, and whether it finds the network that tests best.

Nine ReLU networks of 1, 2 and 4 hidden layers of 2, 5 and 15 units. Each is trained five times on four fifths of the
training half and validated on the fold that was held out; the best mean wins. Then all nine are trained on the whole
half and tested.
Found with 30 seeds: cross-validation ranks the networks as the test half does. Networks of two units per layer are
never chosen, those of 15 nearly always. The cross-validated accuracies are 0.03 too low, because they come from
networks trained on four fifths of the samples.
"""

from functools import partial

from tutorials.course.course_plots import cross_validation
from tutorials.lab import EpochMetrics, new_run, two_circles, whole_epochs, without_fold
from tutorials.script import Result, Script
from tutorials.studies import Experiment

import keras
import numpy as np
from keras.initializers import HeUniform
from keras.layers import Dense
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor

SHAPES = [(hidden_layers, width) for hidden_layers in (1, 2, 4) for width in (2, 5, 15)]
FOLDS = 5


def build_model(hidden_layers, width):
    numbers = range(1, hidden_layers + 1)
    hidden = [Dense(width, "relu", kernel_initializer=HeUniform(), name=f"dense_{i}") for i in numbers]
    output = Dense(1, "sigmoid", name=f"dense_{hidden_layers + 1}")
    model = keras.Sequential([keras.Input((2,)), *hidden, output])
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model


def other_folds(fold):
    """All folds of the training half but one, the test half, and the one."""
    return without_fold(two_circles(), fold, FOLDS)


def validated_on(fold, hidden_layers, width):
    """The experiment that holds one fold out and is validated on it."""
    return Experiment(
        f"relu_{hidden_layers}_x_{width}_without_fold_{fold + 1}",
        f"ReLU, {hidden_layers} x {width}, fold {fold + 1} held out",
        partial(build_model, hidden_layers, width),
        data=partial(other_folds, fold),
        epochs=100,
    )


def on_the_whole_half(hidden_layers, width):
    """The experiment that trains on all folds."""
    return Experiment(
        f"relu_{hidden_layers}_x_{width}",
        f"ReLU, {hidden_layers} x {width}, whole half",
        partial(build_model, hidden_layers, width),
        data=two_circles,
        epochs=100,
    )


EXPERIMENTS = []
for shape in SHAPES:
    EXPERIMENTS += [validated_on(fold, *shape) for fold in range(FOLDS)]
    EXPERIMENTS += [on_the_whole_half(*shape)]


def train(experiment, seed, epochs, log_dir):
    """Train one network; returns its validation accuracy in the last epoch, and its `Result`."""
    log_dir = new_run(log_dir, experiment.name, seed)
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test), *held_out = experiment.data()
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


def run(seed=1, epochs=100, log_dir="logs"):
    results, validated, tested = [], [], []
    for shape in SHAPES:
        trained = [train(validated_on(fold, *shape), seed, epochs, log_dir) for fold in range(FOLDS)]
        validated.append(np.mean([accuracy for accuracy, _ in trained]))
        _, result = train(on_the_whole_half(*shape), seed, epochs, log_dir)
        tested.append(result.test_accuracy)
        results += [*[fold_result for _, fold_result in trained], result]
    best = int(np.argmax(validated))
    hidden_layers, width = SHAPES[best]
    chosen = f"Cross-validation chooses {hidden_layers} x {width}"
    print(f"{chosen}: test accuracy {tested[best]:.3f}, the best of all {max(tested):.3f}")
    figure = cross_validation(np.array([validated]), np.array([tested]), SHAPES)
    figure.savefig(new_run(log_dir, "model_selection", seed) / "cross_validation.png", dpi=120)
    return results


def scores(members):
    """Two arrays (S, 9): each shape's cross-validated accuracy, and its test accuracy after the whole half.

    Args:
        members: list of the `Replicates` of `EXPERIMENTS`, in this order.
    """
    groups = [members[i : i + FOLDS + 1] for i in range(0, len(members), FOLDS + 1)]
    validated = [np.mean([fold.history["val_accuracy"][:, -1] for fold in group[:-1]], axis=0) for group in groups]
    return np.stack(validated, axis=1), np.stack([group[-1].test_accuracy for group in groups], axis=1)


def summarize(study):
    if len(study.members) < len(EXPERIMENTS):
        return {}
    validated, tested = scores(list(study.members.values()))
    chosen = validated.argmax(axis=1)
    for number, (hidden_layers, width) in enumerate(SHAPES):
        print(
            f"{hidden_layers} x {width:2}: cross-validated {np.median(validated[:, number]):.3f}, tested "
            f"{np.median(tested[:, number]):.3f} (medians); chosen by {(chosen == number).sum()} seeds"
        )
    return {"cross_validation": cross_validation(validated, tested, SHAPES)}


SCRIPT = Script(__doc__, run, EXPERIMENTS, summarize)

if __name__ == "__main__":
    SCRIPT.main()
