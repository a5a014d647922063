"""The data of the course: two circles, handwritten digits, sequences to add up. Nothing is downloaded."""

import functools
from pathlib import Path

import numpy as np


def two_circles():
    """Returns the training and the test half: two pairs of x (500, 2) and y (500,), float32.

    Inputs are scaled to [-1, 1]. The scaler is fitted on all 1,000 points, as in the tutorial, though
    fitting it on the training half would be the better habit. Class 0 is the outer circle.

    >>> (x_train, y_train), (x_test, y_test) = two_circles()
    """
    from sklearn.datasets import make_circles
    from sklearn.preprocessing import MinMaxScaler

    x, y = make_circles(n_samples=1000, noise=0.1, random_state=1)
    x = MinMaxScaler(feature_range=(-1, 1)).fit_transform(x)
    x, y = x.astype(np.float32), y.astype(np.float32)
    return (x[:500], y[:500]), (x[500:], y[500:])


def folds(number, of=5):
    """Returns one split of a K-fold cross-validation of the training half of the circles, and the test half.

    Args:
        number: which fold is held out, from 0.
        of: how many folds there are.

    Returns:
        Three pairs of x and y: the other folds, the test half, the fold held out.
    """
    from sklearn.model_selection import StratifiedKFold

    (x, y), test = two_circles()
    kept, held_out = list(StratifiedKFold(of, shuffle=True, random_state=1).split(x, y))[number]
    return (x[kept], y[kept]), test, (x[held_out], y[held_out])


@functools.cache
def digits(source=None):
    """Returns handwritten digits, 28 x 28 grey values from 0 to 1 in a row: training and test, x (N, 784) and y (N,).

    Args:
        source: `None` for the 1,797 digits that come with scikit-learn, 8 x 8, enlarged by linear interpolation, a half
            to train and a half to test, classes in equal shares; "mnist" for Keras's cached copy of MNIST;
            or the path of an `.npz` file with `x_train`, `y_train`, `x_test` and `y_test`, as MNIST's is.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file does not hold such images.
    """
    if source is not None:
        return _images(_cached_mnist() if source == "mnist" else Path(source))
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    small, y = load_digits(return_X_y=True)
    x = zoom(small.reshape(-1, 8, 8), (1, 3.5, 3.5), order=1).reshape(-1, 784).astype(np.float32) / 16
    x, x_test, y, y_test = train_test_split(x, y.astype(np.float32), test_size=0.5, stratify=y, random_state=1)
    return (x, y), (x_test, y_test)


def _cached_mnist():
    path = Path("~/.keras/datasets/mnist.npz").expanduser()
    if not path.exists():
        raise FileNotFoundError(f"MNIST is not in {path}: give it as --data FILE.npz")
    return path


def _images(path):
    """Reads an `.npz` file of images and classes."""
    try:
        with np.load(path) as file:
            found = [(file[f"x_{half}"], file[f"y_{half}"]) for half in ("train", "test")]
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}") from None
    except (OSError, ValueError, KeyError, EOFError):
        raise ValueError(f"{path} is no .npz file with x_train, y_train, x_test and y_test") from None
    if any(x.ndim != 3 or x.shape[1:] != (28, 28) or y.shape != x.shape[:1] for x, y in found):
        raise ValueError(f"{path} does not hold images of 28 x 28 and a class for each")
    return [((x.reshape(-1, 784) / 255).astype(np.float32), y.astype(np.float32)) for x, y in found]


def shifted(data, pixels=2):
    """Returns the data with four more copies of each training image: moved up, down, left and right by some pixels."""
    (x, y), test = data
    images = x.reshape(-1, 28, 28)
    moves = [(0, 0), (pixels, 0), (-pixels, 0), (0, pixels), (0, -pixels)]
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels)))
    copies = [padded[:, pixels + i : pixels + i + 28, pixels + j : pixels + j + 28] for i, j in moves]
    return (np.concatenate(copies).reshape(-1, 784), np.tile(y, len(copies))), test


def held_out(data, share=0.2):
    """Returns the data with a share of the training points taken out, as a third pair, to stop training by."""
    from sklearn.model_selection import train_test_split

    (x, y), test = data
    x, x_out, y, y_out = train_test_split(x, y, test_size=share, stratify=y, random_state=1)
    return (x, y), test, (x_out, y_out)


def adding_problem(steps, points=1000):
    """Returns sequences whose answer is the sum of the two marked numbers: training and test.

    Each step brings a number from [0, 1] and a mark. One mark lies in the first half of the sequence, one in the
    second, so the first has to be remembered for `steps` / 2 steps on average (Hochreiter and Schmidhuber 1997, Neural
    Computation 9, 1735-1780, experiment 4; with halves as in Arjovsky et al. 2016, arXiv:1511.06464).

    Returns:
        Two pairs of x (points, steps, 2) and y (points, 1), float32. To answer 1 always is wrong by 1/6, mean squared.
    """
    random = np.random.RandomState(1)

    def drawn():
        x = np.zeros((points, steps, 2), np.float32)
        x[..., 0] = random.rand(points, steps)
        rows = np.arange(points)
        for low, high in ((0, steps // 2), (steps // 2, steps)):
            x[rows, random.randint(low, high, points), 1] = 1
        return x, x.prod(axis=2).sum(axis=1, keepdims=True)

    return drawn(), drawn()
