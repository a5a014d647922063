"""What a script writes: directories, each epoch's metrics, a line of the HParams tab."""

from tutorials.lab import EpochMetrics, new_run
from tutorials.lab.hyperparameters import describe
from tutorials.vanishing import deep_relu, shallow_tanh

import keras
import numpy as np
import pytest
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
def test_metrics_are_written_where_keras_writes_them(tmp_path):
    x, y = np.random.RandomState(0).normal(size=(2, 64, 2))
    model = shallow_tanh.build_model()
    theirs, ours = tmp_path / "keras", tmp_path / "ours" / "seed1"
    callbacks = [keras.callbacks.TensorBoard(theirs, write_graph=False), EpochMetrics(ours)]
    options = {"epochs": 3, "verbose": 0, "callbacks": callbacks}
    model.fit(x, y[:, 0] > 0, validation_data=(x, y[:, 1] > 0), **options)
    for folder in ("train", "validation"):
        expected, found = scalars(theirs / folder), scalars(ours / folder)
        assert set(found) == {"epoch_loss", "epoch_accuracy"}
        for tag, values in found.items():
            assert values == pytest.approx(expected[tag], abs=1e-6)
            assert set(values) == {0, 1, 2}


def scalars(directory):
    """A tag to a dict of epoch to value, as TensorBoard reads them."""
    events = EventAccumulator(str(directory), {"tensors": 0}).Reload()
    return {
        tag: {event.step: make_ndarray(event.tensor_proto).item() for event in events.Tensors(tag)}
        for tag in events.Tags()["tensors"]
        if tag.startswith("epoch_")
    }


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
