"""What to train: an experiment, the settings of a run, and the plain networks of the tutorial."""

import dataclasses
from collections.abc import Callable
from pathlib import Path


def sgd():
    """Returns the tutorial's optimizer: gradient descent with momentum."""
    from keras.optimizers import SGD

    return SGD(learning_rate=0.01, momentum=0.9)


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One model of the course and how it is trained.

    Args:
        name: names its run directories and its lines in tables; letters, digits and `_`.
        title: a few words for tables and figures.
        build_model: function that returns a new, uncompiled `keras.Model` with random weights.
        build_optimizer: function that returns a new Keras optimizer.
        epochs: passes over the training half.
        batch_size: points a step.
        published: the tutorial's own train and test accuracy, or words where it gives only a plot.

    >>> Experiment("one_layer", "tanh, 1 x 5", lambda: mlp(hidden_layers=1, activation="tanh"))
    """

    name: str
    title: str
    build_model: Callable
    build_optimizer: Callable = sgd
    epochs: int = 500
    batch_size: int = 32
    published: tuple[float, float] | str = ""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the command line may change.

    Args:
        epochs: passes over the training half; `None` takes the experiment's own.
        seed: of weights and batches; in a study the first one.
        logdir: where runs go.
        seeds: how many seeds a study trains.
        jobs: processes that a study uses; 1 is this one.
        dask: address of a Dask scheduler whose workers train a study; `None` trains on this machine.
    """

    epochs: int | None = None
    seed: int = 1
    logdir: Path = Path("logs")
    seeds: int = 30
    jobs: int = 1
    dask: str | None = None


def mlp(hidden_layers, width=5, *, activation, initializer="glorot_uniform", output_initializer="glorot_uniform"):
    """Returns a network for two inputs and one sigmoid output, its layers named dense_1, dense_2, ...

    Args:
        hidden_layers: number of hidden layers.
        width: units of each.
        activation: a Keras activation for the hidden layers.
        initializer: of the hidden layers' kernels: a name that Keras knows, or a function that returns a new
            initializer. (Not an initializer itself: in Keras 3 one returns the same values at every call, and
            all layers would start alike.)
        output_initializer: the same for the output layer's kernel.
    """
    from keras import Input, Sequential
    from keras.layers import Dense

    layers = [
        Dense(width, activation, kernel_initializer=_new(initializer), name=f"dense_{number}")
        for number in range(1, hidden_layers + 1)
    ]
    output = Dense(1, "sigmoid", kernel_initializer=_new(output_initializer), name=f"dense_{hidden_layers + 1}")
    return Sequential([Input((2,)), *layers, output])


def _new(initializer):
    return initializer if isinstance(initializer, str) else initializer()
