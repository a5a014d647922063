"""Advice: which remedy cures which fault? Each tried alone, seed by seed, on networks that fail without it.

A diagnosis should not repeat what everybody says. So each fault that the rules of `Diagnosis` know is built into a
network for the two circles, every remedy that is commonly given for it is applied alone, and the seeds that learn are
counted. The counts are in callbacks/advice.py; what helps fewer than nine seeds in ten is not advised.
"""

import dataclasses

from tutorials.lab import Experiment, main, mlp
from tutorials.lab.experiment import sgd as tutorials_sgd


def network(depth, width, activation, kernel="glorot_uniform", between=None, output="sigmoid"):
    """A function that builds a network for the circles; `between` names a Keras layer to put after each hidden one."""

    def build():
        from keras import Input, Sequential, layers

        stack = []
        for number in range(1, depth + 1):
            new = kernel if isinstance(kernel, str) else kernel()
            stack.append(layers.Dense(width, activation, kernel_initializer=new, name=f"dense_{number}"))
            stack += [getattr(layers, between)()] if between else []
        return Sequential([Input((2,)), *stack, layers.Dense(1, output, name=f"dense_{depth + 1}")])

    return build


def tutorials_tanh(depth, width):
    def build():
        return mlp(depth, width, activation="tanh", initializer=uniform01, output_initializer=uniform01)

    return build


def residual(depth, width, activation, kernel="glorot_uniform"):
    """The same with every hidden layer but the first added to its input."""

    def build():
        from keras import Input, Model, layers

        new = (lambda: kernel) if isinstance(kernel, str) else kernel
        start = Input((2,))
        x = layers.Dense(width, activation, kernel_initializer=new(), name="dense_1")(start)
        for number in range(2, depth + 1):
            x = layers.Add()([x, layers.Dense(width, activation, kernel_initializer=new(), name=f"dense_{number}")(x)])
        return Model(start, layers.Dense(1, "sigmoid", name=f"dense_{depth + 1}")(x))

    return build


def uniform01():
    from keras.initializers import RandomUniform

    return RandomUniform(0, 1)


def normal1():
    from keras.initializers import RandomNormal

    return RandomNormal(stddev=1)


def sgd(rate, **options):
    def build():
        from keras.optimizers import SGD

        return SGD(rate, momentum=0.9, **options)

    return build


def adam(rate, **options):
    def build():
        from keras.optimizers import Adam

        return Adam(rate, **options)

    return build


def decaying_adam():
    from keras.optimizers import Adam
    from keras.optimizers.schedules import CosineDecay

    return Adam(CosineDecay(0.3, 500 * 16))


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


def fault(rule, network, build_model, remedies, build_optimizer=tutorials_sgd):
    return Fault(rule, network, Experiment(rule, network, build_model, build_optimizer), remedies)


def model(build):
    return {"build_model": build}


def optimizer(build):
    return {"build_optimizer": build}


