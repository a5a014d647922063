"""The claims of the tutorial's exercises, each with its rule; the scripts in this folder train what decides them.

The rules were written down before the exercises were run, and are not changed afterwards.
"""

from tutorials.studies.judging import FAILS, LEARNS, Claim, Measured, beats, best_learns, fails, learns
from tutorials.studies.replicates import Replicates
from tutorials.vanishing.vanishing_claims import moved

ADAM = tuple(f"deep_tanh_adam_{rate}" for rate in ("0_001", "0_003", "0_01", "0_03", "0_1"))
SGD = tuple(f"deep_tanh_sgd_{rate}" for rate in ("0_001", "0_003", "0_01", "0_03", "0_1"))


def hidden_weights_move_more(relu: Replicates, tanh: Replicates) -> Measured:
    ratio = moved(relu)[:, :-1].mean(axis=1) / moved(tanh)[:, :-1].mean(axis=1)
    return ratio, ratio > 1


def much_worse(deep: Replicates, shallow: Replicates) -> Measured:
    difference = deep.test_accuracy - shallow.test_accuracy
    return difference, difference <= -0.1


CLAIMS = [
    Claim("E1", "Xavier (Glorot) uniform weights make deep tanh learn", "exercise", LEARNS,
          ("deep_tanh_glorot",), learns),
    Claim("E2a", "Adam at its default rate, 0.001, makes deep tanh learn", "exercise", LEARNS, ADAM[:1], learns),
    Claim("E2b", "Adam at the best of five rates makes deep tanh learn", "exercise",
          f"rate with the best median training accuracy; {LEARNS}", ADAM, best_learns),
    Claim("E2c", "SGD with momentum at the best of the same rates does so too", "exercise",
          f"rate with the best median training accuracy; {LEARNS}", SGD, best_learns),
    Claim("E3", "Hidden weights change more in deep ReLU, which learns, than in deep tanh", "exercise",
          "mean change of a hidden kernel's weight over the run, ReLU over tanh; above 1",
          ("deep_relu", "deep_tanh"), hidden_weights_move_more),
    Claim("E4", "With tanh, 10 hidden layers do much worse than 1", "exercise",
          "difference of test accuracies of the same seed; -0.1 or less",
          ("tanh_10_layers_5_wide", "tanh_1_layers_5_wide"), much_worse),
    Claim("E5a", "Width does not cure depth: tanh, 5 layers of 25 units, does not learn", "exercise", FAILS,
          ("tanh_5_layers_25_wide",), fails),
    Claim("E5b", "One hidden layer of 25 tanh units does better than one of 5", "exercise",
          "difference of test accuracies of the same seed; positive",
          ("tanh_1_layers_25_wide", "tanh_1_layers_5_wide"), beats),
]  # fmt: skip
