"""The rules of the tutorial's claims, on values for which the verdict is known."""

from tutorials.studies import Replicates
from tutorials.vanishing import vanishing_claims as claims

import numpy as np
import pytest


def members(test, train=None, seeds=None, **arrays):
    """Replicates made by hand: `test` holds accuracies (S,) or (S, E)."""
    test = np.array(test, float)
    curves = test if test.ndim == 2 else test[:, None]
    history = {"val_accuracy": curves, "accuracy": curves} | {k: np.array(v, float) for k, v in arrays.items()}
    final = curves[:, -1] if train is None else np.array(train, float)
    seeds = np.arange(len(curves)) if seeds is None else np.array(seeds)
    return Replicates(seeds, history=history, train_accuracy=final, test_accuracy=curves[:, -1])


def gradients(*layers, epochs=4):
    """Replicates of one seed whose kernels have these mean gradients in every epoch."""
    return members([0.5], gradient_abs_mean=np.tile(np.array(layers, float), (1, epochs, 1)))


def test_both_halves_are_near_what_was_published():
    near = claims.near(0.816, 0.03)
    assert near(members([0.80, 0.80, 0.70], train=[0.80, 0.70, 0.80]))[1].tolist() == [True, False, False]


def test_measures_on_curves():
    early, late, never = (np.full(500, 0.5) for _ in range(3))
    early[99:], late[249:] = 0.81, 0.81
    steep = late.copy()
    steep[400:] = 0.9
    curves = members([early, late, never, steep])
    values, true = claims.slows_near_300(curves)
    assert values[[0, 1, 3]].tolist() == [100, 250, 250]
    assert np.isnan(values[2])
    assert true.tolist() == [False, True, False, False]
    values, true = claims.converges_by_150(curves)
    assert values[[0, 1]].tolist() == [100, 250]
    assert true.tolist() == [True, False, False, False]
    falling = np.linspace(0.6, 0.5, 500)
    assert claims.gets_worse(members([early, falling]))[1].tolist() == [False, True]


def test_measures_on_gradients():
    tanh, relu = gradients(0.02, 0.004, 0.003, 0.004, 0.006, 0.07), gradients(0.3, 0.04, 0.03, 0.02, 0.01, 0.04)
    assert claims.larger_near_output(tanh)[0] == pytest.approx([0.08 / 0.027])
    assert claims.larger_near_output(relu)[1].tolist() == [False]
    assert claims.output_gradient_in_range(tanh)[1].tolist() == [True]
    assert claims.output_gradient_in_range(relu)[1].tolist() == [False]
    assert claims.first_like_output(tanh) == (pytest.approx([2 / 7]), [False])
    assert claims.most_in_last_two(tanh)[0] == pytest.approx([0.076 / 0.107])
    assert claims.first_layer_larger(relu, tanh) == (pytest.approx([15]), [True])
    assert claims.first_layer_in_range(relu)[1].tolist() == [True]
    assert claims.middle_larger(relu, tanh)[0] == pytest.approx([0.09 / 0.011])
    unsteady = members([0.5], gradient_abs_mean=np.array([[[0.1], [0.3]]]))
    assert claims.steadier(relu, unsteady)[1].tolist() == [True]


def test_measures_on_weights():
    before = [np.zeros((1, 2, 2)), np.zeros((1, 2)), np.zeros((1, 2, 1)), np.zeros((1, 1))]
    after = [np.array([[[1, -1], [1, 1]]]), np.full((1, 2), 9.0), np.array([[[3.0], [-1]]]), np.full((1, 1), 9.0)]
    one = Replicates(np.array([1]), initial=before, trained=after)
    assert claims.moved(one).tolist() == [[1, 2]]
    assert claims.moves_more_near_output(one) == (pytest.approx([2]), [True])
