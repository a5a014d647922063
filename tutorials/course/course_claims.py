"""The claims of the rest of the course, each with its rule; the scripts in this folder train what decides them.

The rules were written down before any of these studies was run with the seeds that the verdicts count. For the
remedies, some counts were already known from the study of advice. The rules are not changed afterwards. Two experiments
were changed after a first run: the optimizers got two more learning rates, because for some the best of the six was the
smallest or the largest; and the penalty of claim G4, on columns that are not orthogonal, got a factor large enough to
have an effect.
"""

from collections.abc import Callable
from functools import partial

from tutorials.course.batch_size import SIZES
from tutorials.course.descent import OPTIMIZERS, ravine
from tutorials.course.model_selection import EXPERIMENTS as CANDIDATES
from tutorials.course.model_selection import scores
from tutorials.course.optimizers import OPTIMIZERS as ON_DEEP_TANH
from tutorials.course.optimizers import name_of, rates
from tutorials.course.regularization import vote
from tutorials.course.weight_decay import distance
from tutorials.studies.judging import (
    FAILS,
    LEARNS,
    Claim,
    Measured,
    as_good,
    best_learns,
    fails,
    falls_short,
    later,
    learns,
    narrower_gap,
)
from tutorials.studies.replicates import Replicates

import numpy as np


def after(members: Replicates, quantity: str) -> np.ndarray:
    """A measured quantity: of the trained models, or of a measurement that trains none."""
    values = members.measured[quantity]
    return values if members.test_accuracy is None else values[:, 1]


def below(quantity: str, limit: float, place: tuple[int, ...] = ()) -> Callable[[Replicates], Measured]:
    """Returns a measure: a quantity, or the element of it at a place, is below a limit."""

    def measure(members: Replicates) -> Measured:
        of_all_seeds: tuple[slice | int, ...] = (slice(None), *place)
        values = after(members, quantity)[of_all_seeds]
        return values, values < limit

    return measure


def paths(members: Replicates, optimizer: str) -> np.ndarray:
    """The places that an optimizer passes through, (S, steps + 1, 2)."""
    return members.measured["paths"][:, [*OPTIMIZERS].index(optimizer)]


def sign_changes(path: np.ndarray, steps: int = 20) -> np.ndarray:
    """How often x2 changes its sign in the first steps, (S,)."""
    return (np.diff(np.sign(path[:, : steps + 1, 1]), axis=1) != 0).sum(axis=1)


def smoother_across(members: Replicates) -> Measured:
    momentum = sign_changes(paths(members, "momentum"))
    plain = sign_changes(paths(members, "gradient descent"))
    return momentum - plain, momentum < plain


def faster_along(members: Replicates) -> Measured:
    momentum = np.abs(paths(members, "momentum")[:, 20, 0])
    plain = np.abs(paths(members, "gradient descent")[:, 20, 0])
    return momentum / plain, momentum < plain


def share_left(members: Replicates, optimizer: str) -> np.ndarray:
    """The distance from the minimum along the valley, |x1|, after 100 steps as a share of that at the start."""
    path = paths(members, optimizer)
    return np.abs(path[:, 100, 0] / path[:, 0, 0])


def stalls(members: Replicates) -> Measured:
    share = share_left(members, "AdaGrad")
    return share, share > 0.1


def does_not_stall(members: Replicates) -> Measured:
    share = share_left(members, "RMSProp")
    return share, share <= 0.1


def first_step(condition: np.ndarray) -> np.ndarray:
    """The first step at which a condition (..., steps) holds; the number of steps where it never does."""
    return np.where(condition.any(axis=-1), condition.argmax(axis=-1), condition.shape[-1])


def sooner_at_best_rate(members: Replicates) -> Measured:
    heights = ravine(members.measured["by_rate"])  # (S, 2, rates, steps + 1)
    steps = first_step(heights <= 0.001 * heights[..., :1]).min(axis=2)
    plain, momentum = steps[:, 0], steps[:, 1]
    return momentum - plain, momentum < plain


def leaves_sooner(optimizer: str) -> Callable[[Replicates], Measured]:
    """Returns a measure: the optimizer leaves the saddle point sooner than gradient descent."""

    def measure(members: Replicates) -> Measured:
        steps = first_step(np.abs(paths(members, optimizer)[..., 1]) > 0.5)
        plain = first_step(np.abs(paths(members, "gradient descent")[..., 1]) > 0.5)
        return steps - plain, steps < plain

    return measure


def window(members: Replicates) -> Measured:
    ratio = members.measured["window"] * (1 - np.array([0.5, 0.9, 0.98]))
    return ratio[:, 1], ((ratio >= 0.5) & (ratio <= 2)).all(axis=1)


