"""The ledger of the rest of the course: part B, every claim as data.

The rules were written down before any of these studies was run with the seeds that count; of the remedies, some counts
were known from the study of advice. They are not moved afterwards. Two experiments were: the optimizers got two more
learning rates when the best of some stood at the edge of the six, and the penalty of G4 a factor that moves anything.
"""

from functools import partial

import numpy as np

from tutorials.lab.claims import FAILS, LEARNS, Claim, beats, best_learns, fails, later, learns

from .batch_size import SIZES
from .descent import OPTIMIZERS, ravine
from .model_selection import EXPERIMENTS as CANDIDATES
from .model_selection import scores
from .optimizers import OPTIMIZERS as ON_DEEP_TANH
from .optimizers import name_of, rates
from .regularization import vote
from .weight_decay import distance


def below(quantity, limit, place=()):
    """Returns a measure: the measured quantity (of a trained model where there is one) is below a limit."""

    def measure(members):
        values = after(members, quantity)[(slice(None), *place)]
        return values, values < limit

    return measure


def after(members, quantity):
    """A measured quantity: of the trained models, or of a measurement that trains none."""
    values = members.measured[quantity]
    return values if members.test_accuracy is None else values[:, 1]


def descends(members, *names):
    """The paths (S, steps + 1, 2) of the optimizers named."""
    return [members.measured["paths"][:, [*OPTIMIZERS].index(name)] for name in names]


def turns(path, steps=20):
    """How often x2 changes its sign in the first steps."""
    return (np.diff(np.sign(path[:, : steps + 1, 1]), axis=1) != 0).sum(axis=1)


def smoother_across(members):
    plain, momentum = map(turns, descends(members, "gradient descent", "momentum"))
    return momentum - plain, momentum < plain


def faster_along(members):
    plain, momentum = (np.abs(path[:, 20, 0]) for path in descends(members, "gradient descent", "momentum"))
    return momentum / plain, momentum < plain


def left_along(members, name):
    """What is left of x1 after 100 steps, as a share of the start."""
    (path,) = descends(members, name)
    return np.abs(path[:, 100, 0] / path[:, 0, 0])


def stalls(members):
    share = left_along(members, "AdaGrad")
    return share, share > 0.1


def does_not_stall(members):
    share = left_along(members, "RMSProp")
    return share, share <= 0.1


def sooner_at_best_rate(members):
    values = ravine(members.measured["by_rate"])  # (S, 2, rates, steps + 1)
    down = values <= 0.001 * values[..., :1]
    steps = np.where(down.any(axis=3), down.argmax(axis=3), values.shape[3]).min(axis=2)
    return steps[:, 1] - steps[:, 0], steps[:, 1] < steps[:, 0]


def leaves_sooner(name):
    def measure(members):
        steps = []
        for path in descends(members, "gradient descent", name):
            away = np.abs(path[..., 1]) > 0.5
            steps.append(np.where(away.any(axis=1), away.argmax(axis=1), path.shape[1]))
        return steps[1] - steps[0], steps[1] < steps[0]

    return measure


def window(members):
    ratio = members.measured["window"] * (1 - np.array([0.5, 0.9, 0.98]))
    return ratio[:, 1], ((ratio >= 0.5) & (ratio <= 2)).all(axis=1)


def smoother_and_later(members):
    roughness, lag = members.measured["roughness"], members.measured["lag"]
    return lag[:, 2] - lag[:, 0], (np.diff(roughness) < 0).all(axis=1) & (np.diff(lag) > 0).all(axis=1)


def biased_low(members):
    first, corrected = (members.measured[name][:, 1] for name in ("first", "first_corrected"))
    return first, (first < 0.5) & (np.abs(corrected - 1) < 0.2)


def each_faster(*sizes):
    seconds = np.stack([members.seconds for members in sizes], axis=1)
    return seconds[:, 0] / seconds[:, -1], (np.diff(seconds) < 0).all(axis=1)


