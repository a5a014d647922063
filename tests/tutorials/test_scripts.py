"""Every script of vanishing/ and extensions/, really run: the numbers are those of plain Keras, and what is left."""

import contextlib
import dataclasses
import importlib
import io
import re
import signal
from pathlib import Path
from urllib.parse import unquote

from tutorials import catalogue
from tutorials.__main__ import main

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from callbacks.tensorboard import reader

EPOCHS = 3

NETWORKS = {
    "shallow_tanh": {"shallow_tanh": 1},
    "deep_tanh": {"deep_tanh": 5},
    "deep_relu": {"deep_relu": 5},
    "deeper_relu": {"relu_15_layers": 15},
    "xavier": {"deep_tanh": 5, "deep_tanh_glorot": 5},
    "adam": {"deep_tanh_sgd_0_01": 5, "deep_tanh_adam_0_01": 5},
    "weight_change": {"deep_tanh": 5, "deep_relu": 5},
    "depth": {"tanh_3_layers_5_wide": 3},
    "width": {"tanh_2_layers_20_wide": 2},
}
"""A script to the networks it trains, each with its hidden layers; of those that train many alike, one.

`gradient_diagnosis` is run in vanishing/test_gradient_diagnosis.py.
"""

THOROUGH = {"deep_tanh", "deeper_relu", "weight_change", "depth", "width", "adam", "xavier"}
"""Scripts that `make test` does not run, as they are written like the others."""


def marks_of(name):
    return [pytest.mark.xdist_group(name), *([pytest.mark.thorough] if name in THOROUGH else [])]


PICTURES = {
    "xavier": {"deep_tanh/accuracy.png", "deep_tanh_glorot/accuracy.png", "xavier/gradients.png"},
    "adam": {"deep_tanh_sgd_0_01/accuracy.png", "deep_tanh_adam_0_01/accuracy.png", "adam/gradients.png"},
    "weight_change": {"weight_change/weight_change.png"},
    "depth": set(),
    "width": set(),
}
"""Those of the other scripts are NETWORK/accuracy.png."""


@dataclasses.dataclass(frozen=True)
class Ran:
    """What a script left."""

    name: str
    log_dir: Path
    said: str

    def directory(self, network):
        return self.log_dir / network / "seed3"

    def evidence(self, network):
        """What TensorBoard's event files hold of a network."""
        (run,) = reader.runs(self.directory(network))
        return run.evidence


def run(name, log_dir, **replaced):
    """Runs a script as the command line does, with some names of its module replaced."""
    folder = next(folder for folder, one in catalogue.sections() if one == name)
    module = importlib.import_module(f"tutorials.{folder}.{name}")
    handler, said = signal.getsignal(signal.SIGINT), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        for key, value in replaced.items():
            patch.setattr(module, key, value)
        main(["run", name, "--epochs", str(EPOCHS), "--seed", "3", "--logdir", str(log_dir)])
    signal.signal(signal.SIGINT, handler)
    return Ran(name, log_dir, said.getvalue())


def script_named(name):
    return next(catalogue.script(folder, one) for folder, one in catalogue.sections() if one == name)


@pytest.fixture(scope="module", params=[pytest.param(name, marks=marks_of(name)) for name in NETWORKS])
def both(request, tmp_path_factory, few_samples, batches_in_the_same_order):
    """A script that was run as it is, and once more with plain Keras in place of `whole_epochs`."""
    name, replaced = request.param, {"two_circles": few_samples}
    if name == "shallow_tanh":
        replaced = {}  # all samples, the last batch smaller
    if name in ("deeper_relu", "depth", "width"):
        replaced["EXPERIMENTS"] = [one for one in script_named(name).experiments if one.name in NETWORKS[name]]
    whole = run(name, tmp_path_factory.mktemp("whole"), **replaced)
    plain = run(name, tmp_path_factory.mktemp("plain"), **replaced, whole_epochs=batches_in_the_same_order)
    return whole, plain


@pytest.mark.slow
def test_with_whole_epochs_and_without_the_numbers_are_the_same(both):
    whole, plain = both
    for network in NETWORKS[whole.name]:
        ours, theirs = whole.evidence(network), plain.evidence(network)
        assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= {*ours.metrics} == {*theirs.metrics}
        for name, values in theirs.metrics.items():
            assert len(values) == EPOCHS
            np.testing.assert_allclose(ours.metrics[name], values, rtol=1e-3, atol=1e-5, err_msg=f"{network} {name}")
        for kind in ("gradients", "weights"):
            recorded, expected = getattr(ours, kind), getattr(theirs, kind)
            assert recorded.layers == expected.layers
            for name, values in expected.history.items():
                np.testing.assert_allclose(
                    recorded.history[name], values, rtol=2e-3, atol=1e-6, err_msg=f"{network} {kind} {name}"
                )
        assert not np.array_equal(ours.metrics["loss"][:-1], ours.metrics["loss"][1:])


