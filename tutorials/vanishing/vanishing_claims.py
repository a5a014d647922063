"""The tutorial's claims, each with its rule; the scripts in this folder train the networks that decide them.

When the rules were written down, the accuracies of these five models with 30 seeds were known, and nothing else about
them. The rules are not changed afterwards.
"""

from collections.abc import Callable

from tutorials.studies.judging import FAILS, LEARNS, Claim, Measured, beats, fails, later, learns
from tutorials.studies.replicates import Replicates

import numpy as np


def near(accuracy: float, tolerance: float) -> Callable[[Replicates], Measured]:
    """Returns a measure: both accuracies after training within `tolerance` of `accuracy`; its value is the test's."""

    def measure(members: Replicates) -> Measured:
        both = np.stack([members.train_accuracy, members.test_accuracy])
        return members.test_accuracy, (np.abs(both - accuracy) <= tolerance).all(axis=0)

    return measure


def slows_near_300(members: Replicates) -> Measured:
    reached = members.epochs_to_80
    at = np.nan_to_num(reached, nan=1).astype(int) - 1
    then = np.take_along_axis(members.history["val_accuracy"], at[:, None], axis=1)[:, 0]
    return reached, (reached >= 200) & (reached <= 400) & (members.test_accuracy - then < 0.03)


def gets_worse(members: Replicates) -> Measured:
    change = members.history["accuracy"][:, -50:].mean(axis=1) - members.history["accuracy"][:, :50].mean(axis=1)
    return change, change < 0


def converges_by_150(members: Replicates) -> Measured:
    accuracy = members.history["val_accuracy"]
    final = accuracy[:, -50:].mean(axis=1, keepdims=True)
    epoch = (accuracy >= final - 0.01).argmax(axis=1) + 1.0
    return np.where(members.learned, epoch, np.nan), members.learned & (epoch <= 150)


def _halves(values: np.ndarray) -> np.ndarray:
    """Mean of the last half of the layers over the mean of the first half, (S,)."""
    half = values.shape[1] // 2
    first, last = values[:, :half].mean(axis=1), values[:, -half:].mean(axis=1)
    return np.divide(last, first, out=np.full_like(last, np.nan), where=first > 0)


def larger_near_output(members: Replicates) -> Measured:
    ratio = _halves(members.gradients)
    return ratio, ratio > 1


def output_gradient_in_range(members: Replicates) -> Measured:
    output = members.history["gradient_abs_mean"][:, :, -1]
    return output.mean(axis=1), ((output >= 0.05) & (output <= 0.1)).mean(axis=1) >= 0.9


def first_like_output(members: Replicates) -> Measured:
    ratio = members.gradients[:, 0] / members.gradients[:, -1]
    return ratio, (ratio >= 1 / 3) & (ratio <= 3)


def most_in_last_two(members: Replicates) -> Measured:
    share = members.gradients[:, -2:].sum(axis=1) / members.gradients.sum(axis=1)
    return share, share > 0.5


def first_layer_larger(relu: Replicates, tanh: Replicates) -> Measured:
    ratio = relu.gradients[:, 0] / tanh.gradients[:, 0]
    return ratio, ratio > 1


def first_layer_in_range(members: Replicates) -> Measured:
    first = members.gradients[:, 0]
    return first, (first >= 0.2) & (first <= 0.4)


def steadier(relu: Replicates, tanh: Replicates) -> Measured:
    ours, theirs = (one.history["gradient_abs_mean"][:, :, 0].std(axis=1) / one.gradients[:, 0] for one in (relu, tanh))
    return ours / theirs, ours < theirs


def middle_larger(relu: Replicates, tanh: Replicates) -> Measured:
    ratio = relu.gradients[:, 1:-2].mean(axis=1) / tanh.gradients[:, 1:-2].mean(axis=1)
    return ratio, ratio > 2


def moved(members: Replicates) -> np.ndarray:
    """Mean |weight after training - before| of every kernel, (S, L)."""
    pairs = [pair for pair in zip(members.initial, members.trained, strict=True) if pair[0].ndim >= 3]
    return np.stack([np.abs(after - before).mean(axis=(1, 2)) for before, after in pairs], axis=1)


def moves_more_near_output(members: Replicates) -> Measured:
    ratio = _halves(moved(members))
    return ratio, ratio > 1


