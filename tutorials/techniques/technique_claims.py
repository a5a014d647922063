"""The claims about these techniques, each with its rule; the scripts in this folder train what decides them.

The rules were written down before the studies were run.
"""

from functools import partial

from tutorials.studies.judging import Claim, Measured, as_good, beats, later
from tutorials.studies.replicates import Replicates
from tutorials.techniques.amount_of_data import EXPERIMENTS as BY_SAMPLES
from tutorials.techniques.amount_of_data import SAMPLES, WIDTHS
from tutorials.techniques.ensembles import MEMBERS, combined_seeds
from tutorials.techniques.learning_rate import held
from tutorials.techniques.noise import LEVELS
from tutorials.techniques.penalties import ALL, PENALTIES, STRENGTHS, WHOLE, chosen, cross_validated
from tutorials.techniques.pruning import SHARES

import numpy as np


def gap(members: Replicates) -> np.ndarray:
    """Training accuracy less test accuracy, (S,)."""
    return members.train_accuracy - members.test_accuracy


def gap_shrinks(*by_samples: Replicates) -> Measured:
    fewest, *_, most = gaps = [gap(members) for members in by_samples]
    middle = gaps[len(gaps) // 2]
    return fewest - most, (fewest > middle) & (middle > most)


def no_worse_with_more(*by_samples: Replicates) -> Measured:
    changes = np.diff(np.stack([members.test_accuracy for members in by_samples]), axis=0)
    return changes.min(axis=0), changes.min(axis=0) >= -0.02


def underfits(smallest: Replicates, middle: Replicates) -> Measured:
    difference = smallest.train_accuracy - middle.train_accuracy
    return difference, difference < -0.05


def overfits(largest: Replicates, middle: Replicates) -> Measured:
    wider = gap(largest) - gap(middle)
    return wider, (wider > 0) & (largest.test_accuracy < middle.test_accuracy)


def helps_most_where_few(few: Replicates, few_plain: Replicates, many: Replicates, many_plain: Replicates) -> Measured:
    with_few = few.test_accuracy - few_plain.test_accuracy
    with_many = many.test_accuracy - many_plain.test_accuracy
    return with_few - with_many, with_few > with_many


def worse(ours: Replicates, theirs: Replicates) -> Measured:
    difference = ours.test_accuracy - theirs.test_accuracy
    return difference, difference < -0.02


def wider_gap(ours: Replicates, theirs: Replicates) -> Measured:
    wider = gap(ours) - gap(theirs)
    return wider, wider > 0


def by_penalty(members: tuple[Replicates, ...]) -> tuple[dict, dict]:
    """Test accuracies and validation accuracies by penalty and strength; `members` as in `ALL_PENALTIES`."""
    whole, held_out = members[: len(WHOLE)], members[len(WHOLE) :]
    size = len(held_out) // len(WHOLE)
    folds = [held_out[first : first + size] for first in range(0, len(held_out), size)]
    tested = {pair: one.test_accuracy for pair, one in zip(WHOLE, whole, strict=True)}
    return tested, {pair: cross_validated(one) for pair, one in zip(WHOLE, folds, strict=True)}


def together_as_good(*members: Replicates) -> Measured:
    tested, validated = by_penalty(members)
    l1, l2, both = (chosen(tested, validated, penalty) for penalty in PENALTIES)
    difference = both - np.maximum(l1, l2)
    return difference, difference >= -0.01


def chooses_well(*members: Replicates) -> Measured:
    tested, validated = by_penalty(members)
    best = np.max([tested["l2", strength] for strength in STRENGTHS], axis=0)
    short = chosen(tested, validated, "l2") - best
    return short, short >= -0.02


def tighter(*by_strength: Replicates) -> Measured:
    """The kernels are every second of the variables, the last, the output's, has no penalty."""
    sizes = np.stack(
        [
            np.mean([np.abs(kernel).mean(axis=(1, 2)) for kernel in members.trained[0:4:2]], axis=0)
            for members in by_strength
        ]
    )
    return sizes[-1] / sizes[0], (np.diff(sizes, axis=0) < 0).all(axis=0)


def more_robust(noisy: Replicates, plain: Replicates) -> Measured:
    lost, lost_by_plain = (
        one.measured["under_noise"][:, 1, 0] - one.measured["under_noise"][:, 1, LEVELS.index(0.5)]
        for one in (noisy, plain)
    )
    return lost - lost_by_plain, lost < lost_by_plain


def survives_without_units(members: Replicates) -> Measured:
    accuracy = members.measured["without_units"][:, 1]
    lost = accuracy[:, SHARES.index(0.6)] - accuracy[:, 0]
    return lost, lost >= -0.02


def faster_without_units(members: Replicates) -> Measured:
    milliseconds = members.measured["milliseconds"][:, 1]
    ratio = milliseconds[:, SHARES.index(0.6)] / milliseconds[:, 0]
    return ratio, ratio < 0.6


def stacking_beats(other: str, *members: Replicates) -> Measured:
    found = combined_seeds(members)
    difference = found["stacking"] - found[other]
    return difference, difference > 0


def boosting_beats(other: str, members: Replicates) -> Measured:
    boosted, theirs = members.measured["boosted"][:, -1], members.measured[other]
    difference = boosted - (theirs if theirs.ndim == 1 else theirs[:, -1])
    return difference, difference > 0


def overshoots(high: Replicates, best: Replicates) -> Measured:
    rising, rising_best = ((np.diff(one.history["loss"], axis=1) > 0).mean(axis=1) for one in (high, best))
    ends_higher = last_loss(high) > last_loss(best)
    return rising - rising_best, (rising > rising_best) & ends_higher


def last_loss(members: Replicates) -> np.ndarray:
    """The mean training loss of the last ten epochs, (S,)."""
    return members.history["loss"][:, -10:].mean(axis=1)


def ends_lower(decaying: Replicates, held_rate: Replicates) -> Measured:
    ratio = last_loss(decaying) / last_loss(held_rate)
    return ratio, ratio < 1


def fewer_trials(members: Replicates) -> Measured:
    grid, bayesian = members.measured["grid"], members.measured["bayesian"]
    reached = bayesian >= grid.max(axis=1, keepdims=True)
    trials = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.nan)
    return trials, trials < grid.shape[1]


