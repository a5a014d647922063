"""What an experiment may ask for beside a model: other data, callbacks, statistics of its own, averaged weights."""

import dataclasses
from functools import partial
from unittest import mock

from tutorials.course import backpropagation, recurrent, regularization, remedies
from tutorials.lab import stratified_subset, two_circles, whole_epochs, without_fold
from tutorials.lab.keras_loop import build_with_seed
from tutorials.studies import Experiment, Measurement, replicate, study
from tutorials.studies.fingerprint import fingerprint

import keras
import numpy as np
import pytest
from keras.layers import Dense
from keras.optimizers import SGD

TRAIN, TEST = two_circles()


def build_small(optimizer=lambda: SGD(0.05, momentum=0.9), loss="binary_crossentropy", metric="accuracy"):
    model = keras.Sequential([keras.Input((2,)), Dense(5, "tanh", name="dense_1"), Dense(1, "sigmoid", name="dense_2")])
    model.compile(optimizer(), loss, metrics=[metric])
    return model


def averaging_sgd():
    return SGD(0.05, momentum=0.9, use_ema=True, ema_momentum=0.9)


SMALL = Experiment("small", "", build_small)


@pytest.mark.slow
def test_averaged_weights_take_effect_as_in_fit():
    experiment = dataclasses.replace(SMALL, build_model=partial(build_small, averaging_sgd))
    members = replicate(experiment, [2], 3)
    model = build_with_seed(experiment.build_model, 2)
    whole_epochs(model, 2)
    model.fit(*TRAIN, validation_data=TEST, epochs=3, verbose=0)
    assert all(np.allclose(a[0], b, atol=1e-6) for a, b in zip(members.trained, model.get_weights(), strict=True))
    assert members.test_accuracy[0] == pytest.approx(model.evaluate(*TEST, verbose=0)[1])
    assert not np.allclose(members.trained[0][0], replicate(SMALL, [2], 3).trained[0][0])


@pytest.mark.slow
def test_callbacks_stop_a_member_and_leave_what_came_before_as_it_was():
    without = dataclasses.replace(SMALL, data=lambda: without_fold(two_circles(), 2))
    stopped = dataclasses.replace(without, build_callbacks=lambda: [StopAfter(3)])
    (x, y), test, fold = without.data()
    ours, whole = replicate(stopped, [4], 5), replicate(without, [4], 5)
    for name, values in ours.history.items():
        assert np.isnan(values[:, 3:]).all()
        np.testing.assert_allclose(values[:, :3], whole.history[name][:, :3], rtol=1e-4, atol=1e-6, err_msg=name)
    model = build_with_seed(without.build_model, 4)
    model.set_weights([values[0] for values in ours.trained])
    assert ours.test_accuracy[0] == pytest.approx(model.evaluate(*test, verbose=0)[1])
    assert ours.train_accuracy[0] == pytest.approx(model.evaluate(x, y, verbose=0)[1])
    assert ours.history["val_accuracy"][0, 2] == pytest.approx(model.evaluate(*fold, verbose=0)[1])


class StopAfter(keras.callbacks.Callback):
    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch + 1 == self.epochs


def circles_of(seed):
    return stratified_subset(two_circles(), 32, seed)


@pytest.mark.slow
def test_each_seed_may_have_samples_of_its_own():
    def size(model, data):
        return {"first": data[0][0][0]}

    own = dataclasses.replace(SMALL, data=circles_of, own_samples=True, measure=size)
    members = replicate(own, [5, 6], 3)
    for i, seed in enumerate((5, 6)):
        (x, y), _ = circles_of(seed)
        model = build_with_seed(own.build_model, seed)
        whole_epochs(model, seed)
        history = model.fit(x, y, validation_data=TEST, epochs=3, verbose=0).history
        np.testing.assert_allclose(members.history["loss"][i], history["loss"], rtol=1e-5)
        assert members.train_accuracy[i] == pytest.approx(model.evaluate(x, y, verbose=0)[1])
        np.testing.assert_array_equal(members.measured["first"][i, 1], x[0])
    assert fingerprint(own, 3) != fingerprint(dataclasses.replace(own, data=other_circles_of), 3)


def other_circles_of(seed):
    return stratified_subset(two_circles(), 32, seed if seed == 0 else seed + 1)


