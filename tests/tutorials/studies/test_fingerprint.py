"""A fingerprint changes with what decides a number, in the model or in the code, and with nothing else."""

import contextlib
import dataclasses
import functools
import importlib
import importlib.util
import itertools
import sys
from functools import partial
from pathlib import Path

from tutorials.studies import Measurement
from tutorials.studies.fingerprint import fingerprint
from tutorials.vanishing import shallow_tanh

import keras
import pytest
from keras.layers import Dense
from keras.optimizers import SGD, Adam

BASE = shallow_tanh.EXPERIMENT


def build_model(hidden_layers=1, units=5, activation="tanh", optimizer=SGD, **options):
    hidden = [Dense(units, activation) for _ in range(hidden_layers)]
    model = keras.Sequential([keras.Input((2,)), *hidden, Dense(1, "sigmoid")])
    model.compile(optimizer(**options), "binary_crossentropy", metrics=["accuracy"])
    return model


def variants():
    yield BASE
    yield dataclasses.replace(BASE, batch_size=64)
    yield dataclasses.replace(BASE, build_model=build_model)
    yield dataclasses.replace(BASE, build_model=partial(build_model, 2))
    yield dataclasses.replace(BASE, build_model=partial(build_model, units=6))
    yield dataclasses.replace(BASE, build_model=partial(build_model, activation="relu"))
    yield dataclasses.replace(BASE, build_model=partial(build_model, momentum=0.8))
    yield dataclasses.replace(BASE, build_model=partial(build_model, learning_rate=0.02))
    yield dataclasses.replace(BASE, build_model=partial(build_model, optimizer=Adam))


@pytest.mark.slow
def test_every_change_of_the_model_is_told_and_nothing_else(monkeypatch):
    prints = [fingerprint(one, 500) for one in variants()]
    assert len(set(prints)) == len(prints)
    for _ in range(3):  # Keras counts on: sequential_3, sgd_2
        keras.Sequential(name=None)
        SGD()
    assert [fingerprint(one, 500) for one in itertools.islice(variants(), 3)] == prints[:3]
    renamed = dataclasses.replace(BASE, name="other", title="other", published="other")
    assert fingerprint(renamed, 500) == prints[0]
    assert fingerprint(BASE, 499) != prints[0]
    monkeypatch.setattr(keras, "__version__", "3.0.0")
    assert fingerprint(BASE, 500) != prints[0]


EDITS = itertools.count()


@contextlib.contextmanager
def edited(module, old, new, folder):
    """While open, a module of the project is as if its file had been edited before Python started.

    An edited copy of the file is imported under the module's name, and takes its place wherever the project has
    imported something from the module.
    """
    original = importlib.import_module(module)
    source = Path(original.__file__).read_text(encoding="utf-8")
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {module}"
    path = folder / f"edit_{next(EDITS)}.py"
    path.write_text(source.replace(old, new), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(module, path)
    copy = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, module, copy)
        spec.loader.exec_module(copy)
        for other in [one for name, one in sys.modules.items() if name.startswith(("callbacks", "tutorials"))]:
            for name, value in list(vars(other).items()):
                if value is original:
                    patch.setattr(other, name, copy)
                elif getattr(value, "__module__", None) == module and hasattr(value, "__name__"):
                    patch.setattr(other, name, getattr(copy, value.__name__))
        yield copy


MEASURED = '''
"""An experiment's own statistics."""

import numpy as np

LIMIT = 0.5


def measure(model, data):
    """Return the share of large weights."""
    # A comment.
    return {"large": share(model.layers[0].kernel.numpy())}


def share(values: np.ndarray) -> float:
    if values.size == 0:
        raise ValueError("There are no weights.")
    return float((np.abs(values) > LIMIT).mean())
'''

