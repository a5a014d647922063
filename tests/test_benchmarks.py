"""Every benchmark runs, at its smallest size; what it measures then means nothing."""

import re
from pathlib import Path

from tutorials.vanishing import deep_tanh, shallow_tanh

import keras
import numpy as np
import pytest

from benchmarks import (
    dashboard,
    diagnosis,
    epoch,
    keras_own_tests,
    monitor_costs,
    other_programs_bit_by_bit,
    programs_diagnosed,
    remedy_costs,
    seed_costs,
)
from benchmarks.programs import FAMILIES
from callbacks.diagnosis.rules import RULES
from tests.conftest import chromium_and_driver

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """One hidden layer instead of five, which compiles sooner."""
    monkeypatch.setattr(epoch, "build_model", shallow_tanh.build_model)
    monkeypatch.setattr(deep_tanh, "build_model", shallow_tanh.build_model)
    monkeypatch.setattr(seed_costs, "EXPERIMENT", shallow_tanh.EXPERIMENT)


def test_epoch_prints_the_ratio_to_the_plain_port(capsys):
    epoch.main(["--epochs", "2", "--compiled-epochs", "2", "--rounds", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("Keras, plain port")
    assert lines[0].endswith("1/1.0 of the plain port")
    assert all(re.search(r"\d+\.\d\d ms an epoch, 1/\d+\.\d of the plain port$", line) for line in lines)


def test_seed_costs(capsys):
    seed_costs.main(["--seeds", "2", "--epochs", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" seeds:")[0].strip() for line in lines] == ["2"]
    assert all(re.search(r"s a model, 1/\d+ of the plain port's", line) for line in lines)


@pytest.mark.parametrize(
    ("model", "rows"),
    [
        ("tutorial", ["GradientMonitor()", "tape over the data each epoch"]),
        ("convnet", [*monitor_costs.ROWS]),
        ("kernels_10", ["Diagnosis(log_dir, probe=...)"]),
    ],
)
def test_monitor_costs(capsys, model, rows):
    monitor_costs.main(["--models", model, "--rows", *rows, "--epochs", "2", "--pairs", "1"])
    head, *lines = capsys.readouterr().out.strip().splitlines()
    assert head.startswith(f"{model}: ")
    assert len(lines) == len(rows)


def test_remedy_costs(capsys):
    chosen = ["--networks", "vanishing", "--only", "vanishing_glorot"]
    remedy_costs.main([*chosen, "--epochs", "1", "--rounds", "1"])
    said = capsys.readouterr().out
    assert re.search(r"^nothing +1\.00$", said, re.MULTILINE)
    assert re.search(r"^Glorot uniform weights +\d", said, re.MULTILINE)


def test_diagnosis(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(diagnosis, "SEEDS", (1,))
    specimens = [
        "tanh 1 x 5, weights in [0, 1]",
        "iris: slowly",
    ]  # one of each half; one with whole epochs, one without
    diagnosis.main(["--records", str(tmp_path), "--only", *specimens, "--epochs", "2", "--jobs", "1"])
    said = capsys.readouterr().out
    assert "chosen on: " in said
    assert "held out: " in said
    records = sorted(tmp_path.iterdir())
    assert len(records) == len(specimens) * len(diagnosis.SEEDS)
    before = [path.stat().st_mtime_ns for path in records]
    diagnosis.main(["--records", str(tmp_path), "--only", *specimens])
    assert [path.stat().st_mtime_ns for path in records] == before  # nothing was trained again


def test_every_training_of_the_zoo_has_a_name_of_its_own():
    paths = [path for *_, path in diagnosis.jobs(Path("records"))]
    assert len(paths) == len(set(paths)) > 300


def test_programs_diagnosed(capsys):
    chosen = ["tumours_softmax_of_one_unit", "iris_one_hot_labels_for_sparse_loss"]  # Keras itself stops the second
    programs_diagnosed.main(["--half", "chosen on", "--only", *chosen, "--jobs", "1"])
    said = capsys.readouterr().out
    assert re.search(
        r"^named +tumours_softmax_of_one_unit \[softmax over one unit\]: error softmax", said, re.MULTILINE
    )
    assert re.search(r"^named +iris_one_hot_labels_for_sparse_loss ", said, re.MULTILINE)
    assert re.search(r"^together +2$", said, re.MULTILINE)


def test_programs_are_of_every_family_in_both_halves():
    for programs in programs_diagnosed.HALVES.values():
        assert len({one.name for one in programs}) == len(programs)
        for is_faulty in (True, False):
            families = {one.family for one in programs if one.is_faulty == is_faulty}
            assert families == {*FAMILIES} == {*programs_diagnosed.RIGHT}
    assert set().union(*programs_diagnosed.RIGHT.values(), programs_diagnosed.SYMPTOMS) <= {*RULES}


@pytest.mark.skipif(not all(chromium_and_driver()), reason="needs chromium and chromedriver on the PATH")
def test_dashboard(capsys):
    dashboard.main(["--trainings", "2", "--layers", "3", "--epochs", "4"])
    said = capsys.readouterr().out
    for figure in ("write an epoch", "event file of a training", "open, to the first maps", "switch quantity"):
        assert re.search(rf"{figure} +\d+\.\d", said)


TESTS_OF_KERAS = """
import keras

def train():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(keras.ops.ones((4, 2)), keras.ops.ones((4, 1)), verbose=0)

def test_that_does_not_train(): ...

def test_that_trains():
    train()

def test_without_a_kernel():
    model = keras.Sequential([keras.Input((2,)), keras.layers.LayerNormalization()])
    model.compile("sgd", "mse")
    model.fit(keras.ops.ones((4, 2)), keras.ops.ones((4, 2)), verbose=0)

def test_that_fails():
    train()
    assert False

def test_that_allows_no_other_callback(monkeypatch):
    counts = []
    set_params = keras.callbacks.CallbackList.set_params
    def counted(self, params):
        counts.append(len(self.callbacks))
        set_params(self, params)
    monkeypatch.setattr(keras.callbacks.CallbackList, "set_params", counted)
    train()
    assert counts == [1], "Keras's History alone"
"""


def test_keras_own_tests(capsys, tmp_path):
    """The copy of Keras that is installed stands for the checkout, with a few tests made here."""
    tmp_path.joinpath("keras").symlink_to(Path(keras.__file__).parent)
    tmp_path.joinpath("integration_tests").mkdir()
    tmp_path.joinpath("integration_tests", "made_custom_fit_test.py").write_text(TESTS_OF_KERAS)
    assert keras_own_tests.main([str(tmp_path), "integration_tests"]) == 1
    said = capsys.readouterr().out
    assert "plain: 5 tests, 4 passed, 1 failed, 0 skipped; 4 train, 4 times\n" in said
    assert "with callbacks: 4 tests, 2 passed, 2 failed, 0 skipped; 4 train, 4 times\n" in said
    assert "\n1 tests pass plainly and fail with the callbacks.\n" in said
    assert re.search(r"^integration_tests/.*::test_that_allows_no_other_callback$", said, re.MULTILINE)
    assert "Keras's History alone" in said
    assert "3 of 4 trainings were recorded completely; 0 ended with an exception." in said
    assert re.search(r"^   1 GradientMonitor recorded nothing: Model '...' has no kernel", said, re.MULTILINE)


def test_keras_own_tests_must_be_those_of_the_keras_that_is_installed(capsys, tmp_path):
    tmp_path.joinpath("keras", "src").mkdir(parents=True)
    tmp_path.joinpath("keras", "src", "version.py").write_text('__version__ = "3.0.0"\n')
    with pytest.raises(SystemExit):
        keras_own_tests.main([str(tmp_path)])
    assert "the checkout is of Keras 3.0.0, but" in capsys.readouterr().err


def test_other_programs_bit_by_bit(capsys, monkeypatch):
    def draws_on(callbacks):
        return other_programs_bit_by_bit.fitted(
            keras.Sequential([keras.layers.Dense(4, "softmax", kernel_initializer=draw)]),
            *other_programs_bit_by_bit.rows(),
            callbacks,
        )

    def fails(callbacks):
        assert len(callbacks) == 1
        return draws_on(callbacks)

    def draw(shape, dtype=None):
        return np.random.RandomState(next(draws)).uniform(size=shape)

    programs = {"changed": draws_on, "not_repeatable": draws_on, "fails": fails}
    monkeypatch.setattr(other_programs_bit_by_bit, "PROGRAMS", {**other_programs_bit_by_bit.PROGRAMS, **programs})
    draws = iter([1, 1, 2, 1, 2, 1, 1, 1])
    assert other_programs_bit_by_bit.main(["--only", *programs, "lora_dense"]) == 1
    said = capsys.readouterr().out
    assert re.search(r"^changed +\d+ of 52 weights differ", said, re.MULTILINE)
    assert re.search(r"^not_repeatable +differs from one plain training to the next", said, re.MULTILINE)
    assert re.search(r"^fails +fails with the callbacks:", said, re.MULTILINE)
    assert re.search(r"^lora_dense +\d+ weights are the same", said, re.MULTILINE)
    assert "2 of 4 programs are not the same with the callbacks. changed fails" in said
