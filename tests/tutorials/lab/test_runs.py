"""What a script writes: directories, each epoch's metrics, a line of the HParams tab."""

from tutorials.lab import EpochMetrics, new_run, write_image
from tutorials.lab.hyperparameters import describe
from tutorials.vanishing import deep_relu, shallow_tanh

import keras
import numpy as np
import pytest
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray


def test_a_run_never_takes_the_directory_of_another(tmp_path):
    runs = [new_run(tmp_path, "deep_tanh", 1) for _ in range(3)]
    assert [str(run.relative_to(tmp_path)) for run in runs] == [
        "deep_tanh/seed1",
        "deep_tanh/seed1_2",
        "deep_tanh/seed1_3",
    ]
    assert all(run.is_dir() for run in runs)
    assert new_run(tmp_path, "deep_tanh", 2).name == "seed2"


@pytest.mark.slow
def test_metrics_are_those_that_keras_writes_in_one_run(tmp_path):
    x, y = np.random.RandomState(0).normal(size=(2, 64, 2))
    model = shallow_tanh.build_model()
    theirs, ours = tmp_path / "keras", tmp_path / "ours" / "seed1"
    callbacks = [keras.callbacks.TensorBoard(theirs, write_graph=False), EpochMetrics(ours)]
    options = {"epochs": 3, "verbose": 0, "callbacks": callbacks}
    model.fit(x, y[:, 0] > 0, validation_data=(x, y[:, 1] > 0), **options)
    (path,) = ours.iterdir()  # no folders
    found = scalars(path, "Summary/")
    assert set(found) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for folder, prefix in (("train", ""), ("validation", "val_")):
        expected = scalars(theirs / folder, "epoch_")
        for name in ("loss", "accuracy"):
            assert found[f"{prefix}{name}"] == pytest.approx(expected[name], abs=1e-6)
            assert set(expected[name]) == {0, 1, 2}


def scalars(path, prefix):
    """What follows a prefix in a tag to a dict of epoch to value, as TensorBoard reads them: Keras's are tensors."""
    events = EventAccumulator(str(path), {"tensors": 0}).Reload()
    tensors, ours = ([tag for tag in events.Tags()[kind] if tag.startswith(prefix)] for kind in ("tensors", "scalars"))
    values = {tag: {one.step: make_ndarray(one.tensor_proto).item() for one in events.Tensors(tag)} for tag in tensors}
    values |= {tag: {one.step: one.value for one in events.Scalars(tag)} for tag in ours}
    return {tag.removeprefix(prefix): by_epoch for tag, by_epoch in values.items()}


def test_a_figure_is_an_image_of_the_run(tmp_path):
    figure = Figure(figsize=(2, 1))
    write_image(tmp_path, "comparison", figure)
    events = EventAccumulator(str(tmp_path), {"tensors": 0}).Reload()
    (image,) = events.Tensors("comparison")
    width, height, png = make_ndarray(image.tensor_proto)
    assert (width, height) == (b"200", b"100")
    assert png.startswith(b"\x89PNG")


def test_a_model_is_described_by_what_it_is():
    assert describe(shallow_tanh.build_model()) == {
        "hidden_layers": 1,
        "width": 5,
        "activation": "tanh",
        "kernel_initializer": "random_uniform",
        "optimizer": "sgd",
        "learning_rate": 0.01,
    }
    relu = describe(deep_relu.build_model())
    assert (relu["hidden_layers"], relu["activation"], relu["kernel_initializer"]) == (5, "relu", "he_uniform")
