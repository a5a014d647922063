"""What the reader of `gradient_diagnosis` sees: a real TensorBoard over its runs, by HTTP and in a real browser."""

import json
import time
import urllib.parse
import urllib.request

from tutorials.vanishing import gradient_diagnosis

import numpy as np
import pytest

from callbacks.tensorboard import reader

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("gradient_diagnosis_tensorboard")]  # its fixtures are made once

LAYERS = [f"dense_{i}" for i in range(1, 7)]
EPOCHS = 12
CHARTED = ("gradient_abs_mean", "gradient_mean", "weight_l1", "weight_l1_change")
TAGS = {f"{quantity}/{layer}" for quantity in CHARTED for layer in LAYERS}
TAGS |= {f"Summary/{name}" for name in ("loss", "accuracy", "val_loss", "val_accuracy", "findings")}
TAGS |= {"gradient_sampled_steps"}
NETWORKS = [f"{network}_gradients/{seed}" for network in ("tanh", "relu") for seed in ("seed1", "seed1_2")]
COMPARISONS = ["tanh_against_relu/seed1", "tanh_against_relu/seed1_2"]


@pytest.fixture(scope="module")
def log_dir(tmp_path_factory, batches_in_the_same_order):
    """Two runs of the gradient diagnosis, so that each model has two: as it is, and with plain Keras."""
    directory = tmp_path_factory.mktemp("logs")
    gradient_diagnosis.run(epochs=EPOCHS, log_dir=directory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradient_diagnosis, "whole_epochs", batches_in_the_same_order)
        gradient_diagnosis.run(epochs=EPOCHS, log_dir=directory)
    return directory


def test_with_whole_epochs_and_without_the_numbers_are_the_same(log_dir):
    for network in ("tanh_gradients", "relu_gradients"):
        ours, theirs = (reader.runs(log_dir / network / seed)[0].evidence for seed in ("seed1", "seed1_2"))
        assert {*ours.metrics} == {*theirs.metrics} == {"loss", "accuracy", "val_loss", "val_accuracy"}
        assert ours.predictions is None  # not under XLA
        assert theirs.predictions.history["spread"].shape == (EPOCHS, 1)
        for name, values in theirs.metrics.items():
            assert len(values) == EPOCHS
            np.testing.assert_allclose(ours.metrics[name], values, rtol=1e-3, atol=2.1e-3, err_msg=f"{network} {name}")
        for kind, quantity in (("gradients", "abs_mean"), ("weights", "l1"), ("activations", "std")):
            recorded, expected = (getattr(evidence, kind).history[quantity] for evidence in (ours, theirs))
            np.testing.assert_allclose(recorded, expected, rtol=1e-2, err_msg=f"{network} {quantity}")


def test_the_pictures(log_dir):
    pictures = {path.relative_to(log_dir).as_posix(): path for path in log_dir.rglob("*.png")}
    assert set(pictures) == {
        *(f"{run}/{picture}.png" for run in NETWORKS for picture in ("accuracy", "gradients")),
        *(f"{run}/gradients.png" for run in COMPARISONS),
    }
    assert all(path.stat().st_size > 10_000 for path in pictures.values())


@pytest.fixture(scope="module")
def address(log_dir, tensorboard):
    address = tensorboard(log_dir)
    for _ in range(100):
        runs = ask(f"{address}/data/runs")
        tags = ask(f"{address}/data/plugin/scalars/tags")
        if len(runs) == len(NETWORKS + COMPARISONS) and sum(map(len, tags.values())) == len(NETWORKS) * len(TAGS):
            return address
        time.sleep(0.3)
    raise AssertionError(f"TensorBoard found {runs} and {set().union(*tags.values()) ^ TAGS}")


def ask(url, **parameters):
    with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(parameters)}", timeout=20) as answer:
        return json.load(answer)


def test_two_runs_of_a_script_are_two_runs(address):
    assert sorted(ask(f"{address}/data/runs")) == sorted(NETWORKS + COMPARISONS)


def test_tags_and_values(address):
    scalars = ask(f"{address}/data/plugin/scalars/tags")
    assert {run: set(tags) for run, tags in scalars.items() if tags} == dict.fromkeys(NETWORKS, TAGS)
    for tag in ("Summary/val_loss", "Summary/findings"):
        events = ask(f"{address}/data/plugin/scalars/scalars", run=NETWORKS[0], tag=tag)
        assert [step for _, step, _ in events] == list(range(EPOCHS))
    events = ask(f"{address}/data/plugin/scalars/scalars", run=NETWORKS[0], tag="gradient_abs_mean/dense_6")
    assert [step for _, step, _ in events] == list(range(EPOCHS))
    assert all(0 < value < 10 for _, _, value in events)