@pytest.mark.slow
def test_an_experiments_own_statistics_are_taken_before_and_after():
    def largest(model, data):
        return {"largest": np.abs(model.layers[0].kernel.numpy()).max()}

    members = replicate(dataclasses.replace(SMALL, measure=largest), [1, 2], 2)
    for when, state in enumerate((members.initial, members.trained)):
        np.testing.assert_allclose(members.measured["largest"][:, when], np.abs(state[0]).max(axis=(1, 2)), rtol=1e-6)


def decaying_sgd(excluded=()):
    optimizer = SGD(0.05, momentum=0.9, weight_decay=0.01)
    optimizer.exclude_from_weight_decay(var_names=excluded)
    return optimizer


def partly_penalized():
    model = build_small()
    model.layers[-1].kernel.regularizer = keras.regularizers.L2(0.1)
    return model


@pytest.mark.slow
def test_a_fingerprint_tells_data_measure_callbacks_and_own_models_apart():
    _, tanh = remedies.NETWORKS["vanishing"]
    own_models = [
        partial(remedies.build_model, **tanh | {"hidden_layers": hidden_layers} | remedies.TECHNIQUES[name][1])
        for name in ("pretraining", "auxiliary")
        for hidden_layers in (2, 3)
    ]
    variants = [
        SMALL,
        dataclasses.replace(SMALL, data=lambda: without_fold(two_circles(), 1)),
        dataclasses.replace(SMALL, build_model=partial(build_small, loss="mse")),
        dataclasses.replace(SMALL, build_model=partial(build_small, metric=recurrent.accuracy)),
        dataclasses.replace(SMALL, build_model=partial(build_small, averaging_sgd)),
        dataclasses.replace(SMALL, build_model=partial(build_small, decaying_sgd)),
        dataclasses.replace(SMALL, build_model=partial(build_small, partial(decaying_sgd, ["bias"]))),
        dataclasses.replace(SMALL, build_model=partly_penalized),
        dataclasses.replace(SMALL, measure=backpropagation.collapse),
        dataclasses.replace(SMALL, build_callbacks=regularization.stop_early),
        dataclasses.replace(SMALL, build_callbacks=partial(one_callback, 3)),
        dataclasses.replace(SMALL, build_callbacks=partial(one_callback, 4)),
        dataclasses.replace(SMALL, pretrained=SMALL, transfer=take_all),
        dataclasses.replace(SMALL, pretrained=dataclasses.replace(SMALL, epochs=7), transfer=take_all),
        *[dataclasses.replace(SMALL, build_model=build) for build in own_models],
    ]
    prints = [fingerprint(one, 5) for one in variants]
    assert len(set(prints)) == len(prints)
    assert prints == [fingerprint(one, 5) for one in variants]


def take_all(model, pretrained):
    model.set_weights(pretrained.get_weights())


def one_callback(epochs):
    return [StopAfter(epochs)]


def test_measurements_are_kept_and_taken_for_new_seeds_only(tmp_path):
    taken = mock.Mock()

    def measure(seed):
        taken(seed)
        return {"value": np.float64(seed), "row": np.arange(3) * seed}

    experiments = [Measurement("m", "", measure)]
    study("measured", experiments, seeds=[1, 2], log_dir=tmp_path)
    study("measured", experiments, seeds=[1, 2, 3], log_dir=tmp_path)
    assert [call.args for call in taken.call_args_list] == [(1,), (2,), (3,)]
    table = (tmp_path / "study" / "measured" / "results.csv").read_text().splitlines()
    assert table == ["experiment,seed,value", "m,1,1", "m,2,2", "m,3,3"]


def test_a_measurement_that_resumes_keeps_every_seed_and_has_a_directory_of_its_own(tmp_path):
    taken = mock.Mock()

    def measure(seed, directory):
        taken(seed)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "half.txt").write_text(str(seed))
        if seed == 2 and taken.call_count == 2:
            raise KeyboardInterrupt
        return {"value": np.float64(seed), "files": np.float64(len([*directory.iterdir()]))}

    experiments = [Measurement("m", "", measure, resumes=True)]
    with pytest.raises(KeyboardInterrupt):
        study("resumed", experiments, seeds=[1, 2, 3], log_dir=tmp_path)
    study("resumed", experiments, seeds=[1, 2, 3], log_dir=tmp_path)
    assert [call.args for call in taken.call_args_list] == [(1,), (2,), (2,), (3,)]
    table = (tmp_path / "study" / "resumed" / "results.csv").read_text().splitlines()
    assert table == ["experiment,seed,value,files", "m,1,1,1", "m,2,2,1", "m,3,3,1"]