def smoother_and_later(members: Replicates) -> Measured:
    roughness, lag = members.measured["roughness"], members.measured["lag"]
    return lag[:, 2] - lag[:, 0], (np.diff(roughness) < 0).all(axis=1) & (np.diff(lag) > 0).all(axis=1)


def biased_low(members: Replicates) -> Measured:
    first, corrected = (members.measured[name][:, 1] for name in ("first", "first_corrected"))
    return first, (first < 0.5) & (np.abs(corrected - 1) < 0.2)


def each_faster(*sizes: Replicates) -> Measured:
    seconds = np.stack([members.seconds for members in sizes], axis=1)
    return seconds[:, 0] / seconds[:, -1], (np.diff(seconds) < 0).all(axis=1)


def best_in_time_is_not_best_in_accuracy(*sizes: Replicates) -> Measured:
    seconds = [one.epochs_to_80 * one.seconds / one.history["loss"].shape[1] for one in sizes]
    fastest = np.nan_to_num(np.stack(seconds, axis=1), nan=np.inf).argmin(axis=1)
    best = np.stack([one.test_accuracy for one in sizes], axis=1).argmax(axis=1)
    return np.array(SIZES)[fastest], fastest != best


def sparse(members: Replicates) -> Measured:
    share = after(members, "near_zero")
    return share, share >= 0.5


def small_not_zero(with_l2: Replicates, plain: Replicates, with_l1: Replicates) -> Measured:
    size = after(with_l2, "mean_weight") / after(plain, "mean_weight")
    return size, (size < 0.5) & (after(with_l2, "near_zero") < 0.5 * after(with_l1, "near_zero"))


def same_weights(penalized: Replicates, decayed: Replicates) -> Measured:
    apart = distance(penalized.trained, decayed.trained)
    return apart, apart < 1e-3


def keeps_the_mean(members: Replicates) -> Measured:
    means = members.measured["mean_after_dropout"]
    return means[:, 1], (np.abs(means - 1) < 0.01).all(axis=1)


def more_orthogonal(penalized: Replicates, plain: Replicates) -> Measured:
    ratio = after(penalized, "mean_cosine") / after(plain, "mean_cosine")
    return ratio, ratio < 1


def survives_pruning(members: Replicates) -> Measured:
    test_accuracy = after(members, "pruned")[:, :, 1]  # by the share removed: 0, 0.2, 0.4, 0.6, 0.8, ...
    whole, pruned = test_accuracy[:, 0], test_accuracy[:, 3]
    return pruned - whole, pruned >= whole - 0.02


def votes_beat_the_median(members: Replicates) -> Measured:
    voted, median = vote(members)
    return voted - median, voted > median


def near_the_best(*members: Replicates) -> Measured:
    validated, tested = scores(members)
    chosen = np.take_along_axis(tested, validated.argmax(axis=1)[:, None], axis=1)[:, 0]
    return chosen - tested.max(axis=1), chosen >= tested.max(axis=1) - 0.02


def reach(members: Replicates) -> np.ndarray:
    """Mean gradient of the answer for the first half of the steps over that for the second, after training, (S,)."""
    gradient = after(members, "input_gradient")
    middle = gradient.shape[1] // 2
    return gradient[:, :middle].mean(axis=1) / gradient[:, middle:].mean(axis=1)


def remembers_more(lstm: Replicates, plain: Replicates) -> Measured:
    with np.errstate(divide="ignore"):  # the gradient of a plain network can be exactly zero: infinitely further
        return reach(lstm) / reach(plain), reach(lstm) > reach(plain)


def no_better_than_linear(deep: Replicates, shallow: Replicates) -> Measured:
    difference = deep.test_accuracy - shallow.test_accuracy
    return difference, (np.abs(difference) <= 0.05) & ~deep.learned


def remedy(key: str, beginning: str, experiment: str) -> Claim:
    """The claim that a technique makes a network learn that fails without it; `beginning` ends in "makes"."""
    network = {"vanishing": "deep tanh", "exploding": "an exploding network"}[experiment.split("_")[0]]
    return Claim(key, f"{beginning} {network} learn", "course", LEARNS, (experiment,), learns)


BATCHES = tuple(f"batch_{size}" for size in SIZES)

JUDGED_BEFORE = ("momentum", "Adam")
"""Their claims on deep tanh are E2c, E2a and E2b of the exercises, as E1 is that of Xavier weights: one claim each."""

