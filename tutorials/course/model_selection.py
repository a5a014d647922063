"""Choosing a model: does cross-validation on the training half find the network that does best on the test half?

Nine ReLU networks of 1, 2 and 4 layers of 2, 5 and 15 units. Each is trained five times on four fifths of the
training half and judged on the fifth that was left out; the best mean wins. Then all nine are trained on the
whole half and tested.
Found with 30 seeds: it ranks them as the test half does. Networks of two units a layer are never chosen, those
of 15 nearly always; its accuracies are 0.03 too low, as four fifths of the points are fewer.
"""

from functools import partial

from tutorials.lab import Experiment, Task, main, mlp
from tutorials.lab.data import folds
from tutorials.lab.experiment import adam

SHAPES = [(depth, width) for depth in (1, 2, 4) for width in (2, 5, 15)]
FOLDS = 5


def candidate(depth, width, fold=None):
    """The experiment that trains on all folds but one, or on the whole half."""
    name, words = f"relu_{depth}_x_{width}", f"ReLU, {depth} x {width}"
    build_model = partial(mlp, depth, width, activation="relu", initializer="he_uniform")
    options = {"build_optimizer": partial(adam, 0.01), "epochs": 100}
    if fold is None:
        return Experiment(name, f"{words}, whole half", build_model, **options)
    task = Task(partial(folds, fold, FOLDS))
    return Experiment(
        f"{name}_without_fold_{fold + 1}", f"{words}, fold {fold + 1} left out", build_model, task=task, **options
    )


EXPERIMENTS = [candidate(*shape, fold) for shape in SHAPES for fold in (*range(FOLDS), None)]


def scores(members):
    """Returns two arrays (S, 9): each shape's cross-validated accuracy, and its test accuracy after the whole half.

    Args:
        members: list of the `Replicates` of `EXPERIMENTS`, in this order.
    """
    import numpy as np

    groups = [members[i : i + FOLDS + 1] for i in range(0, len(members), FOLDS + 1)]
    validated = [np.mean([one.history["val_accuracy"][:, -1] for one in group[:-1]], axis=0) for group in groups]
    return np.stack(validated, axis=1), np.stack([group[-1].test_accuracy for group in groups], axis=1)


def look(study):
    import numpy as np

    from tutorials.course.figures import cross_validation

    if len(study.members) < len(EXPERIMENTS):
        return {}
    validated, tested = scores(list(study.members.values()))
    chosen = validated.argmax(axis=1)
    for number, (depth, width) in enumerate(SHAPES):
        print(
            f"{depth} x {width:2}: cross-validated {np.median(validated[:, number]):.3f}, tested "
            f"{np.median(tested[:, number]):.3f} (medians); chosen by {(chosen == number).sum()} seeds"
        )
    return {"cross_validation": cross_validation(validated, tested, SHAPES)}


def run(settings):
    from tutorials.lab.studies import run_study

    return run_study("model_selection", EXPERIMENTS, settings, look)


if __name__ == "__main__":
    main(run, __doc__, study=True)
