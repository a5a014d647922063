"""What is studied: an `Experiment` is a model that is trained, a `Measurement` is any function of a seed."""

import dataclasses
from collections.abc import Callable
from typing import Any

from tutorials.lab import two_circles

import keras


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One configuration: a model and how long it is trained.

    Args:
        name: names its rows in tables and its line among the claims; letters, digits and `_`.
        title: a few words for tables and plots.
        build_model: function that returns a new, compiled `keras.Model` with random weights. The script trains the same
            model. One of its metrics is named `accuracy`.
        data: function that returns pairs of arrays x and y: the training samples, the test samples, and, where the
            epochs are not to be judged by the test samples, a third pair. The last pair is the validation data.
        own_samples: whether each seed has samples of its own; `data` then takes the seed. The shapes of the arrays are
            the same for all seeds.
        epochs: passes over the training samples.
        batch_size: samples per step.
        published: the tutorial's own training and test accuracy, or a phrase where it gives only a plot.
        measure: function of a model and of what `data` returned that returns a dict of arrays: this experiment's own
            statistics, taken of each member before and after training. None records nothing more. The model has the
            member's variables; its loss and its penalties may be those of another experiment of the same structure.
        build_callbacks: function that returns new Keras callbacks, where the training needs some. They are called
            from Python after each epoch, so many seeds take longer.
        pretrained: another experiment, whose trained member of the same seed this one starts from.
        transfer: goes with `pretrained`: called before training as `transfer(model, pretrained_model)`, it copies the
            weights to start from.

    >>> Experiment("deep_tanh", "tanh, 5 hidden layers", build_model)
    """

    name: str
    title: str
    build_model: Callable[[], keras.Model]
    data: Callable[..., tuple] = two_circles
    epochs: int = 500
    batch_size: int = 32
    published: tuple[float, float] | str = ""
    measure: Callable[[keras.Model, tuple], dict[str, Any]] | None = None
    build_callbacks: Callable[[], list[keras.callbacks.Callback]] | None = None
    own_samples: bool = False
    pretrained: "Experiment | None" = None
    transfer: Callable[[keras.Model, keras.Model], None] | None = None

    def __post_init__(self) -> None:
        if (self.pretrained is None) != (self.transfer is None):
            raise ValueError(f"{self.name}: pretrained and transfer belong together: give both or neither.")

    def samples(self, seed: int) -> tuple:
        """Return what `data` returns for a seed."""
        return self.data(seed) if self.own_samples else self.data()


@dataclasses.dataclass(frozen=True)
class Measurement:
    """Something of the course that is no training of one model, measured once for each seed.

    Args:
        name: names its rows in tables; letters, digits and `_`.
        title: a few words for tables and plots.
        measure: function of a seed that returns a dict of numbers or arrays, of the same shapes for every seed.
        resumes: whether the measurement of a single seed can be resumed after an interruption. `measure` then takes a
            second argument, the path of a directory for this seed alone, in which it keeps what it needs to go on.
    """

    name: str
    title: str
    measure: Callable[..., dict[str, Any]]
    resumes: bool = False