DECIDE = [
    (
        "callbacks._statistics",
        "deviation = ops.where(is_finite, matrix - mean[:, None], 0.0)",
        "deviation = ops.where(is_finite, matrix - mean[:, None], 1.0)",
    ),
    ("callbacks._statistics", "SATURATED_OUTPUT = 0.9**0.5", "SATURATED_OUTPUT = 0.8**0.5"),
    ("callbacks._statistics", 'RELU_ACTIVATIONS = ("relu", "relu6")', 'RELU_ACTIVATIONS = ("relu",)'),
    ("callbacks.activations", "model(batch, training=False)", "model(batch, training=True)"),
    ("callbacks.keras_internals", "listener(grads, variables)\n", "listener(grads[:1], variables[:1])\n"),
    ("tutorials.lab.compiled_epochs", "seed=[seed, epoch]", "seed=[epoch, seed]"),
    ("tutorials.lab.compiled_epochs", "tf.while_loop(lambda i: i < steps,", "tf.while_loop(lambda i: i < steps - 1,"),
    ("tutorials.lab.keras_loop", "random.Random(seed)", "random.Random(seed + 1)"),
    ("tutorials.studies.many_seeds", "self._gradients / steps", "self._gradients"),
    ("tutorials.studies.many_seeds", "halves[0][0][:1000]", "halves[0][0][:500]"),
    ("measured", "> LIMIT", ">= LIMIT"),
    ("measured", "LIMIT = 0.5", "LIMIT = 0.6"),
    ("measured", "model.layers[0]", "model.layers[1]"),
]
"""Edits that change a number: a module, a piece of its text, and what is put in its place."""

DECIDE_NOTHING = [
    (
        "callbacks._statistics",
        '"""Return the statistics of the outputs of n layers, all of one shape.',
        '"""Other words.',
    ),
    ("callbacks._statistics", "outputs: Any) -> ActivationStatistics:", "outputs):"),
    ("callbacks._statistics", "    count = ops.maximum(", "    # A comment.\n    count = ops.maximum("),
    ("tutorials.lab.compiled_epochs", '"""One epoch as operations of a graph', '"""Other words'),
    ("tutorials.studies.many_seeds", "# as `fit` does: averaged weights take effect", "# other words"),
    ("tutorials.studies.many_seeds", "def _l1(arrays: Sequence[tf.Tensor]) -> tf.Tensor:", "def _l1(arrays):"),
    ("callbacks.plots", "import numpy as np", "import numpy as np\n\nNOTHING = 1"),
    ("measured", "There are no weights.", "No weights."),
    ("measured", "# A comment.", "# Another comment."),
    ("measured", "Return the share of large weights.", "Other words."),
    ("measured", "(values: np.ndarray) -> float", "(values)"),
]
"""Edits that change none."""


@pytest.fixture(scope="module")
def print_after(tmp_path_factory):
    """The fingerprint of an experiment with statistics of its own, after an edit."""
    folder = tmp_path_factory.mktemp("edited")
    (folder / "measured.py").write_text(MEASURED)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)

        @functools.cache
        def after(module=None, old="", new=""):
            with edited(module, old, new, folder) if module else contextlib.nullcontext():
                measure = importlib.import_module("measured").measure
                return fingerprint(dataclasses.replace(BASE, measure=measure), 500)

        yield after


@pytest.mark.parametrize(("module", "old", "new"), DECIDE)
def test_code_that_decides_a_number_counts(print_after, module, old, new):
    assert print_after(module, old, new) != print_after()


@pytest.mark.parametrize(("module", "old", "new"), DECIDE_NOTHING)
def test_comments_docstrings_annotations_and_messages_do_not(print_after, module, old, new):
    assert print_after(module, old, new) == print_after()


def test_a_measurement_counts_with_what_it_calls(print_after, tmp_path):
    def prints():
        return fingerprint(Measurement("share", "", importlib.import_module("measured").share), 0)

    before = prints()
    with edited("measured", "> LIMIT", ">= LIMIT", tmp_path):
        assert prints() != before
    assert prints() == before


class Stop(keras.callbacks.Callback):
    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch + 1 == self.epochs


def stop_after(epochs):
    return [Stop(epochs)]


def test_callbacks_made_by_a_partial_count_with_their_arguments():
    three, four = (dataclasses.replace(BASE, build_callbacks=partial(stop_after, epochs)) for epochs in (3, 4))
    again = dataclasses.replace(BASE, build_callbacks=partial(stop_after, 3))
    assert fingerprint(three, 500) == fingerprint(again, 500)
    assert len({fingerprint(one, 500) for one in (BASE, three, four)}) == 3