@pytest.mark.slow
def test_every_network_is_a_run_with_the_gradients_of_every_layer(both):
    ran, _ = both
    runs = {path.parent.parent.name for path in ran.log_dir.glob("*/seed3/*tfevents*")}
    assert runs == {*NETWORKS[ran.name]}
    for network, hidden_layers in NETWORKS[ran.name].items():
        events = EventAccumulator(str(ran.directory(network)), {"tensors": 0}).Reload()
        tags = events.Tags()
        for number in range(1, hidden_layers + 2):
            for quantity in ("gradient_abs_mean", "weight_l1"):
                steps = [event.step for event in events.Scalars(f"{quantity}/dense_{number}")]
                assert steps == list(range(EPOCHS))
            if ran.name in ("xavier", "adam"):
                assert f"dense_{number}/kernel_0_grad" in tags["tensors"]
        assert f"gradient_abs_mean/dense_{hidden_layers + 2}" not in tags["scalars"]


@pytest.mark.slow
def test_every_network_is_in_the_table_and_has_its_pictures(both):
    ran, _ = both
    usual = {f"{network}/accuracy.png" for network in NETWORKS[ran.name]}
    pictures = {f"{path.parts[-3]}/{path.name}": path for path in ran.log_dir.glob("*/*/*.png")}
    assert set(pictures) == PICTURES.get(ran.name, usual)
    assert all(path.stat().st_size > 10_000 for path in pictures.values())
    assert ran.said.count("Train: ") == len(NETWORKS[ran.name])
    for experiment in script_named(ran.name).experiments:
        if experiment.name in NETWORKS[ran.name]:
            published = experiment.published
            if isinstance(published, tuple):
                published = "{:.3f} / {:.3f}".format(*published)
            assert re.search(
                rf"^{re.escape(experiment.title)} +{re.escape(published)} *0\.\d+ / 0\.\d+$", ran.said, re.MULTILINE
            )


@pytest.mark.slow
def test_the_last_lines_are_the_next_to_type(both):
    ran, _ = both
    lines = [line.strip() for line in ran.said.strip().splitlines()]
    assert any(line.endswith(f"tensorboard --logdir {ran.log_dir}") for line in lines)
    opened = [unquote(part.partition("=")[2]) for part in lines[-1].split("&")[1:]]
    assert lines[-1].startswith("http://localhost:6006/#layers&run1=")
    assert {*opened} <= {f"{network}/seed3" for network in NETWORKS[ran.name]}
    assert len(opened) == min(2, len(NETWORKS[ran.name]))
    assert f"python -m tutorials study {ran.name}" in lines


def test_two_circles_trains_nothing_and_plots_the_samples(tmp_path):
    ran = run("two_circles", tmp_path)
    assert [path.parts[-3:] for path in tmp_path.rglob("*.*")] == [("two_circles", "seed3", "two_circles.png")]
    assert "train: 500 samples" in ran.said
    assert "study" not in ran.said


@pytest.mark.parametrize(("name", "networks"), [("deeper_relu", 2), ("depth", 10), ("width", 50)])
def test_one_network_of_each_configuration(name, networks, tmp_path):
    trained = []

    def untrained(model, seed):
        """In place of `whole_epochs`: notes the model and its epochs, and skips the training."""
        history = keras.callbacks.History()
        history.history = {"accuracy": [0.5], "val_accuracy": [0.5]}
        vars(model)["fit"] = lambda *_, **options: trained.append((model, options["epochs"])) or history
        vars(model)["evaluate"] = lambda *_, **options: (0.7, 0.5)

    ran = run(name, tmp_path, whole_epochs=untrained)
    experiments = script_named(name).experiments
    assert len(experiments) == len(trained) == networks
    for experiment, (model, epochs) in zip(experiments, trained, strict=True):
        *hidden, output = model.layers
        layers, *width = map(int, re.findall(r"\d+", experiment.name))
        assert (len(hidden), {layer.units for layer in hidden}) == (layers, {*width} or {5})
        assert (output.units, epochs) == (1, EPOCHS)
        assert ran.directory(experiment.name).is_dir()
    assert {experiment.title for experiment in experiments} <= {line.split("  ")[0] for line in ran.said.splitlines()}
