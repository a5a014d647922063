from tutorials.lab import adding_problem, digits, held_out, shifted, two_circles, without_fold

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_circles


def test_the_circles_are_the_tutorials():
    (x_train, y_train), (x_test, y_test) = two_circles()
    raw, y = make_circles(n_samples=1000, noise=0.1, random_state=1)
    low, high = raw.min(axis=0), raw.max(axis=0)  # of all 1,000 samples
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


def test_digits_are_what_scikit_learn_brings_in_two_halves():
    (x, y), (x_test, y_test) = digits()
    assert (x.shape, x_test.shape) == ((898, 784), (899, 784))
    assert x.dtype == y.dtype == np.float32
    assert (x.min(), x.max()) == (0, 1)
    assert np.abs(np.bincount(y.astype(int)) - np.bincount(y_test.astype(int))).max() <= 1
    whole, classes = load_digits(return_X_y=True)
    corners = np.concatenate([x, x_test]).reshape(-1, 28, 28)[:, [0, 0, -1, -1], [0, -1, 0, -1]] * 16
    theirs = whole.reshape(-1, 8, 8)[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert np.allclose(np.sort(corners, axis=0), np.sort(theirs, axis=0), atol=1e-4)
    assert np.bincount(np.concatenate([y, y_test]).astype(int)).tolist() == np.bincount(classes).tolist()


def test_shifted_copies_are_moved_and_keep_their_class():
    data = (np.zeros((2, 784), np.float32), np.array([3.0, 7.0])), None
    data[0][0].reshape(2, 28, 28)[:, 10, 5] = 1
    (x, y), _ = shifted(data, 2)
    assert [tuple(np.argwhere(image)[0]) for image in x.reshape(-1, 28, 28)[::2]] == [
        (10, 5), (8, 5), (12, 5), (10, 3), (10, 7),
    ]  # fmt: skip
    assert y.tolist() == [3, 7] * 5


@pytest.mark.parametrize("split", [lambda: without_fold(two_circles(), 3), lambda: held_out(two_circles())])
def test_what_is_held_out_is_a_fifth_of_the_training_half(split):
    (x, y), test, (x_out, y_out) = split()
    assert (len(x), len(x_out)) == (400, 100)
    everything = np.concatenate([np.column_stack([x, y]), np.column_stack([x_out, y_out])])
    original = np.column_stack(two_circles()[0])
    assert np.array_equal(np.sort(everything, axis=0), np.sort(original, axis=0))
    assert np.array_equal(test[0], two_circles()[1][0])


def test_the_folds_together_are_the_training_half():
    out = np.concatenate([without_fold(two_circles(), number)[2][0] for number in range(5)])
    assert np.array_equal(np.sort(out, axis=0), np.sort(two_circles()[0][0], axis=0))


def test_the_target_is_the_sum_of_the_two_marked_numbers():
    train, test = adding_problem(20, samples=50)
    for x, y in (train, test):
        for sequence, (target,) in zip(x, y, strict=True):
            first, second = np.flatnonzero(sequence[:, 1])
            assert first < 10 <= second
            assert target == pytest.approx(sequence[first, 0] + sequence[second, 0])
    assert not np.array_equal(train[0], test[0])
