"""The rules of the exercises' claims, on values for which the verdict is known."""

from tutorials.extensions import extension_claims as claims
from tutorials.studies import Replicates

import numpy as np
import pytest


def test_much_worse_is_a_tenth():
    deep, shallow = (Replicates(np.arange(2), test_accuracy=np.array(test)) for test in ([0.5, 0.75], [0.8, 0.8]))
    values, true = claims.much_worse(deep, shallow)
    assert values == pytest.approx([-0.3, -0.05])
    assert true.tolist() == [True, False]


def test_hidden_weights_move_more_without_the_output_and_the_biases():
    def moved(hidden, output):
        before = [np.zeros((1, 2, 2)), np.zeros((1, 2)), np.zeros((1, 2, 1)), np.zeros((1, 1))]
        after = [np.full((1, 2, 2), hidden), np.full((1, 2), 9.0), np.full((1, 2, 1), output), np.full((1, 1), 9.0)]
        return Replicates(np.array([1]), initial=before, trained=after)

    assert claims.hidden_weights_move_more(moved(3.0, 1.0), moved(2.0, 5.0)) == (pytest.approx([1.5]), [True])
    assert claims.hidden_weights_move_more(moved(1.0, 9.0), moved(2.0, 5.0))[1].tolist() == [False]
