"""Advice: which remedy cures which fault? Each tried alone, seed by seed, on networks that fail without it.

A diagnosis should not repeat what everybody says. So each fault that the rules of `Diagnosis` know is built into a
network for the two circles, every remedy that is commonly given for it is applied alone, and the seeds that learn are
counted. The counts are in callbacks/advice.py; what helps fewer than nine seeds in ten is not advised.
"""

import dataclasses
from functools import partial

from tutorials.lab import Experiment, main, mlp
from tutorials.lab.experiment import adam, batch_normalized, layer_normalized, normal, residual, sgd, uniform


def model(depth, width, activation, initializer="glorot_uniform", **options):
    """The remedy, or the fault, that is a network: what is changed in the experiment."""
    return {"build_model": partial(mlp, depth, width, activation=activation, initializer=initializer, **options)}


def tutorials_tanh(depth, width):
    return model(depth, width, "tanh", uniform, output_initializer=uniform)


def optimizer(build, *args, **options):
    """The same for an optimizer."""
    return {"build_optimizer": partial(build, *args, **options)}


def decaying_adam():
    from keras.optimizers.schedules import CosineDecay

    return adam(CosineDecay(0.3, 500 * 16))


@dataclasses.dataclass(frozen=True)
class Fault:
    """A network that fails, and what might cure it.

    Args:
        rule: the rule of `Diagnosis` that is about this fault.
        network: words for the network.
        experiment: how it is built and trained.
        remedies: dict of words to what is changed in the experiment.
    """

    rule: str
    network: str
    experiment: Experiment
    remedies: dict


def fault(rule, network, built, remedies):
    return Fault(rule, network, Experiment(rule, network, **built), remedies)


RELU_HE = ("relu", "he_uniform")
EXPLODING = {
    "He normal weights": model(8, 25, "relu", "he_normal"),
    "Glorot uniform weights": model(8, 25, "relu"),
    "batch normalization after each hidden layer": model(8, 25, "relu", normal, block=batch_normalized),
    "layer normalization after each hidden layer": model(8, 25, "relu", normal, block=layer_normalized),
    "gradients clipped to norm 1": optimizer(sgd, clipnorm=1.0),
    "gradients clipped to norm 1 in all": optimizer(sgd, global_clipnorm=1.0),
    "gradients clipped to [-0.5, 0.5]": optimizer(sgd, clipvalue=0.5),
    "a learning rate a thousand times smaller": optimizer(sgd, 0.00001),
    "Adam at its default rate, 0.001": optimizer(adam, 0.001),
}
"""The network explodes, and so ends in NaN: one table for both rules."""

