"""What cured each fault, and how often: counted with 30 seeds on networks for the two circles."""

import dataclasses
from collections.abc import Collection

SEEDS = 30
MIN_LEARNED = 27
"""Seeds of 30 that have to learn with a remedy for it to be advised."""

MAX_ADVICE = 6
"""Remedies that are advised against a fault, at most."""


@dataclasses.dataclass(frozen=True)
class Advice:
    """A remedy that was tried alone against a fault.

    Attributes:
        remedy: what was changed.
        learned: seeds that learned with it.
        seeds: seeds tried.
        network: description of the network that it was tried on.
        without: seeds that learned without it.
    """

    remedy: str
    learned: int
    seeds: int
    network: str
    without: int


@dataclasses.dataclass(frozen=True)
class Trial:
    """The remedies tried against one fault.

    Attributes:
        rule: the rule that finds the fault.
        activation: the activation of the network's hidden layers.
        network: description of the network.
        without: seeds of 30 that learned without a remedy.
        remedies: dict of what was changed to the seeds of 30 that learned with it.
    """

    rule: str
    activation: str
    network: str
    without: int
    remedies: dict[str, int]


EXPLODING = {
    "He normal weights": 30,
    "Glorot uniform weights": 30,
    "batch normalization after each hidden layer": 30,
    "layer normalization after each hidden layer": 30,
    "gradients clipped to norm 1": 9,
    "gradients clipped to a global norm of 1": 24,
    "gradients clipped to [-0.5, 0.5]": 7,
    "a learning rate a thousand times smaller": 21,
    "Adam at its default rate, 0.001": 21,
}
"""The network explodes, and so its weights end as NaN: one count for both rules."""

TRIALS = [
    Trial(
        "vanishing_gradient",
        "tanh",
        "tanh, 5 x 5, weights in [0, 1]",
        0,
        {
            "Glorot uniform weights": 30,
            "orthogonal weights": 30,
            "ReLU with He uniform weights": 29,
            "batch normalization after each hidden layer": 12,
            "layer normalization after each hidden layer": 26,
            "residual connections": 29,
            "two hidden layers instead of five": 30,
            "25 units per layer instead of 5": 0,
            "Adam at its default rate, 0.001": 17,
            "Adam at 0.01": 30,
            "a learning rate ten times larger": 12,
            "gradients clipped to norm 1": 0,
        },
    ),
    Trial(
        "vanishing_gradient",
        "sigmoid",
        "sigmoid, 6 x 10, Glorot uniform weights",
        0,
        {
            "tanh instead of sigmoid": 30,
            "ReLU with He uniform weights": 30,
            "orthogonal weights": 0,
            "batch normalization after each hidden layer": 30,
            "layer normalization after each hidden layer": 30,
            "residual connections": 0,
            "one hidden layer instead of six": 0,
            "Adam at 0.01": 4,
            "a learning rate ten times larger": 0,
        },
    ),
    Trial("exploding_gradient", "relu", "ReLU, 8 x 25, weights from N(0, 1)", 0, EXPLODING),
    Trial("nonfinite", "relu", "ReLU, 8 x 25, weights from N(0, 1)", 0, EXPLODING),
    Trial(
        "dead_units",
        "relu",
        "ReLU, 20 x 5, He uniform weights",
        2,
        {
            "leaky ReLU": 24,
            "ELU": 27,
            "tanh with Glorot uniform weights": 11,
            "batch normalization after each hidden layer": 0,
            "layer normalization after each hidden layer": 0,
            "residual connections": 0,
            "25 units per layer instead of 5": 29,
            "five hidden layers instead of twenty": 29,
            "a learning rate ten times smaller": 3,
            "Adam at its default rate, 0.001": 5,
        },
    ),
    Trial(
        "saturated",
        "tanh",
        "tanh, 5 x 25, weights in [0, 1]",
        0,
        {
            "Glorot uniform weights": 30,
            "ReLU with He uniform weights": 30,
            "batch normalization after each hidden layer": 0,
            "layer normalization after each hidden layer": 30,
            "5 units per layer instead of 25": 0,
            "a learning rate ten times smaller": 0,
            "Adam at 0.01": 0,
        },
    ),
    Trial(
        "weights_not_moving",
        "relu",
        "ReLU, 2 x 10, SGD at 0.00000001",
        0,
        {
            "a learning rate a thousand times larger": 0,
            "a learning rate a million times larger": 30,
            "Adam at its default rate, 0.001": 30,
        },
    ),
    Trial(
        "updates_too_large",
        "tanh",
        "tanh, 3 x 10, SGD at 10",
        0,
        {
            "a learning rate ten times smaller": 0,
            "a learning rate a hundred times smaller": 30,
            "a learning rate a thousand times smaller": 30,
            "gradients clipped to norm 1": 0,
            "gradients clipped to norm 0.01": 0,
            "batch normalization after each hidden layer": 0,
            "Adam at its default rate, 0.001": 30,
            "a batch of 250 instead of 32": 0,
        },
    ),
    Trial(
        "loss_oscillating",
        "tanh",
        "tanh, 2 x 10, Adam at 0.3",
        0,
        {
            "a learning rate ten times smaller": 30,
            "a learning rate a hundred times smaller": 30,
            "a learning rate that decays to zero": 1,
            "a batch of 250 instead of 32": 30,
            "gradients clipped to norm 1": 0,
            "batch normalization after each hidden layer": 0,
            "SGD at 0.01 with momentum": 30,
        },
    ),
    Trial(
        "loss_not_falling",
        "tanh",
        "tanh, 2 x 10, SGD at 0.0001",
        0,
        {
            "a learning rate ten times larger": 1,
            "a learning rate a hundred times larger": 30,
            "Adam at its default rate, 0.001": 30,
            "ReLU with He uniform weights": 0,
            "a batch of 8 instead of 32": 0,
        },
    ),
    Trial(
        "accuracy_at_chance",
        "relu",
        "ReLU, 2 x 10, softmax over one output unit",
        0,
        {
            "sigmoid for a single output unit": 30,
            "Adam at 0.01": 0,
            "batch normalization after each hidden layer": 0,
        },
    ),
]
"""Counted by `python -m tutorials study advice` in the repository, 500 epochs each."""


def advice_for(rule: str, activations: Collection[str | None]) -> list[Advice]:
    """Return the remedies against a rule's fault that helped, best first, at most six.

    Args:
        rule: a key of `RULES`.
        activations: names of the activations of the layers concerned; where a rule was tried on several networks,
            one of such layers is taken.
    """
    trials = [trial for trial in TRIALS if trial.rule == rule]
    if not trials:
        return []
    trial = next((trial for trial in trials if trial.activation in activations), trials[0])
    helped = [(remedy, learned) for remedy, learned in trial.remedies.items() if learned >= MIN_LEARNED]
    helped.sort(key=lambda remedy_and_learned: -remedy_and_learned[1])
    return [Advice(remedy, learned, SEEDS, trial.network, trial.without) for remedy, learned in helped[:MAX_ADVICE]]