DEEP = ("deep_tanh",)
BOTH = ("deep_relu", "deep_tanh")

CLAIMS = [
    Claim("T1", "Shallow tanh learns, about 0.816 on both halves", "0.816 / 0.816",
          "test accuracy; both halves within 0.03 of 0.816", ("shallow_tanh",), near(0.816, 0.03)),
    Claim("T2", "Shallow tanh slows at about 80 % near epoch 300", "epoch 300",
          "first epoch with 80 % of the test half; 200 to 400, and it gains less than 0.03 afterwards",
          ("shallow_tanh",), slows_near_300),
    Claim("T3a", "Deep tanh stays at about 50 % on both halves", "0.530 / 0.468",
          "test accuracy; both halves within 0.1 of 0.5", DEEP, near(0.5, 0.1)),
    Claim("T3b", "Deep tanh gets worse as training goes on", "plot only",
          "training accuracy, mean of the last 50 epochs less that of the first 50; negative", DEEP, gets_worse),
    Claim("T4a", "Deep ReLU learns, about 84 % on both halves", "0.836 / 0.840",
          "test accuracy; both halves within 0.03 of 0.838", ("deep_relu",), near(0.838, 0.03)),
    Claim("T4b", "Deep ReLU is better than shallow tanh", "0.840 against 0.816",
          "difference of test accuracies of the same seed; positive", ("deep_relu", "shallow_tanh"), beats),
    Claim("T5", "Deep ReLU converges in about 100 epochs", "100 epochs",
          "first epoch within 0.01 of the last 50 epochs' test accuracy; learned, and by epoch 150",
          ("deep_relu",), converges_by_150),
    Claim("T6a", "More ReLU layers learn more slowly", "plot only",
          "epochs to 80 % with 15 layers less those with 5; positive, or never with 15",
          ("relu_15_layers", "deep_relu"), later),
    Claim("T6b", "15 ReLU layers still learn", "plot only", LEARNS, ("relu_15_layers",), learns),
    Claim("T6c", "20 ReLU layers no longer learn", "plot only", FAILS, ("relu_20_layers",), fails),
    Claim("T7a", "Deep tanh: gradients are larger near the output than near the input", "-",
          "mean gradient magnitude, last three kernels over first three; above 1", DEEP, larger_near_output),
    Claim("T7b", "Deep ReLU: gradients are larger near the output than near the input", "-",
          "mean gradient magnitude, last three kernels over first three; above 1", ("deep_relu",), larger_near_output),
    Claim("T8a", "Deep tanh: the output layer's average gradient stays between 0.05 and 0.1", "0.05 to 0.1",
          "its mean magnitude; between 0.05 and 0.1 in at least 90 % of the epochs", DEEP, output_gradient_in_range),
    Claim("T8b", "Deep tanh: the first hidden layer's gradient is in a similar range", "similar",
          "mean magnitude, first kernel over output; 1/3 to 3", DEEP, first_like_output),
    Claim("T8c", "Deep tanh: the last hidden layer and the output see most of the activity", "-",
          "their share of the sum of all kernels' mean magnitudes; above 0.5", DEEP, most_in_last_two),
    Claim("T9a", "The first hidden layer sees more gradient in deep ReLU than in deep tanh", "-",
          "ratio of mean magnitudes of the same seed; above 1", BOTH, first_layer_larger),
    Claim("T9b", "Deep ReLU: the first hidden layer's gradient is perhaps 0.2 to 0.4", "0.2 to 0.4",
          "its mean magnitude; 0.2 to 0.4", ("deep_relu",), first_layer_in_range),
    Claim("T9c", "The first hidden layer's gradient is more consistent in deep ReLU", "-",
          "standard deviation over mean across epochs, ReLU over tanh; below 1", BOTH, steadier),
    Claim("T9d", "The middle hidden layers see large gradients in deep ReLU", "-",
          "mean magnitude of kernels 2 to 4, ReLU over tanh; above 2", BOTH, middle_larger),
    Claim("T10", "In deep tanh the weights near the output change more than those near the input", "-",
          "mean change of a weight over the run, last three kernels over first three; above 1",
          DEEP, moves_more_near_output),
]  # fmt: skip
