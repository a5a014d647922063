"""The data of the course: circles, handwritten digits, tumours, sequences to add up. Nothing is downloaded."""

import functools
from pathlib import Path

import numpy as np
from scipy.ndimage import zoom
from sklearn.datasets import load_breast_cancer, load_digits, make_circles
from sklearn.feature_selection import f_classif
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.preprocessing import MinMaxScaler, StandardScaler

Samples = tuple[np.ndarray, np.ndarray]
"""Inputs x and targets y, float32; the first axis of both counts the samples."""


def two_circles() -> tuple[Samples, Samples]:
    """Return the training and the test half of the two circles: two pairs of x (500, 2) and y (500,).

    Inputs are scaled to [-1, 1]. The scaler is fitted on all 1,000 samples, as in the tutorial; the usual practice is
    to fit it on the training half alone. Class 0 is the outer circle, class 1 the inner.

    >>> (x_train, y_train), (x_test, y_test) = two_circles()
    """
    x, y = make_circles(n_samples=1000, noise=0.1, random_state=1)
    x = MinMaxScaler(feature_range=(-1, 1)).fit_transform(x)
    x, y = x.astype(np.float32), y.astype(np.float32)
    return (x[:500], y[:500]), (x[500:], y[500:])


def without_fold(data: tuple[Samples, Samples], number: int, of: int = 5) -> tuple[Samples, Samples, Samples]:
    """Return one split of a K-fold cross-validation of the training samples.

    Args:
        data: the training samples and the test samples.
        number: which fold is held out, from 0.
        of: how many folds there are.

    Returns:
        Three pairs of x and y: the other folds, the test samples, the fold held out.
    """
    (x, y), test = data
    kept, left_out = list(StratifiedKFold(of, shuffle=True, random_state=1).split(x, y))[number]
    return (x[kept], y[kept]), test, (x[left_out], y[left_out])


def stratified_subset(data: tuple[Samples, Samples], samples: int, seed: int = 1) -> tuple[Samples, Samples]:
    """Return the data with so many of the training samples, the classes in the same shares as among all.

    >>> stratified_subset(two_circles(), 20)[0][0].shape
    (20, 2)
    """
    (x, y), test = data
    if samples == len(x):
        return data
    x, _, y, _ = train_test_split(x, y, train_size=samples, stratify=y, random_state=seed)
    return (x, y), test


def only_classes(data: tuple[Samples, Samples], first: int, last: int) -> tuple[Samples, Samples]:
    """Return the samples of the classes from `first` to `last`, relabelled from 0."""
    chosen = [(x[(first <= y) & (y <= last)], y[(first <= y) & (y <= last)] - first) for x, y in data]
    return chosen[0], chosen[1]


def tumours(features: int | None, seed: int = 1) -> tuple[Samples, Samples]:
    """Return scikit-learn's breast cancer data with 30 inputs more that tell nothing, or some of these inputs.

    The 60 inputs are the 30 measurements of the data, and 30 columns of random numbers. They are scaled to mean 0 and
    standard deviation 1 on the training samples, and ranked by the F statistic of an analysis of variance on the
    training samples, as `sklearn.feature_selection.SelectKBest` ranks them.

    Args:
        features: how many of the inputs, those with the highest F statistic; None takes the 30 measurements.
        seed: of the random numbers, and of the 100 samples that are drawn to train; the other 469 are to test.

    Returns:
        Two pairs of x (N, features) and y (N,): 0 is malignant, 1 benign.
    """
    x, y = load_breast_cancer(return_X_y=True)
    measurements = x.shape[1]
    x = np.concatenate([x, np.random.RandomState(seed).randn(*x.shape)], axis=1)
    x, x_test, y, y_test = train_test_split(x, y.astype(np.float32), train_size=100, stratify=y, random_state=seed)
    scaler = StandardScaler().fit(x)
    best = np.arange(measurements) if features is None else np.argsort(-f_classif(x, y)[0])[:features]
    return (scaler.transform(x)[:, best].astype(np.float32), y), (
        scaler.transform(x_test)[:, best].astype(np.float32),
        y_test,
    )