RELU_HE = ("relu", "he_uniform")
FAULTS = [
    fault(
        "vanishing_gradient",
        "tanh, 5 x 5, weights in [0, 1]",
        tutorials_tanh(5, 5),
        {
            "Glorot uniform weights": model(network(5, 5, "tanh")),
            "orthogonal weights": model(network(5, 5, "tanh", "orthogonal")),
            "ReLU with He uniform weights": model(network(5, 5, *RELU_HE)),
            "batch normalization after each hidden layer": model(
                network(5, 5, "tanh", uniform01, "BatchNormalization")
            ),
            "layer normalization after each hidden layer": model(
                network(5, 5, "tanh", uniform01, "LayerNormalization")
            ),
            "residual connections": model(residual(5, 5, "tanh", uniform01)),
            "two hidden layers instead of five": model(tutorials_tanh(2, 5)),
            "25 units a layer instead of 5": model(tutorials_tanh(5, 25)),
            "Adam at its default rate, 0.001": optimizer(adam(0.001)),
            "Adam at 0.01": optimizer(adam(0.01)),
            "a learning rate ten times larger": optimizer(sgd(0.1)),
            "gradients clipped to norm 1": optimizer(sgd(0.01, clipnorm=1.0)),
        },
    ),
    fault(
        "vanishing_gradient",
        "sigmoid, 6 x 10, Glorot uniform weights",
        network(6, 10, "sigmoid"),
        {
            "tanh instead of sigmoid": model(network(6, 10, "tanh")),
            "ReLU with He uniform weights": model(network(6, 10, *RELU_HE)),
            "orthogonal weights": model(network(6, 10, "sigmoid", "orthogonal")),
            "batch normalization after each hidden layer": model(
                network(6, 10, "sigmoid", between="BatchNormalization")
            ),
            "layer normalization after each hidden layer": model(
                network(6, 10, "sigmoid", between="LayerNormalization")
            ),
            "residual connections": model(residual(6, 10, "sigmoid")),
            "one hidden layer instead of six": model(network(1, 10, "sigmoid")),
            "Adam at 0.01": optimizer(adam(0.01)),
            "a learning rate ten times larger": optimizer(sgd(0.1)),
        },
    ),
    *[
        fault(
            rule,  # the network explodes, and so breaks: one table for both
            "ReLU, 8 x 25, weights from N(0, 1)",
            network(8, 25, "relu", normal1),
            {
                "He normal weights": model(network(8, 25, "relu", "he_normal")),
                "Glorot uniform weights": model(network(8, 25, "relu")),
                "batch normalization after each hidden layer": model(
                    network(8, 25, "relu", normal1, "BatchNormalization")
                ),
                "layer normalization after each hidden layer": model(
                    network(8, 25, "relu", normal1, "LayerNormalization")
                ),
                "gradients clipped to norm 1": optimizer(sgd(0.01, clipnorm=1.0)),
                "gradients clipped to norm 1 in all": optimizer(sgd(0.01, global_clipnorm=1.0)),
                "gradients clipped to [-0.5, 0.5]": optimizer(sgd(0.01, clipvalue=0.5)),
                "a learning rate a thousand times smaller": optimizer(sgd(0.00001)),
                "Adam at its default rate, 0.001": optimizer(adam(0.001)),
            },
        )
        for rule in ("exploding_gradient", "nonfinite")
    ],
    fault(
        "dead_units",
        "ReLU, 20 x 5, He uniform weights",
        network(20, 5, *RELU_HE),
        {
            "leaky ReLU": model(network(20, 5, "leaky_relu", "he_uniform")),
            "ELU": model(network(20, 5, "elu", "he_uniform")),
            "tanh with Glorot uniform weights": model(network(20, 5, "tanh")),
            "batch normalization after each hidden layer": model(network(20, 5, *RELU_HE, "BatchNormalization")),
            "layer normalization after each hidden layer": model(network(20, 5, *RELU_HE, "LayerNormalization")),
            "residual connections": model(residual(20, 5, *RELU_HE)),
            "25 units a layer instead of 5": model(network(20, 25, *RELU_HE)),
            "five hidden layers instead of twenty": model(network(5, 5, *RELU_HE)),
            "a learning rate ten times smaller": optimizer(sgd(0.001)),
            "Adam at its default rate, 0.001": optimizer(adam(0.001)),
        },
    ),
    fault(
        "saturated",
        "tanh, 5 x 25, weights in [0, 1]",
        tutorials_tanh(5, 25),
        {
            "Glorot uniform weights": model(network(5, 25, "tanh")),
            "ReLU with He uniform weights": model(network(5, 25, *RELU_HE)),
            "batch normalization after each hidden layer": model(
                network(5, 25, "tanh", uniform01, "BatchNormalization")
            ),
            "layer normalization after each hidden layer": model(
                network(5, 25, "tanh", uniform01, "LayerNormalization")
            ),
            "5 units a layer instead of 25": model(tutorials_tanh(5, 5)),
            "a learning rate ten times smaller": optimizer(sgd(0.001)),
            "Adam at 0.01": optimizer(adam(0.01)),
        },
    ),
    fault(
        "weights_not_moving",
        "ReLU, 2 x 10, SGD at 0.00000001",
        network(2, 10, *RELU_HE),
        {
            "a learning rate a thousand times larger": optimizer(sgd(1e-5)),
            "a learning rate a million times larger": optimizer(sgd(0.01)),
            "Adam at its default rate, 0.001": optimizer(adam(0.001)),
        },
        sgd(1e-8),
    ),
    fault(
        "updates_too_large",
        "tanh, 3 x 10, SGD at 10",
        network(3, 10, "tanh"),
        {
            "a learning rate ten times smaller": optimizer(sgd(1.0)),
            "a learning rate a hundred times smaller": optimizer(sgd(0.1)),
            "a learning rate a thousand times smaller": optimizer(sgd(0.01)),
            "gradients clipped to norm 1": optimizer(sgd(10.0, clipnorm=1.0)),
            "gradients clipped to norm 0.01": optimizer(sgd(10.0, clipnorm=0.01)),
            "batch normalization after each hidden layer": model(network(3, 10, "tanh", between="BatchNormalization")),
            "Adam at its default rate, 0.001": optimizer(adam(0.001)),
            "a batch of 250 instead of 32": {"batch_size": 250},
        },
        sgd(10.0),
    ),
    fault(
        "loss_oscillating",
        "tanh, 2 x 10, Adam at 0.3",
        network(2, 10, "tanh"),
        {
            "a learning rate ten times smaller": optimizer(adam(0.03)),
            "a learning rate a hundred times smaller": optimizer(adam(0.003)),
            "a learning rate that decays to zero": optimizer(decaying_adam),
            "a batch of 250 instead of 32": {"batch_size": 250},
            "gradients clipped to norm 1": optimizer(adam(0.3, clipnorm=1.0)),
            "batch normalization after each hidden layer": model(network(2, 10, "tanh", between="BatchNormalization")),
            "SGD at 0.01 with momentum": optimizer(sgd(0.01)),
        },
        adam(0.3),
    ),
    fault(
        "loss_not_falling",
        "tanh, 2 x 10, SGD at 0.0001",
        network(2, 10, "tanh"),
        {
            "a learning rate ten times larger": optimizer(sgd(0.001)),
            "a learning rate a hundred times larger": optimizer(sgd(0.01)),
            "Adam at its default rate, 0.001": optimizer(adam(0.001)),
            "ReLU with He uniform weights": model(network(2, 10, *RELU_HE)),
            "a batch of 8 instead of 32": {"batch_size": 8},
        },
        sgd(0.0001),
    ),
    fault(
        "accuracy_at_chance",
        "ReLU, 2 x 10, softmax over one output unit",
        network(2, 10, *RELU_HE, output="softmax"),
        {
            "sigmoid for a single output unit": model(network(2, 10, *RELU_HE)),
            "Adam at 0.01": optimizer(adam(0.01)),
            "batch normalization after each hidden layer": model(
                network(2, 10, *RELU_HE, "BatchNormalization", "softmax")
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
