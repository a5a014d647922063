"""The pure functions behind the monitors, against NumPy in float64."""

import keras
import numpy as np
import pytest

from callbacks._statistics import GradientStatistics, gradient_statistics, l1_norms, weight_statistics


def statistics_of(*gradients):
    """The statistics of each gradient, numbers; zeros fill up the shorter ones, as for kernels of several sizes."""
    vectors = [np.ravel(gradient).astype("float32") for gradient in gradients]
    sizes = np.array([vector.size for vector in vectors], "float32")
    matrix = np.array([np.pad(vector, (0, int(sizes.max()) - vector.size)) for vector in vectors])
    found = gradient_statistics(*map(keras.ops.convert_to_tensor, (matrix, sizes, np.ones_like(sizes))))
    return [GradientStatistics(*map(float, row)) for row in np.transpose([*map(keras.ops.convert_to_numpy, found)])]


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1.0, 1e25])
def test_norm_neither_underflows_nor_overflows(scale):
    (found,) = statistics_of(np.array([[3.0, -4.0], [0.0, 0.0]]) * scale)
    assert found.l2 == pytest.approx(5 * scale)
    assert found.mean == pytest.approx(-0.25 * scale)
    assert found.abs_mean == pytest.approx(1.75 * scale)
    assert found.max == pytest.approx(4 * scale)
    assert (found.zero_fraction, found.nonfinite, found.finite, found.clipped) == (0.5, 0, 1, 0)


def test_nonfinite_elements_are_counted_and_left_out():
    broken, healthy = statistics_of([[np.nan, np.inf], [0.0, 2.0]], [[1.0, -3.0]])
    assert broken == GradientStatistics(
        mean=1, abs_mean=1, l2=2, zero_fraction=0.5, nonfinite=2, finite=1, clipped=0, max=2
    )
    assert healthy.l2 == pytest.approx(10**0.5)
    assert healthy.nonfinite == 0
    (without_any,) = statistics_of([[np.nan]])
    assert without_any == GradientStatistics(0, 0, 0, 0, nonfinite=1, finite=0, clipped=0, max=0)


def test_l1_norms_count_what_is_not_finite():
    norms, nonfinite = l1_norms(np.array([1.0, -2.0, np.nan, -2.0, np.inf, np.nan]), np.array([0, 2, 5]))
    np.testing.assert_array_equal(norms, [3, 2, np.nan])
    assert nonfinite.tolist() == [0, 2, 1]


def test_weight_statistics_leave_out_what_is_not_finite_at_either_end():
    before = np.array([1.0, 2.0, np.nan, 0.0, 0.0, np.inf])
    after = np.array([1.5, np.nan, 3.0, 0.0, 1.0, np.inf])
    starts, scale = np.array([0, 3, 5]), np.array([1.0, 2.0, 1.0])
    found = weight_statistics(before, after, starts, l1_norms(before, starts)[0] * scale, scale)
    np.testing.assert_array_equal(found.l1_change, [0.5, 2, np.nan])
    np.testing.assert_array_equal(found.l1, [4.5, 2, np.nan])
    np.testing.assert_array_equal(found.update_ratio, [0.5 / 3, np.nan, np.nan])  # a kernel of zeros has no ratio
    assert found.nonfinite.tolist() == [1, 0, 1]
