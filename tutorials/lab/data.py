"""The two-circles problem, as the tutorial sets it."""

import numpy as np
from sklearn.datasets import make_circles
from sklearn.preprocessing import MinMaxScaler


def two_circles():
    """Returns the training and the test half: two pairs of x (500, 2) and y (500,), float32.

    Inputs are scaled to [-1, 1]. The scaler is fitted on all 1,000 points, as in the tutorial, though
    fitting it on the training half would be the better habit. Class 0 is the outer circle.

    >>> (x_train, y_train), (x_test, y_test) = two_circles()
    """
    x, y = make_circles(n_samples=1000, noise=0.1, random_state=1)
    x = MinMaxScaler(feature_range=(-1, 1)).fit_transform(x)
    x, y = x.astype(np.float32), y.astype(np.float32)
    return (x[:500], y[:500]), (x[500:], y[500:])