FAULTS = [
    fault(
        "vanishing_gradient",
        "tanh, 5 x 5, weights in [0, 1]",
        tutorials_tanh(5, 5),
        {
            "Glorot uniform weights": model(5, 5, "tanh"),
            "orthogonal weights": model(5, 5, "tanh", "orthogonal"),
            "ReLU with He uniform weights": model(5, 5, *RELU_HE),
            "batch normalization after each hidden layer": model(5, 5, "tanh", uniform, block=batch_normalized),
            "layer normalization after each hidden layer": model(5, 5, "tanh", uniform, block=layer_normalized),
            "residual connections": model(5, 5, "tanh", uniform, block=residual),
            "two hidden layers instead of five": tutorials_tanh(2, 5),
            "25 units a layer instead of 5": tutorials_tanh(5, 25),
            "Adam at its default rate, 0.001": optimizer(adam, 0.001),
            "Adam at 0.01": optimizer(adam, 0.01),
            "a learning rate ten times larger": optimizer(sgd, 0.1),
            "gradients clipped to norm 1": optimizer(sgd, clipnorm=1.0),
        },
    ),
    fault(
        "vanishing_gradient",
        "sigmoid, 6 x 10, Glorot uniform weights",
        model(6, 10, "sigmoid"),
        {
            "tanh instead of sigmoid": model(6, 10, "tanh"),
            "ReLU with He uniform weights": model(6, 10, *RELU_HE),
            "orthogonal weights": model(6, 10, "sigmoid", "orthogonal"),
            "batch normalization after each hidden layer": model(6, 10, "sigmoid", block=batch_normalized),
            "layer normalization after each hidden layer": model(6, 10, "sigmoid", block=layer_normalized),
            "residual connections": model(6, 10, "sigmoid", block=residual),
            "one hidden layer instead of six": model(1, 10, "sigmoid"),
            "Adam at 0.01": optimizer(adam, 0.01),
            "a learning rate ten times larger": optimizer(sgd, 0.1),
        },
    ),
    *[
        fault(rule, "ReLU, 8 x 25, weights from N(0, 1)", model(8, 25, "relu", normal), EXPLODING)
        for rule in ("exploding_gradient", "nonfinite")
    ],
    fault(
        "dead_units",
        "ReLU, 20 x 5, He uniform weights",
        model(20, 5, *RELU_HE),
        {
            "leaky ReLU": model(20, 5, "leaky_relu", "he_uniform"),
            "ELU": model(20, 5, "elu", "he_uniform"),
            "tanh with Glorot uniform weights": model(20, 5, "tanh"),
            "batch normalization after each hidden layer": model(20, 5, *RELU_HE, block=batch_normalized),
            "layer normalization after each hidden layer": model(20, 5, *RELU_HE, block=layer_normalized),
            "residual connections": model(20, 5, *RELU_HE, block=residual),
            "25 units a layer instead of 5": model(20, 25, *RELU_HE),
            "five hidden layers instead of twenty": model(5, 5, *RELU_HE),
            "a learning rate ten times smaller": optimizer(sgd, 0.001),
            "Adam at its default rate, 0.001": optimizer(adam, 0.001),
        },
    ),
    fault(
        "saturated",
        "tanh, 5 x 25, weights in [0, 1]",
        tutorials_tanh(5, 25),
        {
            "Glorot uniform weights": model(5, 25, "tanh"),
            "ReLU with He uniform weights": model(5, 25, *RELU_HE),
            "batch normalization after each hidden layer": model(5, 25, "tanh", uniform, block=batch_normalized),
            "layer normalization after each hidden layer": model(5, 25, "tanh", uniform, block=layer_normalized),
            "5 units a layer instead of 25": tutorials_tanh(5, 5),
            "a learning rate ten times smaller": optimizer(sgd, 0.001),
            "Adam at 0.01": optimizer(adam, 0.01),
        },
    ),
    fault(
        "weights_not_moving",
        "ReLU, 2 x 10, SGD at 0.00000001",
        model(2, 10, *RELU_HE) | optimizer(sgd, 1e-8),
        {
            "a learning rate a thousand times larger": optimizer(sgd, 1e-5),
            "a learning rate a million times larger": optimizer(sgd, 0.01),
            "Adam at its default rate, 0.001": optimizer(adam, 0.001),
        },
    ),
    fault(
        "updates_too_large",
        "tanh, 3 x 10, SGD at 10",
        model(3, 10, "tanh") | optimizer(sgd, 10.0),
        {
            "a learning rate ten times smaller": optimizer(sgd, 1.0),
            "a learning rate a hundred times smaller": optimizer(sgd, 0.1),
            "a learning rate a thousand times smaller": optimizer(sgd, 0.01),
            "gradients clipped to norm 1": optimizer(sgd, 10.0, clipnorm=1.0),
            "gradients clipped to norm 0.01": optimizer(sgd, 10.0, clipnorm=0.01),
            "batch normalization after each hidden layer": model(3, 10, "tanh", block=batch_normalized),
            "Adam at its default rate, 0.001": optimizer(adam, 0.001),
            "a batch of 250 instead of 32": {"batch_size": 250},
        },
    ),
    fault(
        "loss_oscillating",
        "tanh, 2 x 10, Adam at 0.3",
        model(2, 10, "tanh") | optimizer(adam, 0.3),
        {
            "a learning rate ten times smaller": optimizer(adam, 0.03),
            "a learning rate a hundred times smaller": optimizer(adam, 0.003),
            "a learning rate that decays to zero": optimizer(decaying_adam),
            "a batch of 250 instead of 32": {"batch_size": 250},
            "gradients clipped to norm 1": optimizer(adam, 0.3, clipnorm=1.0),
            "batch normalization after each hidden layer": model(2, 10, "tanh", block=batch_normalized),
            "SGD at 0.01 with momentum": optimizer(sgd, 0.01),
        },
    ),
    fault(
        "loss_not_falling",
        "tanh, 2 x 10, SGD at 0.0001",
        model(2, 10, "tanh") | optimizer(sgd, 0.0001),
        {
            "a learning rate ten times larger": optimizer(sgd, 0.001),
            "a learning rate a hundred times larger": optimizer(sgd, 0.01),
            "Adam at its default rate, 0.001": optimizer(adam, 0.001),
            "ReLU with He uniform weights": model(2, 10, *RELU_HE),
            "a batch of 8 instead of 32": {"batch_size": 8},
        },
    ),
    fault(
        "accuracy_at_chance",
        "ReLU, 2 x 10, softmax over one output unit",
        model(2, 10, *RELU_HE, output="softmax"),
        {
            "sigmoid for a single output unit": model(2, 10, *RELU_HE),
            "Adam at 0.01": optimizer(adam, 0.01),
            "batch normalization after each hidden layer": model(
                2, 10, *RELU_HE, block=batch_normalized, output="softmax"
            ),
        },
    ),
]


def _experiments():
    """One for each fault as it is, and one for each remedy: their names are a1, a1_1, a1_2, ..., a2, ..."""
    found = []
    for i, fault in enumerate(FAULTS, 1):
        found.append(dataclasses.replace(fault.experiment, name=f"a{i}", title=fault.network))
        for j, (words, changed) in enumerate(fault.remedies.items(), 1):
            found.append(dataclasses.replace(fault.experiment, name=f"a{i}_{j}", title=words, **changed))
    return found


EXPERIMENTS = _experiments()


def look(study):
    learned = {name: int(members.learned.sum()) for name, members in study.members.items()}
    for i, fault in enumerate(FAULTS, 1):
        if f"a{i}" in learned:
            print(f"{fault.rule}: {fault.network}: {learned[f'a{i}']} seeds learn")
        for j, words in enumerate(fault.remedies, 1):
            if f"a{i}_{j}" in learned:
                print(f"    {learned[f'a{i}_{j}']:3}  {words}")
    return {}


def run(settings):
    from tutorials.lab.studies import run_study

    return run_study("advice", EXPERIMENTS, settings, look)


if __name__ == "__main__":
    main(run, __doc__, study=True)
