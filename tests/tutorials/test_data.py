import numpy as np
from sklearn.datasets import make_circles

from tutorials.lab.data import two_circles


def test_data_are_the_tutorials():
    (x_train, y_train), (x_test, y_test) = two_circles()
    raw, y = make_circles(n_samples=1000, noise=0.1, random_state=1)
    low, high = raw.min(axis=0), raw.max(axis=0)  # of all 1,000 points
    x = 2 * (raw - low) / (high - low) - 1
    np.testing.assert_allclose(np.concatenate([x_train, x_test]), x, atol=1e-6)
    np.testing.assert_array_equal(np.concatenate([y_train, y_test]), y)
    assert x_train.shape == x_test.shape == (500, 2)
    assert {part.dtype for part in (x_train, y_train, x_test, y_test)} == {np.dtype("float32")}
    assert np.concatenate([x_train, x_test]).min() == -1
    assert np.concatenate([x_train, x_test]).max() == 1


def test_class_0_is_the_outer_circle():
    (x, y), _ = two_circles()
    radius = np.hypot(*x.T)
    assert radius[y == 0].mean() > radius[y == 1].mean()
