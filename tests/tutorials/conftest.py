import contextlib
import importlib
import signal
import subprocess

from tutorials.__main__ import main
from tutorials.lab import two_circles
from tutorials.lab.compiled_epochs import epochs_of
from tutorials.lab.keras_loop import build_with_seed, replace_fit
from tutorials.studies import Measurement, Replicates
from tutorials.studies.many_seeds import BY_LAYER, HEALTH, METRICS, measured

import keras
import numpy as np
import pytest
from tensorflow.data import Dataset

from callbacks.keras_internals import kernels, nonlinear_layers


@pytest.fixture
def command(capfd):
    """Calls `python -m tutorials ARGUMENTS` in this process, which saves the seconds that TensorFlow takes to start."""
    handler = signal.getsignal(signal.SIGINT)

    def run(*arguments):
        try:
            status = main([*map(str, arguments)]) or 0
        except SystemExit as end:
            status = end.code
        return subprocess.CompletedProcess(arguments, status, *capfd.readouterr())

    yield run
    signal.signal(signal.SIGINT, handler)


@pytest.fixture(scope="session")
def few_samples():
    """In place of `two_circles`: three batches of 32 samples. A last, smaller batch doubles the time to compile."""

    def data():
        (x, y), (x_test, y_test) = two_circles()
        return (x[:96], y[:96]), (x_test[:96], y_test[:96])

    return data


@pytest.fixture(scope="session")
def batches_in_the_same_order():
    """In place of `whole_epochs`: plain Keras, fed batch by batch what `whole_epochs` trains on."""

    def replaced(model, seed):
        def fit(x, y, **options):
            batches = epochs_of((x, y), seed).flat_map(lambda *epoch: Dataset.from_tensor_slices(epoch).batch(32))
            return keras.Model.fit(model, batches, steps_per_epoch=-(-len(x) // 32), shuffle=False, **options)

        replace_fit(model, fit)

    return replaced


def draw(key, experiment, seeds, epochs, directory, threads=None):
    """In place of a training: random numbers of the right shapes, the same for the same seed and length."""
    if isinstance(experiment, Measurement):
        return key, measured(experiment, seeds, directory)
    model = build_with_seed(experiment.build_model, 0)
    layers, activated = list(kernels(model)), nonlinear_layers(model)
    shapes = [variable.shape for variable in model.variables]

    def member(seed):
        random = np.random.RandomState(1000 * epochs + seed)
        start = [random.rand(1, *shape) for shape in shapes]
        history = {name: random.rand(1, epochs) for name in METRICS}
        history |= {name: random.rand(1, epochs, len(layers)) for name in BY_LAYER}
        return Replicates(
            np.array([seed]),
            np.array(layers),
            history,
            history["accuracy"][:, -1],
            history["val_accuracy"][:, -1],
            {name: random.rand(1, 2, len(activated)) for name in HEALTH},
            seconds=random.rand(1),
            initial=start,
            trained=[array + random.rand(*array.shape) for array in start],
        )

    members = member(seeds[0])
    for seed in seeds[1:]:
        members = members.joined(member(seed))
    return key, members


@pytest.fixture(scope="session")
def drawn():
    """A context manager: while open, studies draw random numbers instead of training."""

    @contextlib.contextmanager
    def opened():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(importlib.import_module("tutorials.studies.study"), "_train", draw)
            yield

    return opened
