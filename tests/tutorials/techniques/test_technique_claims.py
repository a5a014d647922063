"""The rules of these claims, on values for which the verdict is known."""

from tutorials.studies import Replicates
from tutorials.techniques import ensembles, penalties, technique_claims

import numpy as np
import pytest

CLAIMS = {claim.key: claim for claim in technique_claims.CLAIMS}


def accuracies(test, train=0.9, **others):
    """Members with these accuracies, one for each seed."""
    test = np.atleast_1d(np.array(test, float))
    return Replicates(
        np.arange(len(test)),
        train_accuracy=np.broadcast_to(np.array(train, float), test.shape),
        test_accuracy=test,
        **others,
    )


def judge(key, *members):
    """The values and the truth of a claim, lists of a seed each."""
    values, true = CLAIMS[key].measure(*members)
    return np.asarray(values, float).tolist(), np.asarray(true, bool).tolist()


def test_samples():
    shrinking = [accuracies(test) for test in ([0.6, 0.6], [0.6, 0.6], [0.7, 0.5], [0.7, 0.7], [0.8, 0.8])]
    values, true = judge("D1", *shrinking)
    assert (values, true) == (pytest.approx([0.2, 0.2]), [True, False])
    values, true = judge("D2", *shrinking)
    assert (values, true) == (pytest.approx([0, -0.1]), [True, False])


def test_capacity():
    middle = accuracies([0.8, 0.8], 0.85)
    assert judge("D3a", accuracies([0.5, 0.5], [0.6, 0.82]), middle)[1] == [True, False]
    largest = accuracies([0.7, 0.85], [1.0, 1.0])
    values, true = judge("D3b", largest, middle)
    assert (values, true) == (pytest.approx([0.25, 0.1]), [True, False])


def test_augmentation_is_compared_at_both_sizes():
    few, few_plain, many, many_plain = (accuracies([one]) for one in (0.8, 0.7, 0.92, 0.9))
    assert judge("D5", few, few_plain, many, many_plain) == (pytest.approx([0.08]), [True])
    assert judge("D5", many, many_plain, few, few_plain)[1] == [False]
    harmed = [accuracies([one]) for one in (0.6, 0.7)]
    assert judge("D5", *harmed, few_plain, many_plain)[1] == [False]


def test_normalization():
    """Batches of 2 and 32 with a normalization, then without."""
    small, large, small_plain, large_plain = (
        accuracies(test) for test in ([0.6] * 2, [0.8] * 2, [0.7, 0.6], [0.8] * 2)
    )
    values, true = judge("LN1a", small, large, small_plain, large_plain)
    assert (values, true) == (pytest.approx([-0.1, 0]), [True, False])
    assert judge("LN1b", small, large, small_plain, large_plain)[1] == [False, True]
    assert judge("LN2", accuracies([0.6, 0.6], [0.9, 0.6]), accuracies([0.8, 0.8], [0.9, 0.9]))[1] == [True, False]


def penalized(tested, validated):
    """Members in the order of the claims; by penalty and strength a test accuracy, and that of all folds."""
    whole = [accuracies([tested[pair]]) for pair in penalties.WHOLE]
    folds = [
        accuracies([0], history={"val_accuracy": np.array([[0.0, validated[pair]]])})
        for pair in penalties.HELD_OUT
        for _ in range(penalties.FOLDS)
    ]
    return [*whole, *folds]


def test_penalties_are_compared_at_the_strength_that_cross_validation_chooses():
    first, second, *_ = penalties.STRENGTHS
    tested = dict.fromkeys(penalties.WHOLE, 0.7)
    validated = dict.fromkeys(penalties.WHOLE, 0.5)
    tested |= {("l1", first): 0.8, ("l2", second): 0.82, ("l2", first): 0.9, ("l1_l2", second): 0.805}
    validated |= {("l1", first): 0.6, ("l2", second): 0.65, ("l1_l2", second): 0.6}
    assert judge("G9", *penalized(tested, validated)) == (pytest.approx([-0.015]), [False])  # against L2
    assert judge("G10a", *penalized(tested, validated)) == (pytest.approx([-0.08]), [False])
    validated["l1", first] = 0.7
    assert judge("G9", *penalized(tested, validated)) == (pytest.approx([0.005]), [True])  # against L1
    validated["l2", first] = 0.7
    assert judge("G10a", *penalized(tested, validated)) == ([0], [True])
    same = dict.fromkeys(penalties.WHOLE, 0.7)
    assert judge("G10a", *penalized(same, validated)) == ([0], [False])  # nothing to choose