@functools.cache
def digits(source: str | None = None) -> tuple[Samples, Samples]:
    """Return images of handwritten digits for training and for testing: two pairs of x (N, 784) and y (N,).

    An image is 28 x 28 grey values from 0 to 1, row after row; y is the digit.

    Args:
        source: None for the 1,797 digits that come with scikit-learn, 8 x 8 and enlarged by linear interpolation, a
            half to train and a half to test, classes in equal shares; "mnist" for Keras's cached copy of MNIST;
            or the path of an `.npz` file with `x_train`, `y_train`, `x_test` and `y_test`, as MNIST's is.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file does not hold such images.
    """
    if source is not None:
        return _images(_cached_mnist() if source == "mnist" else Path(source))
    small, y = load_digits(return_X_y=True)
    x = zoom(small.reshape(-1, 8, 8), (1, 3.5, 3.5), order=1).reshape(-1, 784).astype(np.float32) / 16
    x, x_test, y, y_test = train_test_split(x, y.astype(np.float32), test_size=0.5, stratify=y, random_state=1)
    return (x, y), (x_test, y_test)


def _cached_mnist() -> Path:
    path = Path("~/.keras/datasets/mnist.npz").expanduser()
    if not path.exists():
        raise FileNotFoundError(f"MNIST is not in {path}: give it as --data FILE.npz")
    return path


def _images(path: Path) -> tuple[Samples, Samples]:
    """Read an `.npz` file of images and classes."""
    try:
        with np.load(path) as file:
            train, test = ((file[f"x_{half}"], file[f"y_{half}"]) for half in ("train", "test"))
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}") from None
    except (OSError, ValueError, KeyError, EOFError):
        raise ValueError(f"{path} is not an .npz file with x_train, y_train, x_test and y_test") from None
    if any(x.ndim != 3 or x.shape[1:] != (28, 28) or y.shape != x.shape[:1] for x, y in (train, test)):
        raise ValueError(f"{path} does not hold images of 28 x 28 and a class for each")
    return _flat(*train), _flat(*test)


def _flat(images: np.ndarray, classes: np.ndarray) -> Samples:
    """Images (N, 28, 28) of grey values from 0 to 255 as x (N, 784) from 0 to 1, and their classes as y."""
    return (images.reshape(-1, 784) / 255).astype(np.float32), classes.astype(np.float32)


def shifted(data: tuple[Samples, Samples], pixels: int = 2) -> tuple[Samples, Samples]:
    """Return the data with each training image five times: in its place, and moved up, down, left and right.

    Args:
        data: what `digits` returned.
        pixels: how far the copies are moved.
    """
    (x, y), test = data
    images = x.reshape(-1, 28, 28)
    moves = [(0, 0), (pixels, 0), (-pixels, 0), (0, pixels), (0, -pixels)]
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels)))
    copies = [padded[:, pixels + i : pixels + i + 28, pixels + j : pixels + j + 28] for i, j in moves]
    return (np.concatenate(copies).reshape(-1, 784), np.tile(y, len(copies))), test


def held_out(data: tuple[Samples, Samples], share: float = 0.2, seed: int = 1) -> tuple[Samples, Samples, Samples]:
    """Return the data with a share of the training samples taken out, as a third pair: validation data."""
    (x, y), test = data
    x, x_out, y, y_out = train_test_split(x, y, test_size=share, stratify=y, random_state=seed)
    return (x, y), test, (x_out, y_out)


def adding_problem(steps: int, samples: int = 1000) -> tuple[Samples, Samples]:
    """Return sequences whose target is the sum of the two marked numbers, for training and for testing.

    Each step brings a number from [0, 1] and a mark, 1 or 0. One mark lies in the first half of the sequence, one in
    the second, so the first number has to be remembered for `steps` / 2 steps on average (Hochreiter and Schmidhuber
    1997, Neural Computation 9, 1735-1780, experiment 4; with halves as in Arjovsky et al. 2016, arXiv:1511.06464).

    Args:
        steps: length of a sequence.
        samples: sequences in each of the two sets.

    Returns:
        Two pairs of x (samples, steps, 2) and y (samples, 1). Always predicting 1 gives a mean squared error of 1/6.
    """
    random = np.random.RandomState(1)

    def draw() -> Samples:
        x = np.zeros((samples, steps, 2), np.float32)
        x[..., 0] = random.rand(samples, steps)
        rows = np.arange(samples)
        for low, high in ((0, steps // 2), (steps // 2, steps)):
            x[rows, random.randint(low, high, samples), 1] = 1
        return x, x.prod(axis=2).sum(axis=1, keepdims=True)

    return draw(), draw()
