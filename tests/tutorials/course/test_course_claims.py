"""The rules of the course's claims, on values for which the verdict is known."""

from tutorials.course import course_claims as claims
from tutorials.course import descent, model_selection
from tutorials.studies import Replicates
from tutorials.studies.judging import later

import numpy as np
import pytest


def measurement(**values):
    return Replicates(np.arange(2), measured={name: np.array(value, float) for name, value in values.items()})


def trained(**values):
    values = {name: np.array(value, float) for name, value in values.items()}
    measured = {name: np.stack([value, value], axis=1) for name, value in values.items()}
    return Replicates(np.arange(2), test_accuracy=np.zeros(2), measured=measured)


def test_measures_on_paths():
    paths = np.zeros((1, len(descent.OPTIMIZERS), 101, 2)) + 1.0
    names = [*descent.OPTIMIZERS]
    oscillating, smooth = names.index("gradient descent"), names.index("momentum")
    paths[0, oscillating, :, 1] = (-1.0) ** np.arange(101)
    paths[0, smooth, 10:, 1] = -1
    paths[0, smooth, 20, 0] = 0.1
    members = measurement(paths=paths)
    assert claims.smoother_across(members)[0] == [1 - 20]
    assert claims.faster_along(members) == (pytest.approx([0.1]), [True])
    paths[0, names.index("AdaGrad"), 100, 0] = 0.2
    paths[0, names.index("RMSProp"), 100, 0] = -0.01
    assert claims.stalls(measurement(paths=paths)) == (pytest.approx([0.2]), [True])
    assert claims.does_not_stall(measurement(paths=paths)) == (pytest.approx([0.01]), [True])
    saddle = np.zeros((1, len(names), 301, 2))
    saddle[0, oscillating, 100:, 1], saddle[0, names.index("Adam"), 30:, 1] = 0.6, -0.6
    assert claims.leaves_sooner("Adam")(measurement(paths=saddle)) == ([-70], [True])
    assert claims.leaves_sooner("RMSProp")(measurement(paths=saddle))[1].tolist() == [False]
    by_rate = np.ones((1, 2, 6, 101, 2))
    by_rate[0, 0, 2, 50:] = by_rate[0, 1, 4, 20:] = 0.001
    assert claims.sooner_at_best_rate(measurement(by_rate=by_rate)) == ([-30], [True])


def test_measures_on_averages():
    members = measurement(
        window=[[2, 15, 60], [2, 15, 120]],
        roughness=[[3, 2, 1], [3, 1, 2]],
        lag=[[0, 8, 30], [0, 8, 30]],
        first=[[0.8, 0.3, 0.1], [0.8, 0.6, 0.1]],
        first_corrected=[[1, 1.1, 1], [1, 1, 1]],
    )
    assert claims.window(members)[1].tolist() == [True, False]
    assert claims.smoother_and_later(members)[1].tolist() == [True, False]
    assert claims.biased_low(members)[1].tolist() == [True, False]


def test_measures_on_batch_sizes():
    def size(seconds, reached, accuracy):
        curve = np.full((1, 10), 0.5)
        curve[:, reached:] = 0.8
        history = {"val_accuracy": curve, "loss": curve}
        return Replicates(
            np.arange(1), history=history, test_accuracy=np.array([accuracy]), seconds=np.array([seconds])
        )

    slow, middle, fast = size(10.0, 1, 0.8), size(2.0, 3, 0.85), size(1.0, 9, 0.7)
    assert claims.each_faster(slow, middle, fast) == ([10], [True])
    assert claims.each_faster(slow, fast, middle)[1].tolist() == [False]
    assert later(fast, middle) == ([6], [True])
    sizes = [fast] * 2 + [slow] + [middle] + [fast] * 3  # the middle one is first to 80 %: 0.8 s, and the best
    assert claims.best_in_time_is_not_best_in_accuracy(*sizes) == ([32], [False])


def test_measures_on_weights_and_gradients():
    l1, l2, plain = (
        trained(near_zero=[0.9, 0.4], mean_weight=[0.1, 0.1]),
        trained(near_zero=[0.1, 0.1], mean_weight=[0.2, 0.3]),
        trained(near_zero=[0.0, 0.0], mean_weight=[0.5, 0.5]),
    )
    assert claims.sparse(l1)[1].tolist() == [True, False]
    assert claims.small_not_zero(l2, plain, l1)[1].tolist() == [True, False]
    narrow, wide = (
        Replicates(np.arange(1), train_accuracy=np.array([1.0]), test_accuracy=np.array([a])) for a in (0.9, 0.8)
    )
    assert claims.narrower_gap(narrow, wide) == (pytest.approx([-0.1]), [True])
    assert claims.as_good(wide, narrow, short_by=0.01)[1].tolist() == [False]
    pruned = np.full((2, 9, 2), 0.9)
    pruned[1, 3, 1] = 0.87
    assert claims.survives_pruning(trained(pruned=pruned))[1].tolist() == [True, False]
    flat, falling = trained(input_gradient=np.ones((2, 10))), trained(input_gradient=np.tile(np.arange(10), (2, 1)))
    assert claims.remembers_more(flat, falling)[1].tolist() == [True, True]
    assert claims.remembers_more(falling, flat)[0] == pytest.approx([2 / 7] * 2)
    largest = measurement(largest=[[1, 0.4], [0, 0.6]])
    assert claims.below("largest", 0.5, (1,))(largest)[1].tolist() == [True, False]


def test_cross_validation_chooses_by_the_folds_alone():
    def one(accuracy, test):
        return Replicates(
            np.arange(1), history={"val_accuracy": np.array([[0.1, accuracy]])}, test_accuracy=np.array([test])
        )

    members = []
    for number in range(len(model_selection.SHAPES)):
        members += [one(0.6 + (0.2 if number == 3 else 0) + 0.01 * fold, 0) for fold in range(5)]
        members.append(one(0, 0.9 if number == 5 else 0.7))
    validated, _ = model_selection.scores(members)
    assert validated[0, 3] == pytest.approx(0.82)
    assert validated.argmax() == 3
    value, true = claims.near_the_best(*members)
    assert value == pytest.approx(-0.2)
    assert not true[0]