def test_the_tutorials_filter_finds_every_layers_histogram(address):
    histograms = ask(f"{address}/data/plugin/histograms/tags")
    assert {*histograms} == {*NETWORKS}
    for run, tags in histograms.items():
        assert sorted(tag for tag in tags if "kernel_0_grad" in tag) == [f"{layer}/kernel_0_grad" for layer in LAYERS]
        events = ask(f"{address}/data/plugin/histograms/histograms", run=run, tag="dense_2/kernel_0_grad")
        assert len(events) == EPOCHS
        counts = [sum(count for _, _, count in buckets) for _, _, buckets in events]
        assert counts == pytest.approx([16 * 25] * EPOCHS)  # steps by elements
    distributions = ask(f"{address}/data/plugin/distributions/tags")
    assert {run: sorted(tags) for run, tags in distributions.items()} == {
        run: sorted(tags) for run, tags in histograms.items()
    }


def test_image_and_custom_charts(address):
    images = ask(f"{address}/data/plugin/images/tags")
    assert images.keys() == {*COMPARISONS}
    assert all({*tags} == {"tanh_against_relu"} for tags in images.values())
    (image,) = ask(f"{address}/data/plugin/images/images", run=COMPARISONS[0], tag="tanh_against_relu", sample=0)
    with urllib.request.urlopen(f"{address}/data/plugin/images/individualImage?{image['query']}", timeout=20) as answer:
        assert answer.read(8) == b"\x89PNG\r\n\x1a\n"
    layout = ask(f"{address}/data/plugin/custom_scalars/layout")
    assert [one["title"] for one in layout["category"]] == ["summary", "gradients", "weights"]


def test_the_diagnosis_is_text_and_its_facts_are_in_no_tab(address):
    texts = ask(f"{address}/data/plugin/text/tags")
    assert texts == {run: ["diagnosis/report"] for run in NETWORKS}
    last = ask(f"{address}/data/plugin/text/text", run="tanh_gradients/seed1", tag="diagnosis/report")[-1]
    assert last["step"] == EPOCHS - 1
    assert "<h3>error: vanishing gradient</h3>" in last["text"]
    assert "of 30" in last["text"]
    healthy = ask(f"{address}/data/plugin/text/text", run="relu_gradients/seed1", tag="diagnosis/report")[-1]
    assert "nothing found wrong" in healthy["text"]
    assert "error" not in healthy["text"]


def test_hparams_average_the_runs_of_a_model(address):
    request = urllib.request.Request(
        f"{address}/data/plugin/hparams/session_groups",
        json.dumps(
            {"allowedStatuses": ["STATUS_UNKNOWN"], "aggregationType": "AGGREGATION_AVG", "sliceSize": 9}
        ).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        groups = json.load(answer)["sessionGroups"]
    assert {group["hparams"]["activation"]: len(group["sessions"]) for group in groups} == {"tanh": 2, "relu": 2}
    assert {group["name"] for group in groups} == {"tanh_gradients", "relu_gradients"}
    metrics = {one["name"]["tag"]: one["value"] for one in groups[0]["metricValues"]}
    assert {*metrics} == {"Summary/val_accuracy"}


@pytest.mark.parametrize(
    ("page", "wanted"),
    [
        ("?pinnedCards=&tagFilter=gradient_abs_mean#timeseries", [f"gradient_abs_mean/{layer}" for layer in LAYERS]),
        ("#distributions&tagFilter=kernel_0_grad", LAYERS),
        ("#histograms&tagFilter=kernel_0_grad", LAYERS),
        ("#custom_scalars", ["mean|gradient|ofeachlayer", *(f"gradient_abs_mean/{layer}" for layer in LAYERS)]),
        ("#text", ["error: vanishing gradient", "The gradient of dense_", "nothing found wrong", "Glorot uniform"]),
        ("#hparams", ["test accuracy of the run", "kernel_initializer", "he_uniform"]),
        ("#images", ["tanh_against_relu"]),
    ],
)
def test_pages_show_the_layers(address, shows, page, wanted):
    shows(f"{address}/{page}", wanted)
