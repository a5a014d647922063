"""The arrays of many seeds: selected, joined, kept on disk, and what is derived from them."""

from tutorials.studies import Replicates
from tutorials.studies.replicates import write_whole

import numpy as np
import pytest


@pytest.fixture
def members():
    random = np.random.RandomState(0)
    curves = random.rand(3, 5)
    return Replicates(
        np.array([1, 2, 3]),
        np.array(["dense_1", "dense_2"]),
        {"val_accuracy": curves, "gradient_abs_mean": random.rand(3, 5, 2)},
        random.rand(3),
        curves[:, -1],
        {"std": random.rand(3, 2, 1)},
        {"largest": random.rand(3, 2)},
        random.rand(3),
        [random.rand(3, 2, 5), random.rand(3, 5)],
        [random.rand(3, 2, 5), random.rand(3, 5)],
    )


def assert_equal(ours, theirs):
    for name in ("history", "activations", "measured"):
        assert {*getattr(ours, name)} == {*getattr(theirs, name)}
        for key, values in getattr(theirs, name).items():
            np.testing.assert_array_equal(getattr(ours, name)[key], values)
    for name in ("seeds", "layers", "train_accuracy", "test_accuracy", "seconds"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    for name in ("initial", "trained"):
        assert all(map(np.array_equal, getattr(ours, name), getattr(theirs, name)))
        assert len(getattr(ours, name)) == len(getattr(theirs, name))


def test_what_was_saved_loads_again(members, tmp_path):
    members.save(tmp_path / "copy.npz")
    assert Replicates.readable(tmp_path / "copy.npz")
    assert_equal(Replicates.load(tmp_path / "copy.npz"), members)
    assert [path.name for path in tmp_path.iterdir()] == ["copy.npz"]


def test_what_has_no_models_loads_again(tmp_path):
    Replicates(np.array([1, 2]), measured={"value": np.array([0.5, 0.7])}).save(tmp_path / "copy.npz")
    assert Replicates.readable(tmp_path / "copy.npz")
    copy = Replicates.load(tmp_path / "copy.npz")
    assert copy.test_accuracy is None
    assert copy.measured["value"].tolist() == [0.5, 0.7]


def test_selected_and_joined(members):
    joined = members.select([3]).joined(members.select([1, 2]))
    assert joined.seeds.tolist() == [3, 1, 2]
    assert_equal(joined.select([1, 2, 3]), members)


def test_what_is_derived():
    curves = np.array([[0.5, 0.8, 0.7, 0.9], [0.5, 0.6, 0.7, 0.75], [0.8, 0.8, 0.8, 0.74]])
    gradients = np.arange(24.0).reshape(3, 4, 2)
    history = {"val_accuracy": curves, "gradient_abs_mean": gradients}
    members = Replicates(np.arange(3), history=history, test_accuracy=curves[:, -1])
    assert members.learned.tolist() == [True, True, False]
    np.testing.assert_array_equal(members.epochs_to_80, [2, np.nan, 1])
    assert members.gradients.tolist() == [[3, 4], [11, 12], [19, 20]]


def test_a_file_is_there_whole_or_as_it_was(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("before")

    def interrupted():
        with write_whole(path, "w") as file:
            file.write("half of it")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["results.csv"]
