"""What a study leaves on disk: its table, its index, the members; and that what is there is not trained again."""

import csv
import dataclasses
import importlib
import json
from functools import partial

from tutorials.lab.keras_loop import build_with_seed
from tutorials.studies import Experiment, Study, study
from tutorials.vanishing import deep_relu, shallow_tanh

import keras
import numpy as np
import pytest
from keras.layers import Dense
from keras.optimizers import SGD

SMALL = [dataclasses.replace(script.EXPERIMENT, epochs=2) for script in (shallow_tanh, deep_relu)]


@pytest.fixture
def trained(drawn):
    """The (experiment, seeds) of every job; random numbers are drawn instead of trained."""
    calls, module = [], importlib.import_module("tutorials.studies.study")
    with drawn(), pytest.MonkeyPatch.context() as patch:
        train = module._train

        def noted(key, experiment, seeds, *others, **options):
            calls.append((experiment.name, list(seeds)))
            return train(key, experiment, seeds, *others, **options)

        patch.setattr(module, "_train", noted)
        yield calls


def rows(directory):
    with (directory / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_a_row_for_each_configuration_and_seed(trained, tmp_path):
    done = study("small", SMALL, [1, 2], log_dir=tmp_path)
    table = rows(tmp_path / "study" / "small")
    assert [(row["experiment"], row["seed"]) for row in table] == [
        (one.name, str(seed)) for one in SMALL for seed in (1, 2)
    ]
    first, last = table[0], table[-1]
    assert (first["hidden_layers"], first["width"], first["activation"]) == ("1", "5", "tanh")
    assert (first["kernel_initializer"], first["optimizer"]) == ("random_uniform", "sgd")
    assert (last["hidden_layers"], last["activation"], last["kernel_initializer"]) == ("5", "relu", "he_uniform")
    assert (first["learning_rate"], first["epochs"]) == ("0.01", "2")
    assert first["gradient_3"] == ""
    members = done.members["deep_relu"]
    assert float(last["test_accuracy"]) == pytest.approx(members.history["val_accuracy"][1, -1], abs=1e-4)
    assert float(last["gradient_6"]) == pytest.approx(members.history["gradient_abs_mean"][1, :, 5].mean(), rel=1e-4)
    assert Study.load(tmp_path, "small").table() == done.table()
    assert "ReLU, 5 hidden layers  2 " in done.table().replace("         ", "  ")


def test_another_length_is_a_study_of_its_own(trained, tmp_path):
    study("small", SMALL, [1, 2], log_dir=tmp_path)
    other = study("small", SMALL, [1], epochs=3, log_dir=tmp_path)
    assert other.name == "small_3_epochs"
    assert {row["epochs"] for row in rows(tmp_path / "study" / "small")} == {"2"}
    assert {row["epochs"] for row in rows(tmp_path / "study" / "small_3_epochs")} == {"3"}
    assert trained == [(one.name, seeds) for seeds in ([1, 2], [1]) for one in SMALL]
    assert study("small", SMALL, [1], epochs=2, log_dir=tmp_path).name == "small"  # their own length, by name


def test_only_what_is_missing_is_trained(trained, tmp_path):
    study("small", SMALL, [1, 2], log_dir=tmp_path)
    trained.clear()
    study("small", SMALL, [1, 2], log_dir=tmp_path)
    study("another", SMALL[:1], [1, 2], log_dir=tmp_path)
    assert trained == []
    study("small", SMALL, [1, 2, 3, 4], log_dir=tmp_path)
    assert trained == [(one.name, [3, 4]) for one in SMALL]
    assert Study.load(tmp_path, "small").members["deep_relu"].seeds.tolist() == [1, 2, 3, 4]
    trained.clear()
    changed = dataclasses.replace(SMALL[0], build_model=partial(build_model, 0.02))
    study("small", [changed, SMALL[1]], [1, 2], log_dir=tmp_path)
    assert trained == [(changed.name, [1, 2])]
    assert [row["learning_rate"] for row in rows(tmp_path / "study" / "small")] == ["0.02", "0.02", "0.01", "0.01"]


def build_model(learning_rate):
    model = keras.Sequential([keras.Input((2,)), Dense(5, "tanh"), Dense(1, "sigmoid")])
    model.compile(SGD(learning_rate, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model


def test_many_seeds_are_trained_and_kept_job_by_job(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.import_module("tutorials.studies.study"), "SEEDS_PER_JOB", 2)
    done = study("small", SMALL[:1], range(1, 6), log_dir=tmp_path)
    assert trained == [("shallow_tanh", [1, 2]), ("shallow_tanh", [3, 4]), ("shallow_tanh", [5])]
    assert done.members["shallow_tanh"].seeds.tolist() == [1, 2, 3, 4, 5]


def test_a_damaged_file_is_trained_again(trained, tmp_path, capsys):
    before = study("small", SMALL[:1], [1, 2], log_dir=tmp_path).members["shallow_tanh"]
    (path,) = (tmp_path / "study" / "trained").glob("*.npz")
    path.write_bytes(path.read_bytes()[:1000])
    trained.clear()
    after = study("small", SMALL[:1], [1, 2], log_dir=tmp_path).members["shallow_tanh"]
    assert trained == [("shallow_tanh", [1, 2])]
    np.testing.assert_array_equal(after.history["loss"], before.history["loss"])
    assert "cannot be read" in capsys.readouterr().out


def test_when_training_fails_what_is_finished_is_in_the_table(trained, tmp_path, monkeypatch):
    module = importlib.import_module("tutorials.studies.study")
    train = module._train

    def fails(key, experiment, *others, **options):
        if experiment is SMALL[1]:
            raise OSError("No space left on device")
        return train(key, experiment, *others, **options)

    monkeypatch.setattr(module, "_train", fails)
    with pytest.raises(OSError, match="No space left"):
        study("small", SMALL, [1, 2], log_dir=tmp_path)
    assert [row["experiment"] for row in rows(tmp_path / "study" / "small")] == ["shallow_tanh"] * 2
    assert {*Study.load(tmp_path, "small").members} == {"shallow_tanh"}


@pytest.mark.slow
def test_a_study_of_a_subclassed_model_trains(tmp_path):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.out = Dense(5, "tanh"), Dense(1, "sigmoid")
            self(keras.ops.zeros((1, 2)))

        def call(self, x):
            return self.out(self.hidden(x))

    def build_net():
        model = Net()
        model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
        return model

    done = study("net", [Experiment("net", "subclassed", build_net, epochs=2)], [1], log_dir=tmp_path)
    assert rows(tmp_path / "study" / "net")[0]["hidden_layers"] == "1"
    model = build_with_seed(build_net, 1)
    assert all(np.array_equal(a, b[0]) for a, b in zip(model.get_weights(), done.members["net"].initial, strict=True))


def test_the_index_names_every_file_it_needs(trained, tmp_path):
    study("small", SMALL, [1, 2], log_dir=tmp_path)
    index = json.loads((tmp_path / "study" / "small" / "study.json").read_text())
    assert index["seeds"] == [1, 2]
    files = {one["file"] for one in index["configurations"]}
    assert files == {path.name for path in (tmp_path / "study" / "trained").iterdir()}
    assert [one["own_epochs"] for one in index["configurations"]] == [2, 2]