def best_in_time_is_not_best_in_accuracy(*sizes):
    pace = np.stack([one.epochs_to_80 * one.seconds / one.history["loss"].shape[1] for one in sizes], axis=1)
    fastest = np.nan_to_num(pace, nan=np.inf).argmin(axis=1)
    best = np.stack([one.test_accuracy for one in sizes], axis=1).argmax(axis=1)
    return np.array(SIZES)[fastest], fastest != best


def sparse(members):
    share = after(members, "near_zero")
    return share, share >= 0.5


def small_not_zero(with_l2, plain, with_l1):
    size = after(with_l2, "mean_weight") / after(plain, "mean_weight")
    return size, (size < 0.5) & (after(with_l2, "near_zero") < 0.5 * after(with_l1, "near_zero"))


def narrower_gap(regularized, plain):
    change = np.subtract(*[one.train_accuracy - one.test_accuracy for one in (regularized, plain)])
    return change, change < 0


def same_weights(penalized, decayed):
    apart = distance(penalized, decayed)
    return apart, apart < 1e-3


def keeps_the_mean(members):
    means = members.measured["mean_after_dropout"]
    return means[:, 1], (np.abs(means - 1) < 0.01).all(axis=1)


def more_orthogonal(penalized, plain):
    ratio = after(penalized, "mean_cosine") / after(plain, "mean_cosine")
    return ratio, ratio < 1


def survives_pruning(members):
    curve = after(members, "pruned")[:, :, 1]  # test accuracy, shares removed: 0, 0.2, 0.4, 0.6, 0.8, ...
    return curve[:, 3] - curve[:, 0], curve[:, 3] >= curve[:, 0] - 0.02


def as_good(ours, theirs, short_by=0):
    """A measure: the first model's test accuracy is at most so much below the second's; its value is the difference."""
    difference = ours.test_accuracy - theirs.test_accuracy
    return difference, difference >= -short_by


def votes_beat_the_median(members):
    together, median = vote(members)
    return together - median, together > median


def near_the_best(*members):
    validated, tested = scores(members)
    chosen = np.take_along_axis(tested, validated.argmax(axis=1)[:, None], axis=1)[:, 0]
    return chosen - tested.max(axis=1), chosen >= tested.max(axis=1) - 0.02


def remembers_more(lstm, rnn):
    """Mean gradient of the first half of the steps over that of the second, LSTM's over the plain network's."""
    halves = []
    for members in (lstm, rnn):
        gradient = after(members, "input_gradient")
        middle = gradient.shape[1] // 2
        halves.append(gradient[:, :middle].mean(axis=1) / gradient[:, middle:].mean(axis=1))
    return halves[0] / halves[1], halves[0] > halves[1]


def no_better_than_linear(deep, shallow):
    difference = deep.test_accuracy - shallow.test_accuracy
    return difference, (np.abs(difference) <= 0.05) & ~deep.learned


def remedy(key, words, experiment):
    """The claim that a technique makes a network learn which fails without it."""
    network = {"vanishing": "deep tanh", "exploding": "an exploding network"}[experiment.split("_")[0]]
    return Claim(key, f"{words} {network} learn", "course", LEARNS, (experiment,), learns)


BATCHES = tuple(f"batch_{size}" for size in SIZES)

