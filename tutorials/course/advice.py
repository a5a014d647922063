"""Advice: which remedy cures which fault, each tried alone on a network that fails without it.

`Diagnosis` advises only what was tried. So each fault that its rules can find is built into a network for the two
circles, every remedy that is commonly given for the fault is applied alone, and the seeds that learn are counted. A
remedy with which fewer than nine seeds in ten learn is not advised. The counts are in callbacks/diagnosis/cures.csv.
`run` trains each faulty network once and prints what `Diagnosis` says of it; `study` counts the remedies.
"""

import dataclasses
from functools import partial
from typing import Any

from tutorials.course.remedies import NETWORKS, TECHNIQUES, build_model, uniform, weights
from tutorials.lab import EpochMetrics, new_run, two_circles, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment

import keras
from keras.initializers import GlorotUniform, HeUniform
from keras.optimizers import SGD, Adam
from keras.optimizers.schedules import CosineDecay
from tqdm.keras import TqdmCallback

from callbacks import Diagnosis

MOMENTUM_SGD = partial(SGD, momentum=0.9)


def changes(*names):
    """Techniques of the league of remedies, by name: a dict of titles to what each changes."""
    return dict(TECHNIQUES[name] for name in names)


def decaying_adam():
    return Adam(CosineDecay(0.3, 500 * 16))


@dataclasses.dataclass(frozen=True)
class Fault:
    """A network that fails, and what might cure it.

    Args:
        rule: the rule of `Diagnosis` that is about this fault.
        title: of the network.
        network: the arguments of `build_model` that make it.
        remedies: a remedy's title to the arguments that it changes; `batch_size` is among them.
    """

    rule: str
    title: str
    network: dict[str, Any]
    remedies: dict[str, dict[str, Any]]


SIGMOID = {"hidden_layers": 6, "units": 10, "activation": "sigmoid", "kernel_initializer": GlorotUniform}
WIDE_TANH = {"hidden_layers": 5, "units": 25, "activation": "tanh", **weights(uniform)}
SHALLOW_TANH = {"hidden_layers": 2, "units": 10, "activation": "tanh", "kernel_initializer": GlorotUniform}
SHALLOW_RELU = {"hidden_layers": 2, "units": 10, "activation": "relu", "kernel_initializer": HeUniform}

EXPLODING = changes(
    "he",
    "glorot",
    "orthogonal",
    "batch_normalization",
    "layer_normalization",
    "clip_norm",
    "clip_global_norm",
    "clip_value",
    "adam",
) | {"a learning rate a thousand times smaller": {"optimizer": partial(MOMENTUM_SGD, 0.00001)}}
"""The network explodes, and so its weights end as NaN: one table for both rules."""