def test_a_tighter_constraint_has_smaller_hidden_weights():
    def of_size(size, output=1.0):
        kernels = [np.full((1, 2, 3), -size), np.full((1, 3, 3), size), np.full((1, 3, 1), output)]
        return accuracies([0.8], trained=[part for kernel in kernels for part in (kernel, np.full((1, 3), 9.0))])

    assert judge("G10b", of_size(1.0), of_size(0.5), of_size(0.25, 8.0)) == ([0.25], [True])
    assert judge("G10b", of_size(1.0), of_size(0.2), of_size(0.25))[1] == [False]


def test_robustness_is_the_accuracy_lost():
    def under_noise(clean, noisy):
        return accuracies([clean], measured={"under_noise": np.array([[[0] * 5, [clean, 0.9, noisy, 0.2, 0.1]]])})

    assert judge("G11a", under_noise(0.9, 0.8), under_noise(0.95, 0.7)) == (pytest.approx([-0.15]), [True])
    assert judge("G11b", under_noise(0.9, 0.6), under_noise(0.95, 0.7))[1] == [False]


def test_units_that_can_be_removed():
    def pruned(accuracy, milliseconds):
        last = np.array([[accuracy, milliseconds]])
        both = np.stack([np.zeros_like(last), last], axis=1)
        measured = {"without_units": both[:, :, 0], "milliseconds": both[:, :, 1]}
        return accuracies([0.9], measured=measured)

    good = pruned([0.95, 0.95, 0.95, 0.94, 0.5, 0.1], [10, 9, 7, 5, 3, 1])
    assert judge("G12a", good) == (pytest.approx([-0.01]), [True])
    assert judge("G12b", good) == ([0.5], [True])
    bad = pruned([0.95, 0.95, 0.95, 0.92, 0.9, 0.9], [10, 9, 7, 7, 1, 1])
    assert (judge("G12a", bad)[1], judge("G12b", bad)[1]) == ([False], [False])


def test_boosting_is_compared_after_the_last_round():
    measured = {"boosted": [[0.6, 0.8]], "bagged": [[0.6, 0.85]], "weak": [0.6]}
    members = Replicates(np.arange(1), measured={name: np.array(value) for name, value in measured.items()})
    assert judge("G14a", members) == (pytest.approx([0.2]), [True])
    assert judge("G14b", members) == (pytest.approx([-0.05]), [False])


def test_stacking_is_compared_with_the_best_member_and_the_vote(monkeypatch):
    found = {"best member": np.array([0.8, 0.9]), "vote": np.array([0.9, 0.8]), "stacking": np.array([0.85, 0.85])}
    monkeypatch.setattr(technique_claims, "combined_seeds", lambda members: found)
    assert judge("G13a", *range(len(ensembles.MEMBERS)))[1] == [True, False]
    assert judge("G13b", *range(len(ensembles.MEMBERS)))[1] == [False, True]


def test_learning_rates():
    def losses(*values):
        return accuracies([0.8], history={"loss": np.array([values], float)})

    falling, rising = losses(*range(20, 0, -1)), losses(*([1, 30] * 10))
    assert judge("O6a", rising, falling)[1] == [True]
    assert judge("O6a", falling, rising)[1] == [False]
    assert judge("O7a", losses(*([9] * 10 + [1] * 10)), losses(*([0] * 10 + [2] * 10))) == ([0.5], [True])


def test_searches():
    measured = {
        "grid": [[0.5, 0.7, 0.8], [0.8, 0.5, 0.7], [0.5, 0.8, 0.7]],
        "bayesian": [[0.6, 0.81, 0.7], [0.8, 0.7, 0.79], [0.6, 0.7, 0.79]],
        "grid_test": [[0.1, 0.1, 0.75], [0.75, 0.1, 0.1], [0.1, 0.75, 0.1]],
        "bayesian_test": [[0.1, 0.745, 0.9], [0.7, 0.9, 0.9], [0.1, 0.9, 0.75]],
    }
    members = Replicates(np.arange(3), measured={name: np.array(value) for name, value in measured.items()})
    values, true = judge("H1a", members)
    assert true == [True, False, False]
    assert values[:2] == [-1, 0]
    assert np.isnan(values[2])
    assert judge("H1b", members) == (pytest.approx([-0.005, -0.05, 0]), [True, False, True])