CLAIMS = [
    Claim("A1a", "The derivative of a sigmoid is at most 0.25", "0.25", "largest of 30,000 derivatives; 0.25 or less",
          ("derivatives",), below("largest", 0.25 + 1e-6, (0,))),
    Claim("A1b", "The derivative of tanh is at most 1", "1", "largest of 30,000 derivatives; 1 or less",
          ("derivatives",), below("largest", 1 + 1e-6, (1,))),
    Claim("A1c", "A product of sigmoid derivatives vanishes", "course",
          "mean product over 10 layers, inputs from N(0, 1); below 0.00001", ("derivatives",),
          below("product", 1e-5, (0, 9))),
    Claim("A1d", "A product of tanh derivatives vanishes", "course",
          "mean product over 10 layers, inputs from N(0, 1); below 0.01", ("derivatives",),
          below("product", 0.01, (1, 9))),
    remedy("R1", "Pre-training layer by layer makes", "vanishing_pretraining"),
    remedy("R2a", "Clipping every value of the gradients makes", "exploding_clip_value"),
    remedy("R2b", "Clipping the norm of each kernel's gradient makes", "exploding_clip_norm"),
    remedy("R2c", "Clipping the norm of all gradients together makes", "exploding_clip_global_norm"),
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
          "trained, 100 steps: gradient of the first half of inputs over that of the second, LSTM over plain; above 1",
          ("lstm_100", "simple_rnn_100"), remembers_more),
    remedy("R9a", "He weights make", "vanishing_he"),
    remedy("R9b", "Xavier (Glorot) weights make", "vanishing_glorot"),
    remedy("R9c", "He weights make", "exploding_he"),
    remedy("R9d", "Xavier (Glorot) weights make", "exploding_glorot"),
    remedy("R10a", "Adam at its default rate, 0.001, makes", "vanishing_adam"),
    remedy("R10b", "Adam at 0.01 makes", "vanishing_adam_0_01"),
    remedy("R11a", "Orthogonal weights make", "vanishing_orthogonal"),
    remedy("R11b", "Orthogonal weights make", "exploding_orthogonal"),
    remedy("R12", "A loss on every hidden layer makes", "vanishing_auxiliary"),
    Claim("O1a", "In a ravine momentum 0.5 swings less than gradient descent at the same rate", "course",
          "turns across the valley in 20 steps, less those of gradient descent; negative",
          ("ravine",), smoother_across),
    Claim("O1b", "In a ravine momentum 0.5 is faster along it than gradient descent at the same rate", "course",
          "distance left along the valley after 20 steps, over that of gradient descent; below 1",
          ("ravine",), faster_along),
    Claim("O2a", "AdaGrad's steps shrink and can stall", "course",
          "share of the way along the valley left after 100 steps at rate 0.4; above 0.1", ("ravine",), stalls),
    Claim("O2b", "RMSProp's steps do not shrink to a stall", "course",
          "share of the way along the valley left after 100 steps at rate 0.4; 0.1 or less",
          ("ravine",), does_not_stall),
    Claim("O3", "Momentum is faster than plain gradient descent in a ravine", "course",
          "steps to a thousandth of f, each at its best of six rates; fewer", ("ravine",), sooner_at_best_rate),
    *[Claim(f"O4{letter}", f"{name[0].upper()}{name[1:]} leaves a saddle point sooner than gradient descent", "course",
            "steps until 0.5 away from the ridge, less those of gradient descent; negative",
            ("saddle",), leaves_sooner(name))
      for letter, name in zip("abc", ("momentum", "RMSProp", "Adam"), strict=True)],
    *[Claim(f"O5{letter}", f"Deep tanh learns with {words} at its best rate", "-",
            f"rate with the best median training accuracy; {LEARNS}",
            tuple(name_of(words, rate) for rate in rates(words)), best_learns)
      for letter, words in zip("abcdefg", ON_DEEP_TANH, strict=True)],
    Claim("W1", "beta averages about the last 1 / (1 - beta) points", "1 / (1 - beta)",
          "points of the plain mean it is most like, over 1 / (1 - beta); 0.5 to 2 for beta 0.5, 0.9, 0.98",
          ("averages",), window),
    Claim("W2", "A larger beta is smoother and shifts right", "course",
          "lag of beta 0.98 less that of 0.5; roughness falls and lag rises from each beta to the next",
          ("averages",), smoother_and_later),
    Claim("W3", "The first values are biased low without the correction", "course",
          "first five values for beta 0.9 over those averaged; below 0.5, and within 0.2 of 1 when corrected",
          ("averages",), biased_low),
    Claim("B1", "Very small batches do badly", "course",
          "test accuracy with 1 point a step less that with 32; negative",
          ("batch_32", "batch_1"), lambda larger, single: (-beats(larger, single)[0], beats(larger, single)[1])),
    Claim("B2", "Larger batches process the same data faster", "course",
          "time with 1 point a step over that with 500; 32 faster than 1, and 500 faster than 32",
          ("batch_1", "batch_32", "batch_500"), each_faster),
    Claim("B3", "Larger batches need more epochs for the same accuracy", "course",
          "epochs to 80 % with 500 points a step less those with 32; positive, or never with 500",
          ("batch_500", "batch_32"), later),
    Claim("B4", "The batch size that is best in time is not the one that is best in accuracy", "course",
          "size with the shortest time to 80 %; another than the one with the best test accuracy",
          BATCHES, best_in_time_is_not_best_in_accuracy),
    Claim("G1a", "L1 makes weights sparse", "course", "hidden weights below 0.001; at least half",
          ("digits_l1",), sparse),
    Claim("G1b", "L2 makes weights small but not zero", "course",
          "mean |weight| over that without; below 0.5, and less than half as many below 0.001 as with L1",
          ("digits_l2", "digits_plain", "digits_l1"), small_not_zero),
    Claim("G1c", "Dropout narrows the gap between training and test accuracy", "course",
          "gap less that without dropout; negative", ("digits_dropout", "digits_plain"), narrower_gap),
    Claim("G2", "L2 in gradient descent is weight decay", "equal",
          "largest difference of a weight after 100 epochs over the largest weight; below 0.001",
          ("sgd_l2", "sgd_decay"), same_weights),
    Claim("G3", "Inverted dropout keeps the expected activation", "1",
          "mean after over mean before, rates 0.2, 0.5 (shown), 0.8; within 0.01 of 1",
          ("dropout_mean",), keeps_the_mean),
    Claim("G4", "A penalty keeps the kernels' columns orthogonal", "course",
          "mean |cosine| between columns of the second kernel, over that without; below 1",
          ("digits_orthogonal", "digits_plain"), more_orthogonal),
    Claim("G5", "The same hidden layer applied three times does as well as three", "course",
          "difference of test accuracies of the same seed; -0.01 or more",
          ("digits_shared", "digits_separate"), partial(as_good, short_by=0.01)),
    Claim("G6", "The smallest weights can be removed after training", "course",
          "change of test accuracy without the smallest 60 % of the hidden weights; -0.02 or more",
          ("digits_plain",), survives_pruning),
    Claim("G7", "Averaging the weights of the last epochs does not hurt", "course",
          "difference of test accuracies of the same seed; 0 or more",
          ("digits_averaged", "digits_plain"), as_good),
    Claim("G8", "An ensemble of five that votes is better than its median member", "course",
          "test accuracy of the vote less the median member's; positive; five seeds each",
          ("digits_plain",), votes_beat_the_median),
    Claim("K1", "Cross-validation on the training half finds a network that does well on the test half", "course",
          "test accuracy of the network it chooses less the best of the nine; -0.02 or more",
          tuple(one.name for one in CANDIDATES), near_the_best),
    Claim("N1", "Numerical differentiation and backpropagation agree", "equal",
          "largest relative error of a derivative; below 0.000001",
          ("differentiation",), below("relative_error", 1e-6)),
    Claim("N2a", "A network with no non-linearity is a linear model", "equal",
          "largest difference of its outputs to those of one layer with the product of its matrices; below 0.00001",
          ("linear_5_layers",), below("collapse_error", 1e-5)),
    Claim("N2b", "Five linear layers do no better than none", "course",
          "difference of test accuracies; within 0.05, and below 0.75",
          ("linear_5_layers", "logistic_regression"), no_better_than_linear),
]  # fmt: skip
