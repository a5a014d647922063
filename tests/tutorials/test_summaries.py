"""Every script of the course, and of the techniques, prints and draws what its study found."""

import sys

from tutorials import catalogue
from tutorials.lab.keras_loop import build_with_seed
from tutorials.studies import Measurement, Replicates, study
from tutorials.studies.many_seeds import BY_LAYER, HEALTH, METRICS, measured
from tutorials.techniques import ensembles, hyperparameter_search

import keras
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
    "amount_of_data": (2, "2 layers of 10, 20 samples: test accuracy"),
    "fine_tuning": (1, "pre-trained, hidden layers frozen, 20 images: test accuracy"),
    "normalization": (2, "layer normalization, batches of 2: test accuracy"),
    "penalties": (1, "L1 and L2 at the strength that cross-validation chooses"),
    "noise": (1, "noise of 0.05 on the weights: test accuracy by noise in the images"),
    "pruning": (1, "60% removed: test accuracy"),
    "ensembles": (2, "boosting, eleven weak networks: test accuracy"),
    "learning_rate": (2, "cosine decay from 0.1 to 0: loss"),
    "hyperparameter_search": (1, "Bayesian optimization (TPE): validation accuracy"),
    "feature_selection": (1, "15 inputs: test accuracy"),
}
"""A script's name to the number of its figures and a part of what it prints."""


@pytest.fixture
def untrained(monkeypatch):
    """Instead of training, studies draw random statistics of the right shapes; measurements are really taken."""
    random = np.random.RandomState(0)

    def train(key, experiment, seeds, epochs, directory, threads=None):
        if isinstance(experiment, Measurement):
            return key, measured(experiment, seeds, directory)
        layers, weights, own = ["dense_1", "dense_2"], [random.rand(len(seeds), 2, 5)], {}
        if experiment.measure:
            own = experiment.measure(build_with_seed(experiment.build_model, 0), experiment.samples(0))
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
    monkeypatch.setattr(ensembles, "ROUNDS", 1)
    monkeypatch.setattr(hyperparameter_search, "objective", at_random)


def at_random(seed, epochs, trial):
    """In place of the trainings of a trial."""
    trial.suggest_categorical("batch_size", hyperparameter_search.GRID["batch_size"])
    trial.set_user_attr("test_accuracy", 0.5)
    return trial.suggest_float("learning_rate", 0.001, 1, log=True) + trial.suggest_float("penalty", 1e-6, 0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", SENTENCES)
def test_a_study_is_told_and_drawn(untrained, tmp_path, capsys, name):
    script = script_named(name)
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


def test_every_script_is_tried():
    assert {*SENTENCES} == {*catalogue.FOLDERS["course"], *catalogue.FOLDERS["techniques"]}


def script_named(name):
    return next(catalogue.script(folder, one) for folder, one in catalogue.sections() if one == name)


@pytest.mark.slow
@pytest.mark.parametrize("name", catalogue.FOLDERS["techniques"])
def test_a_run_is_told_and_drawn(untrained, monkeypatch, tmp_path, capsys, name):
    script, trained = script_named(name), []

    def not_trained(model, seed):
        """In place of `whole_epochs`: `fit` notes its epochs and trains nothing."""

        def fit(*_, epochs, callbacks, **options):
            assert {"GradientMonitor", "WeightNormMonitor", "EpochMetrics"} <= {type(one).__name__ for one in callbacks}
            trained.append(epochs)
            history = keras.callbacks.History()
            history.history = {key: [0.5] * epochs for key in ("loss", "accuracy", "val_loss", "val_accuracy")}
            return history

        vars(model)["fit"] = fit
        vars(model)["evaluate"] = lambda *_, **options: (0.7, 0.5)

    monkeypatch.setattr(sys.modules[script.run.__module__], "whole_epochs", not_trained)
    results = script.run(epochs=2, log_dir=tmp_path)
    assert len(results) == len(trained)
    assert {*trained} == ({2, 30} if name == "fine_tuning" else {2})  # it is pre-trained as long as ever
    assert capsys.readouterr().out.count("Train: ") == len(results)
    assert all(path.stat().st_size > 10_000 for path in tmp_path.rglob("*.png"))
    assert [*tmp_path.rglob("*.png")]