FAULTS = [
    Fault(
        "vanishing_gradient",
        *NETWORKS["vanishing"],
        changes(
            "glorot",
            "orthogonal",
            "relu_he",
            "batch_normalization",
            "layer_normalization",
            "residual",
            "clip_norm",
            "adam",
            "adam_0_01",
        )
        | {
            "two hidden layers instead of five": {"hidden_layers": 2},
            "25 units per layer instead of 5": {"units": 25},
            "a learning rate ten times larger": {"optimizer": partial(MOMENTUM_SGD, 0.1)},
        },
    ),
    Fault(
        "vanishing_gradient",
        "sigmoid, 6 x 10, Glorot uniform weights",
        SIGMOID,
        {"tanh instead of sigmoid": {"activation": "tanh"}}
        | changes("relu_he", "orthogonal", "batch_normalization", "layer_normalization", "residual", "adam_0_01")
        | {
            "one hidden layer instead of six": {"hidden_layers": 1},
            "a learning rate ten times larger": {"optimizer": partial(MOMENTUM_SGD, 0.1)},
        },
    ),
    Fault("exploding_gradient", *NETWORKS["exploding"], EXPLODING),
    Fault("nonfinite", *NETWORKS["exploding"], EXPLODING),
    Fault(
        "dead_units",
        *NETWORKS["dying"],
        {
            "leaky ReLU, slope 0.2": {"activation": "leaky_relu"},
            "ELU": {"activation": "elu"},
            "tanh with Glorot uniform weights": {"activation": "tanh", **weights(GlorotUniform)},
        }
        | changes("batch_normalization", "layer_normalization", "residual", "adam")
        | {
            "25 units per layer instead of 5": {"units": 25},
            "five hidden layers instead of twenty": {"hidden_layers": 5},
            "a learning rate ten times smaller": {"optimizer": partial(MOMENTUM_SGD, 0.001)},
        },
    ),
    Fault(
        "saturated",
        "tanh, 5 x 25, weights in [0, 1]",
        WIDE_TANH,
        changes("glorot", "relu_he", "batch_normalization", "layer_normalization", "adam_0_01")
        | {
            "5 units per layer instead of 25": {"units": 5},
            "a learning rate ten times smaller": {"optimizer": partial(MOMENTUM_SGD, 0.001)},
        },
    ),
    Fault(
        "weights_not_moving",
        "ReLU, 2 x 10, SGD at 0.00000001",
        SHALLOW_RELU | {"optimizer": partial(MOMENTUM_SGD, 1e-8)},
        {
            "a learning rate a thousand times larger": {"optimizer": partial(MOMENTUM_SGD, 1e-5)},
            "a learning rate a million times larger": {"optimizer": partial(MOMENTUM_SGD, 0.01)},
        }
        | changes("adam"),
    ),
    Fault(
        "updates_too_large",
        "tanh, 3 x 10, SGD at 10",
        SHALLOW_TANH | {"hidden_layers": 3, "optimizer": partial(MOMENTUM_SGD, 10.0)},
        {
            "a learning rate ten times smaller": {"optimizer": partial(MOMENTUM_SGD, 1.0)},
            "a learning rate a hundred times smaller": {"optimizer": partial(MOMENTUM_SGD, 0.1)},
            "a learning rate a thousand times smaller": {"optimizer": partial(MOMENTUM_SGD, 0.01)},
            "gradients clipped to norm 1": {"optimizer": partial(MOMENTUM_SGD, 10.0, clipnorm=1.0)},
            "gradients clipped to norm 0.01": {"optimizer": partial(MOMENTUM_SGD, 10.0, clipnorm=0.01)},
            "a batch of 250 instead of 32": {"batch_size": 250},
        }
        | changes("batch_normalization", "adam"),
    ),
    Fault(
        "loss_oscillating",
        "tanh, 2 x 10, Adam at 0.3",
        SHALLOW_TANH | {"optimizer": partial(Adam, 0.3)},
        {
            "a learning rate ten times smaller": {"optimizer": partial(Adam, 0.03)},
            "a learning rate a hundred times smaller": {"optimizer": partial(Adam, 0.003)},
            "a learning rate that decays to zero": {"optimizer": decaying_adam},
            "gradients clipped to norm 1": {"optimizer": partial(Adam, 0.3, clipnorm=1.0)},
            "SGD at 0.01 with momentum": {"optimizer": partial(MOMENTUM_SGD, 0.01)},
            "a batch of 250 instead of 32": {"batch_size": 250},
        }
        | changes("batch_normalization"),
    ),
    Fault(
        "loss_not_falling",
        "tanh, 2 x 10, SGD at 0.0001",
        SHALLOW_TANH | {"optimizer": partial(MOMENTUM_SGD, 0.0001)},
        {
            "a learning rate ten times larger": {"optimizer": partial(MOMENTUM_SGD, 0.001)},
            "a learning rate a hundred times larger": {"optimizer": partial(MOMENTUM_SGD, 0.01)},
            "a batch of 8 instead of 32": {"batch_size": 8},
        }
        | changes("relu_he", "adam"),
    ),
    Fault(
        "softmax_over_one_unit",
        "ReLU, 2 x 10, softmax over one output unit",
        SHALLOW_RELU | {"output_activation": "softmax"},
        {"sigmoid for a single output unit": {"output_activation": "sigmoid"}}
        | changes("adam_0_01", "batch_normalization"),
    ),
]


def experiment(name, title, arguments):
    """The experiment with these arguments of `build_model`, and the batch size where it is among them."""
    arguments = dict(arguments)
    batch_size = arguments.pop("batch_size", 32)
    return Experiment(name, title, partial(build_model, **arguments), batch_size=batch_size)


FAULTY = [experiment(f"a{i}", fault.title, fault.network) for i, fault in enumerate(FAULTS, 1)]
REMEDIED = [
    experiment(f"a{i}_{j}", title, fault.network | changed)
    for i, fault in enumerate(FAULTS, 1)
    for j, (title, changed) in enumerate(fault.remedies.items(), 1)
]


def run(seed=1, epochs=500, log_dir="logs"):
    results = []
    for fault, faulty in zip(FAULTS, FAULTY, strict=True):
        directory = new_run(log_dir, f"advice_{fault.rule}", seed)
        keras.utils.set_random_seed(seed)
        (x_train, y_train), (x_test, y_test) = two_circles()
        model = faulty.build_model()
        whole_epochs(model, seed)  # thirty times faster; without this line it is plain Keras
        print(f"\n{fault.title}")
        model.fit(
            x_train,
            y_train,
            validation_data=(x_test, y_test),
            epochs=epochs,
            verbose=0,
            callbacks=[
                EpochMetrics(directory),
                TqdmCallback(desc=fault.rule, verbose=0),
                Diagnosis(directory, probe=x_train),
            ],
        )
        _, train_accuracy = model.evaluate(x_train, y_train, verbose=0)
        _, test_accuracy = model.evaluate(x_test, y_test, verbose=0)
        results.append(Result(fault.title, train_accuracy, test_accuracy))
    return results


def summarize(study):
    learned = {name: int(members.learned.sum()) for name, members in study.members.items()}
    for i, fault in enumerate(FAULTS, 1):
        if f"a{i}" in learned:
            print(f"{fault.rule}: {fault.title}: {learned[f'a{i}']} seeds learn")
        for j, title in enumerate(fault.remedies, 1):
            if f"a{i}_{j}" in learned:
                print(f"    {learned[f'a{i}_{j}']:3}  {title}")
    return {}


SCRIPT = Script(__doc__, run, [*FAULTY, *REMEDIED], summarize)

if __name__ == "__main__":
    SCRIPT.main()