def as_good_a_setting(members: Replicates) -> Measured:
    grid, bayesian = (
        np.take_along_axis(members.measured[f"{kind}_test"], members.measured[kind].argmax(axis=1)[:, None], axis=1)[
            :, 0
        ]
        for kind in ("grid", "bayesian")
    )
    return bayesian - grid, bayesian >= grid - 0.01


def narrower(fewer: Replicates, all_inputs: Replicates) -> Measured:
    difference = gap(fewer) - gap(all_inputs)
    return difference, difference < 0


def costs_accuracy(fewer: Replicates, all_inputs: Replicates) -> Measured:
    difference = fewer.test_accuracy - all_inputs.test_accuracy
    return difference, difference < 0


MORE_SAMPLES = tuple(BY_SAMPLES[samples, 10].name for samples in SAMPLES)
SMALLEST, MIDDLE, LARGEST = (BY_SAMPLES[100, units].name for units in (WIDTHS[0], 10, WIDTHS[-1]))
ALL_PENALTIES = tuple(one.name for one in ALL)
ENSEMBLE = tuple(f"few_digits_{name}" for name in MEMBERS)

CLAIMS = [
    Claim("D1", "The gap between training and test accuracy shrinks as samples grow", "course",
          "gap with 20 samples less that with 500; larger with 20 than with 100, and with 100 than with 500",
          MORE_SAMPLES, gap_shrinks),
    Claim("D2", "More samples do not make generalization worse", "course",
          "smallest change of the test accuracy from each number of samples, 20 to 500, to the next; -0.02 or more",
          MORE_SAMPLES, no_worse_with_more),
    Claim("D3a", "A network with too little capacity underfits", "course",
          "100 samples, training accuracy with 1 unit in each layer less that with 10; below -0.05",
          (SMALLEST, MIDDLE), underfits),
    Claim("D3b", "A network with too much capacity overfits", "course",
          "100 samples, gap with 100 units in each layer less that with 10; positive, and a lower test accuracy",
          (LARGEST, MIDDLE), overfits),
    Claim("D4", "A pre-trained network does better on few samples than one trained on them alone", "course",
          "20 images, test accuracy fine-tuned less that from random weights; positive",
          ("digits_5_to_9_fine_tuned_20", "digits_5_to_9_scratch_20"), beats),
    Claim("D5", "Augmentation helps most where samples are few", "course",
          "gain of test accuracy by shifted copies with 20 images less that with 200; positive",
          ("digits_5_to_9_shifted_20", "digits_5_to_9_scratch_20",
           "digits_5_to_9_shifted_200", "digits_5_to_9_scratch_200"), helps_most_where_few),
    Claim("D6a", "Leaving out irrelevant inputs narrows the gap", "course",
          "gap with the best 15 of 60 inputs less that with all; negative",
          ("tumours_15_features", "tumours_60_features"), narrower),
    Claim("D6b", "Leaving out inputs can cost accuracy", "course",
          "test accuracy with the best input alone less that with all 60; negative",
          ("tumours_1_features", "tumours_60_features"), costs_accuracy),
    Claim("LN1a", "With very small batches batch normalization does worse", "course",
          "test accuracy with batches of 2 less that with batches of 32; below -0.02",
          ("batch_normalization_batch_2", "batch_normalization_batch_32"), worse),
    Claim("LN1b", "With very small batches layer normalization does not do worse", "course",
          "test accuracy with batches of 2 less that with batches of 32; -0.02 or more",
          ("layer_normalization_batch_2", "layer_normalization_batch_32"), partial(as_good, short_by=0.02)),
    Claim("LN2", "On small training sets batch normalization overfits more than layer normalization", "course",
          "40 samples, gap with batch normalization less that with layer normalization; positive",
          ("batch_normalization_40_samples", "layer_normalization_40_samples"), wider_gap),
    Claim("LN3a", "Layer normalization suits a recurrent network better than batch normalization", "course",
          "sums of 20 steps, test accuracy with layer normalization less that with batch normalization; positive",
          ("layer_normalization_recurrent", "batch_normalization_recurrent"), beats),
    Claim("LN3b", "Layer normalization suits a recurrent network better than none", "course",
          "sums of 20 steps, test accuracy with layer normalization less that without; positive",
          ("layer_normalization_recurrent", "none_normalization_recurrent"), beats),
    Claim("G9", "L1 and L2 combined generalize at least as well as the better of the two", "course",
          "each at the strength that cross-validation chooses, test accuracy less the better one's; -0.01 or more",
          ALL_PENALTIES, together_as_good),
    Claim("G10a", "Cross-validation finds a good strength of a penalty", "course",
          "L2, test accuracy at the strength chosen less that at the best of the four; -0.02 or more",
          ALL_PENALTIES, chooses_well),
    Claim("G10b", "A stronger penalty is a tighter constraint", "course",
          "L2, mean |hidden weight| at the largest strength over that at the smallest; falls with every step",
          tuple(WHOLE["l2", strength].name for strength in STRENGTHS), tighter),
    Claim("G11a", "Noise on the inputs makes a network more robust to noise in its inputs", "course",
          "accuracy lost by noise of 0.5 in the test images less that of the network without noise; negative",
          ("digits_noise_inputs", "digits_noise_plain"), more_robust),
    Claim("G11b", "Noise on the weights makes a network more robust to noise in its inputs", "course",
          "accuracy lost by noise of 0.5 in the test images less that of the network without noise; negative",
          ("digits_noise_weights", "digits_noise_plain"), more_robust),
    Claim("G12a", "Whole units can be removed after training", "course",
          "test accuracy without 60 % of the hidden units less that with all; -0.02 or more",
          ("digits_pruned",), survives_without_units),
    Claim("G12b", "A network without some of its units is faster", "course",
          "time to predict without 60 % of the hidden units over that with all; below 0.6",
          ("digits_pruned",), faster_without_units),
    Claim("G13a", "Stacking is better than the best member", "course",
          "test accuracy stacked less that of the member that the held-out samples favour; positive",
          ENSEMBLE, partial(stacking_beats, "best member")),
    Claim("G13b", "Stacking is better than a vote", "course",
          "test accuracy stacked less that of the vote; positive", ENSEMBLE, partial(stacking_beats, "vote")),
    Claim("G14a", "Boosting combines weak networks to a better one", "course",
          "test accuracy after 10 rounds less that of a weak network alone; positive",
          ("boosting",), partial(boosting_beats, "weak")),
    Claim("G14b", "Boosting is better than a vote of as many weak networks", "course",
          "test accuracy after 10 rounds less that of 10 weak networks that vote; positive",
          ("boosting",), partial(boosting_beats, "bagged")),
    Claim("O6a", "Too high a learning rate overshoots", "course",
          "share of epochs in which the loss rises at rate 1 less that at 0.01; positive, and a higher loss at the end",
          (held(1.0), held(0.01)), overshoots),
    Claim("O6b", "Too low a learning rate is slow", "course",
          "epochs to 80 % at rate 0.0001 less those at 0.01; positive, or never at 0.0001",
          (held(0.0001), held(0.01)), later),
    Claim("O7a", "A rate that decays ends at a lower loss than the same rate held", "course",
          "training loss of the last ten epochs, 0.1 decaying along a cosine over 0.1 held; below 1",
          ("rate_cosine", held(0.1)), ends_lower),
    Claim("O7b", "A rate that decays ends at a better test accuracy than the same rate held", "course",
          "difference of test accuracies, 0.1 decaying along a cosine less 0.1 held; positive",
          ("rate_cosine", held(0.1)), beats),
    Claim("H1a", "Bayesian optimization finds as good a setting as a grid in fewer trainings", "course",
          "trials until the best validation accuracy is as good as the grid's after 27; fewer than 27",
          ("searches",), fewer_trials),
    Claim("H1b", "The setting that Bayesian optimization finds is as good on the test half", "course",
          "after 27 trials each, test accuracy less that of the grid's setting; -0.01 or more",
          ("searches",), as_good_a_setting),
]  # fmt: skip