CLAIMS = [
    Claim("A1a", "The derivative of a sigmoid is at most 0.25", "0.25", "largest of 30,000 derivatives; 0.25 or less",
          ("derivatives",), below("largest", 0.25 + 1e-6, (0,))),
    Claim("A1b", "The derivative of tanh is at most 1", "1", "largest of 30,000 derivatives; 1 or less",
          ("derivatives",), below("largest", 1 + 1e-6, (1,))),
    Claim("A1c", "A product of sigmoid derivatives vanishes", "course",
          "mean product of derivatives over 10 layers, inputs from N(0, 1); below 0.00001", ("derivatives",),
          below("product", 1e-5, (0, 9))),
    Claim("A1d", "A product of tanh derivatives vanishes", "course",
          "mean product of derivatives over 10 layers, inputs from N(0, 1); below 0.01", ("derivatives",),
          below("product", 0.01, (1, 9))),
    remedy("R1", "Pre-training layer by layer makes", "vanishing_pretraining"),
    remedy("R2a", "Clipping every value of the gradients makes", "exploding_clip_value"),
    remedy("R2b", "Clipping the norm of each kernel's gradient makes", "exploding_clip_norm"),
    remedy("R2c", "Clipping the global norm of all gradients makes", "exploding_clip_global_norm"),
    remedy("R3a", "An L1 penalty makes", "exploding_l1"),
    remedy("R3b", "An L2 penalty makes", "exploding_l2"),
    remedy("R4a", "ReLU with He weights makes", "vanishing_relu_he"),
    remedy("R4b", "Leaky ReLU with He weights makes", "vanishing_leaky_relu_he"),
    remedy("R5a", "Batch normalization makes", "vanishing_batch_normalization"),
    remedy("R5b", "Batch normalization makes", "exploding_batch_normalization"),
    remedy("R6a", "Layer normalization makes", "vanishing_layer_normalization"),
    remedy("R6b", "Layer normalization makes", "exploding_layer_normalization"),
    remedy("R7", "Residual connections make", "vanishing_residual"),
    Claim("R8a", "A plain recurrent network does not learn to add over 100 steps", "course", FAILS,
          ("simple_rnn_100",), fails),
    Claim("R8b", "An LSTM learns to add over 100 steps", "course", LEARNS, ("lstm_100",), learns),
    Claim("R8c", "The gradient of a trained LSTM reaches further back", "course",
          "100 steps, after training: gradient for the first half of the inputs over that for the second, LSTM's over "
          "plain network's; above 1",
          ("lstm_100", "simple_rnn_100"), remembers_more),
    remedy("R9a", "He weights make", "vanishing_he"),
    remedy("R9b", "He weights make", "exploding_he"),
    remedy("R9c", "Xavier (Glorot) weights make", "exploding_glorot"),
    remedy("R11a", "Orthogonal weights make", "vanishing_orthogonal"),
    remedy("R11b", "Orthogonal weights make", "exploding_orthogonal"),
    remedy("R12", "A loss on every hidden layer makes", "vanishing_auxiliary"),
    Claim("O1a", "In a ravine momentum 0.5 oscillates less than gradient descent at the same rate", "course",
          "sign changes of x2, across the valley, in 20 steps, minus those of gradient descent; negative",
          ("ravine",), smoother_across),
    Claim("O1b", "In a ravine momentum 0.5 moves faster along it than gradient descent at the same rate", "course",
          "|x1|, the distance left along the valley, after 20 steps over that of gradient descent; below 1",
          ("ravine",), faster_along),
    Claim("O2a", "AdaGrad's steps shrink and can stall", "course",
          "|x1| after 100 steps at rate 0.4 over that at the start; above 0.1", ("ravine",), stalls),
    Claim("O2b", "RMSProp does not stall", "course",
          "|x1| after 100 steps at rate 0.4 over that at the start; 0.1 or less",
          ("ravine",), does_not_stall),
    Claim("O3", "Momentum is faster than plain gradient descent in a ravine", "course",
          "steps to a thousandth of the start's f, at the best of six rates, minus gradient descent's; negative",
          ("ravine",), sooner_at_best_rate),
    *[Claim(f"O4{letter}", f"{name[0].upper()}{name[1:]} leaves a saddle point sooner than gradient descent", "course",
            "steps until 0.5 away from the ridge, minus those of gradient descent; negative",
            ("saddle",), leaves_sooner(name))
      for letter, name in zip("abc", ("momentum", "RMSProp", "Adam"), strict=True)],
    *[Claim(f"O5{letter}", f"Deep tanh learns with {optimizer} at its best rate", "-",
            f"at the rate with the best median training accuracy: {LEARNS}",
            tuple(name_of(optimizer, rate) for rate in rates(optimizer)), best_learns)
      for letter, optimizer in zip("abcde", (o for o in ON_DEEP_TANH if o not in JUDGED_BEFORE), strict=True)],
    Claim("W1", "beta averages about the last 1 / (1 - beta) values", "1 / (1 - beta)",
          "number of values whose plain mean is closest, over 1 / (1 - beta); 0.5 to 2 for 0.5, 0.9 (shown) and 0.98",
          ("averages",), window),
    Claim("W2", "A larger beta makes the average smoother and shifts it right", "course",
          "lag of beta 0.98 minus that of 0.5; from each beta to the next, roughness falls and lag rises",
          ("averages",), smoother_and_later),
    Claim("W3", "The first averages are biased low without the correction", "course",
          "mean of the first five averages for beta 0.9 over that of the values; below 0.5, corrected 0.8 to 1.2",
          ("averages",), biased_low),
    Claim("B1", "Very small batches do badly", "course",
          "test accuracy with batches of 1 minus that with batches of 32; negative",
          ("batch_1", "batch_32"), falls_short),
    Claim("B2", "Larger batches process the same data faster", "course",
          "seconds with batches of 1 over those with 500; batches of 32 faster than of 1, and of 500 faster than of 32",
          ("batch_1", "batch_32", "batch_500"), each_faster),
    Claim("B3", "Larger batches need more epochs for the same accuracy", "course",
          "epochs to 80 % with batches of 500 minus those with 32; positive, or never with 500",
          ("batch_500", "batch_32"), later),
    Claim("B4", "The batch size that is best in time is not the one that is best in accuracy", "course",
          "batch size with the shortest time to 80 %; not the one with the best test accuracy",
          BATCHES, best_in_time_is_not_best_in_accuracy),
    Claim("G1a", "L1 makes weights sparse", "course", "share of hidden weights below 0.001; at least half",
          ("digits_l1",), sparse),
    Claim("G1b", "L2 makes weights small but not zero", "course",
          "mean |hidden weight| over that without a penalty; below 0.5, and less than half as many near 0 as with L1",
          ("digits_l2", "digits_plain", "digits_l1"), small_not_zero),
    Claim("G1c", "Dropout narrows the gap between training and test accuracy", "course",
          "gap minus that without dropout; negative", ("digits_dropout", "digits_plain"), narrower_gap),
    Claim("G2", "In gradient descent an L2 penalty is weight decay", "equal",
          "largest difference between their weights after 100 epochs, over the largest weight; below 0.001",
          ("sgd_l2", "sgd_decay"), same_weights),
    Claim("G3", "Inverted dropout keeps the expected activation", "1",
          "mean activation after dropout over that before, for rates 0.2, 0.5 (shown) and 0.8; within 0.01 of 1",
          ("dropout_mean",), keeps_the_mean),
    Claim("G4", "A penalty keeps the kernels' columns orthogonal", "course",
          "mean |cosine| between columns of the second kernel, over that without the penalty; below 1",
          ("digits_orthogonal", "digits_plain"), more_orthogonal),
    Claim("G5", "The same hidden layer applied three times does as well as three layers", "course",
          "difference of test accuracies of the same seed; -0.01 or more",
          ("digits_shared", "digits_separate"), partial(as_good, short_by=0.01)),
    Claim("G6", "The smallest weights can be removed after training", "course",
          "test accuracy without the smallest 60 % of the hidden weights minus that with all; -0.02 or more",
          ("digits_plain",), survives_pruning),
    Claim("G7", "Averaging the weights of the last epochs does not hurt", "course",
          "difference of test accuracies of the same seed; 0 or more",
          ("digits_averaged", "digits_plain"), as_good),
    Claim("G8", "An ensemble of five that votes is better than its median member", "course",
          "test accuracy of the vote of five seeds minus that of their median member; positive",
          ("digits_plain",), votes_beat_the_median),
    Claim("K1", "Cross-validation on the training half finds a network that does well on the test half", "course",
          "test accuracy of the network it chooses minus the best of the nine; -0.02 or more",
          tuple(one.name for one in CANDIDATES), near_the_best),
    Claim("N1", "Numerical differentiation and backpropagation agree", "equal",
          "largest relative error of a derivative; below 0.000001",
          ("differentiation",), below("relative_error", 1e-6)),
    Claim("N2a", "A network with no non-linearity is a linear model", "equal",
          "largest difference of its outputs to those of one layer with the product of its matrices; below 0.00001",
          ("linear_5_layers",), below("collapse_error", 1e-5)),
    Claim("N2b", "Five linear layers do no better than none", "course",
          "difference of test accuracies of the same seed; within 0.05, and the five layers below 0.75",
          ("linear_5_layers", "logistic_regression"), no_better_than_linear),
]  # fmt: skip
