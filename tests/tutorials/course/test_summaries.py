"""Every script of the course prints and draws what its study found."""

import sys

from tutorials import catalogue
from tutorials.lab.keras_loop import build_with_seed
from tutorials.studies import Measurement, Replicates, study
from tutorials.studies.many_seeds import BY_LAYER, HEALTH, METRICS, measured

import numpy as np
import pytest

SENTENCES = {
    "backpropagation": (2, "Backpropagation against central differences"),
    "activation_functions": (2, "sigmoid    mean product of derivatives after 5, 10, 30 layers"),
    "remedies": (1, "ReLU, 20 x 5, He uniform weights:"),
    "recurrent": (2, "LSTM, 20 steps: gradient of the first input over that of the last"),
    "averages": (1, "beta 0.98: 1 / (1 - beta) = 50"),
    "descent": (2, "momentum          ravine: f ="),
    "optimizers": (1, "its best: "),
    "batch_size": (1, "batches of 500: test accuracy"),
    "weight_decay": (1, "sgd: penalty and decay end"),
    "regularization": (3, "40% of the hidden weights removed"),
    "model_selection": (1, "4 x 15: cross-validated"),
    "advice": (0, "dead_units: ReLU, 20 x 5, He uniform weights"),
}
"""A script's name to the number of its figures and a part of what it prints."""


@pytest.fixture
def untrained(monkeypatch):
    """Instead of training, studies draw random statistics of the right shapes; measurements are really taken."""
    random = np.random.RandomState(0)

    def train(key, experiment, seeds, epochs, threads=None):
        if isinstance(experiment, Measurement):
            return key, measured(experiment, seeds)
        layers, weights, own = ["dense_1", "dense_2"], [random.rand(len(seeds), 2, 5)], {}
        if experiment.measure:
            own = experiment.measure(build_with_seed(experiment.build_model, 0), experiment.data())
        history = {name: random.rand(len(seeds), epochs) for name in METRICS}
        history |= {name: random.rand(len(seeds), epochs, len(layers)) for name in BY_LAYER}
        return key, Replicates(
            seeds=np.array(seeds),
            layers=np.array(layers),
            history=history,
            train_accuracy=random.rand(len(seeds)),
            test_accuracy=random.rand(len(seeds)),
            activations={name: random.rand(len(seeds), 2, 3) for name in HEALTH},
            measured={name: np.array([[value] * 2] * len(seeds)) for name, value in own.items()},
            seconds=random.rand(len(seeds)),
            initial=weights,
            trained=weights,
        )

    module = sys.modules["tutorials.studies.study"]  # which the package's function of the same name hides
    monkeypatch.setattr(module, "_train", train)
    monkeypatch.setattr(module, "fingerprint", lambda experiment, *_: experiment.name)


@pytest.mark.slow
@pytest.mark.parametrize("name", SENTENCES)
def test_a_study_is_told_and_drawn(untrained, tmp_path, capsys, name):
    script = catalogue.script("course", name)
    experiments = script.experiments_on()
    done = study(name, experiments, seeds=range(1, 6), epochs=3, log_dir=tmp_path)
    drawn = script.summarize(done)
    number_of_figures, sentence = SENTENCES[name]
    assert sentence in capsys.readouterr().out
    assert len(drawn) == number_of_figures
    for figure in drawn.values():
        figure.savefig(tmp_path / "figure.png")
        assert (tmp_path / "figure.png").stat().st_size > 10_000
    assert (done.directory / "results.csv").read_text().count("\n") == 1 + 5 * len(experiments)


def test_every_script_of_the_course_is_tried():
    assert {*SENTENCES} == {*catalogue.FOLDERS["course"]}
