"""What to train and what to measure: an experiment, the settings of a run, and the networks of the course."""

import dataclasses
from collections.abc import Callable
from pathlib import Path


def optimizer(name, rate, **options):
    """Returns a new Keras optimizer by the name of its class."""
    import keras

    return getattr(keras.optimizers, name)(rate, **options)


def sgd(rate=0.01, momentum=0.9, **options):
    """Returns gradient descent with momentum; without arguments it is the tutorial's optimizer."""
    return optimizer("SGD", rate, momentum=momentum, **options)


def adam(rate=0.001, **options):
    """Returns Adam; without arguments at Keras's own rate."""
    return optimizer("Adam", rate, **options)


@dataclasses.dataclass(frozen=True)
class Task:
    """What is to be learned.

    Args:
        data: function that returns pairs of arrays x and y: the training points, the test points, and, where the epochs
            are not to be judged by the test points, a third pair. The last pair judges the epochs.
        loss: a Keras loss.
        accuracy: a Keras metric, or a function named `accuracy` of truth and prediction: 1 where it is right.
    """

    data: Callable
    loss: str = "binary_crossentropy"
    accuracy: str | Callable = "accuracy"


def circles():
    """Returns the halves of `lab.data.two_circles`."""
    from .data import two_circles

    return two_circles()


CIRCLES = Task(circles)


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One model of the course and how it is trained.

    Args:
        name: names its run directories and its lines in tables; letters, digits and `_`.
        title: a few words for tables and figures.
        build_model: function that returns a new, uncompiled `keras.Model` with random weights.
        build_optimizer: function that returns a new Keras optimizer.
        epochs: passes over the training points.
        batch_size: points a step.
        published: the tutorial's own train and test accuracy, or words where it gives only a plot.
        task: what is learned; the two circles.
        measure: function of a model and of what `task.data` returned that returns a dict of arrays: figures of this
            experiment's own, taken of each member before and after training. `None` takes none.
        build_callbacks: function that returns new Keras callbacks, where the training needs some. They are
            called from Python each epoch, so many seeds take longer.

    >>> Experiment("one_layer", "tanh, 1 x 5", lambda: mlp(hidden_layers=1, activation="tanh"))
    """

    name: str
    title: str
    build_model: Callable
    build_optimizer: Callable = sgd
    epochs: int = 500
    batch_size: int = 32
    published: tuple[float, float] | str = ""
    task: Task = CIRCLES
    measure: Callable | None = None
    build_callbacks: Callable | None = None


@dataclasses.dataclass(frozen=True)
class Measurement:
    """Something of the course that is measured without training an `Experiment`, once for each seed.

    Args:
        name: names its lines in tables; letters, digits and `_`.
        title: a few words for tables and figures.
        measure: function of a seed that returns a dict of numbers or arrays, of the same shapes for every seed.
    """

    name: str
    title: str
    measure: Callable


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
        data: images for the studies of digits: `mnist` or an `.npz` file; `None` takes scikit-learn's.
    """

    epochs: int | None = None
    seed: int = 1
    logdir: Path = Path("logs")
    seeds: int = 30
    jobs: int = 1
    dask: str | None = None
    data: str | None = None


def mlp(
    hidden_layers,
    width=5,
    *,
    activation,
    initializer="glorot_uniform",
    output_initializer="glorot_uniform",
    output="sigmoid",
    block=None,
    **options,
):
    """Returns a network for two inputs and one output unit, its dense layers named dense_1, dense_2, ...

    Args:
        hidden_layers: number of hidden layers.
        width: units of each.
        activation: a Keras activation for the hidden layers.
        initializer: of the hidden layers' kernels: a name that Keras knows, or a function that returns a new
            initializer. (Not an initializer itself: in Keras 3 one returns the same values at every call, and
            all layers would start alike.)
        output_initializer: the same for the output layer's kernel.
        output: the output's activation.
        block: what becomes of a hidden layer: a function of the input and of the new layer that returns the output.
            `None` applies the layer; `residual` and the other functions below do more.
        options: further arguments of every hidden `Dense` layer, such as `kernel_regularizer`.
    """
    from keras import Input, Model, Sequential
    from keras.layers import Dense

    layers = [
        Dense(width, activation, kernel_initializer=_new(initializer), name=f"dense_{number}", **options)
        for number in range(1, hidden_layers + 1)
    ]
    last = Dense(1, output, kernel_initializer=_new(output_initializer), name=f"dense_{hidden_layers + 1}")
    start = Input((2,))
    if block is None:
        return Sequential([start, *layers, last])
    x = start
    for layer in layers:
        x = block(x, layer)
    return Model(start, last(x))


def residual(x, layer):
    """A block: the layer's output is added to its input, where they are of one shape."""
    y = layer(x)
    return x + y if x.shape == y.shape else y


def batch_normalized(x, layer):
    """A block: batch normalization after the layer's activation."""
    from keras.layers import BatchNormalization

    return BatchNormalization()(layer(x))


def layer_normalized(x, layer):
    """A block: layer normalization after the layer's activation."""
    from keras.layers import LayerNormalization

    return LayerNormalization()(layer(x))


def uniform():
    """Returns the initializer of the tutorial's tanh networks: all weights between 0 and 1."""
    from keras.initializers import RandomUniform

    return RandomUniform(0, 1)


def normal():
    """Returns an initializer whose weights are too large for any deep network: normal, standard deviation 1."""
    from keras.initializers import RandomNormal

    return RandomNormal(stddev=1)


def _new(initializer):
    return initializer if isinstance(initializer, str) else initializer()
