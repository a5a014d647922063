"""Experiments that differ only in numbers that a training begins with share one compilation, and their numbers stay."""

from functools import partial

from tutorials.lab import two_circles, whole_epochs, without_fold
from tutorials.lab.keras_loop import build_with_seed
from tutorials.studies import Experiment, many_seeds, replicate

import keras
import numpy as np
import pytest
from keras.initializers import GlorotUniform, RandomUniform
from keras.layers import Dense
from keras.optimizers import SGD


def build_model(rate=0.05, initializer=GlorotUniform, activation="tanh", clipnorm=None, penalty=None, activity=None):
    penalties = {"kernel_regularizer": penalty, "activity_regularizer": activity}
    hidden = Dense(5, activation, kernel_initializer=initializer(), name="dense_1", **penalties)
    model = keras.Sequential([keras.Input((2,)), hidden, Dense(1, "sigmoid", name="dense_2")])
    model.compile(SGD(rate, momentum=0.9, clipnorm=clipnorm), "binary_crossentropy", metrics=["accuracy"])
    return model


def experiment(fold=0, **changes):
    return Experiment("small", "", partial(build_model, **changes), data=lambda: without_fold(two_circles(), fold))


@pytest.fixture
def compiled(monkeypatch):
    """The compiled trainings, none at the beginning of a test."""
    monkeypatch.setattr(many_seeds, "_trainings", {})
    monkeypatch.setattr(many_seeds, "_examiners", {})
    return many_seeds._trainings


SHARING = {
    "learning rate": experiment(rate=0.5),
    "initial weights": experiment(initializer=partial(RandomUniform, 0, 1)),
    "values of the data": experiment(fold=1),
}
NOT_SHARING = {
    "penalty on activations": experiment(activity=keras.regularizers.L2(0.01)),
    "another penalty on activations": experiment(activity=keras.regularizers.L2(1.0)),
    "activation": experiment(activation="relu"),
    "clipping": experiment(clipnorm=0.1),
    "penalty": experiment(penalty=keras.regularizers.L2(0.01)),
}


@pytest.mark.parametrize(
    ("owner", "name"), [(many_seeds._Training, "_train_all_epochs"), (many_seeds._Statistics, "_of_halves")]
)
def test_what_is_compiled_is_traced_once(compiled, monkeypatch, owner, name):
    traced, original = [], getattr(owner, name)

    def traces(self, *arguments):
        traced.append(name)
        return original(self, *arguments)

    monkeypatch.setattr(owner, name, traces)
    replicate(experiment(), [1, 2], 2)
    assert traced == [name]


@pytest.mark.slow
def test_what_differs_only_in_where_it_begins_shares_a_compilation(compiled):
    shared = [replicate(one, [1, 2], 2) for one in (experiment(), *SHARING.values())]
    assert len(compiled) == len(many_seeds._examiners) == 1
    for members, one in zip(shared, (experiment(), *SHARING.values()), strict=True):
        compiled.clear()
        many_seeds._examiners.clear()
        alone = replicate(one, [1, 2], 2)
        for name, values in alone.history.items():
            np.testing.assert_array_equal(members.history[name], values, err_msg=name)
        np.testing.assert_array_equal(members.test_accuracy, alone.test_accuracy)
        assert all(np.array_equal(a, b) for a, b in zip(members.trained, alone.trained, strict=True))
    assert not np.allclose(shared[0].history["loss"], shared[1].history["loss"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("penalty", "other"),
    [
        (keras.regularizers.L2(0.01), keras.regularizers.L2(0.3)),
        (keras.regularizers.L1L2(0.01, 0.02), keras.regularizers.L1L2(0.1, 0.0)),
    ],
)
def test_penalties_of_other_strengths_share_a_compilation_and_are_those_of_fit(compiled, penalty, other):
    for one in (penalty, other):
        members = replicate(experiment(penalty=one), [3], 2)
        model = build_with_seed(partial(build_model, penalty=one), 3)
        (x, y), _, fold = experiment().data()
        whole_epochs(model, 3)
        history = model.fit(x, y, validation_data=fold, epochs=2, verbose=0).history
        np.testing.assert_allclose(members.history["loss"][0], history["loss"], rtol=1e-5)
        for ours, theirs in zip(members.trained, model.get_weights(), strict=True):
            np.testing.assert_allclose(ours[0], theirs, rtol=1e-4, atol=1e-6)
        assert model.trainable_variables[0].regularizer is one
    assert len(compiled) == 1
    replicate(experiment(), [3], 2)
    assert len(compiled) == 2


@pytest.mark.slow
def test_what_computes_something_else_does_not(compiled):
    for one in (experiment(), *NOT_SHARING.values()):
        replicate(one, [1], 2)
    assert len(compiled) == 1 + len(NOT_SHARING)


@pytest.mark.slow
def test_only_so_many_compilations_are_kept(compiled, monkeypatch):
    monkeypatch.setattr(many_seeds, "COMPILED_AT_MOST", 1)
    replicate(experiment(), [1], 2)
    replicate(NOT_SHARING["activation"], [1], 2)
    assert len(compiled) == 1
