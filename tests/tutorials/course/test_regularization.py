"""The statistics of the regularized networks, against what can be worked out by hand."""

from tutorials.course import regularization
from tutorials.studies import Replicates

import numpy as np
import pytest


def test_pruning_and_sizes_by_hand():
    model = regularization.build_model()
    hidden = [model.get_layer(name).kernel for name in ("dense_1", "dense_2")]
    rest = model.get_layer("dense_3").kernel
    x = np.zeros((4, 784), np.float32)
    x[:, 0] = 1
    hidden[0].assign(np.where(np.arange(784)[:, None] == 0, 1.0, 0.5) * np.ones((784, 1000)))
    hidden[1].assign(np.full((1000, 500), 0.0005))
    rest.assign(np.eye(500, 10))
    found = regularization.statistics_and_pruning(model, ((x, np.zeros(4)), (x, np.array([0, 0, 1, 1]))))
    assert found["near_zero"] == pytest.approx(500_000 / 1_284_000)
    assert found["mean_weight"] == pytest.approx((1000 + 783_000 * 0.5 + 250) / 1_284_000, rel=1e-4)
    assert found["mean_cosine"] == pytest.approx(1, rel=1e-4)
    assert found["weights"] == 784 * 1000 + 1000 + 1000 * 500 + 500 + 500 * 10 + 10
    assert found["pruned"][0].tolist() == [1, 0.5]


def test_pruning_takes_the_smallest_weights_first_and_puts_them_back():
    """Class 0 lives on half a million small weights and wins by five to one; class 1 on a thousand larger ones."""
    model = regularization.build_model()
    first, second, last = (model.get_layer(f"dense_{number}").kernel for number in (1, 2, 3))
    first.assign(np.ones((784, 1000)))
    small = np.linspace(0.5e-5, 1.5e-5, 499_000).reshape(1000, 499)
    second.assign(np.concatenate([np.full((1000, 1), 1e-3), small], axis=1))
    last.assign(np.eye(10)[[1] + [0] * 499])
    x = np.zeros((1, 784), np.float32)
    x[:, 0] = 1
    curve = regularization.statistics_and_pruning(model, ((x, np.ones(1)), (x, np.zeros(1))))["pruned"]
    removed = np.array(regularization.REMOVED)
    assert curve[:, 0].tolist() == (removed >= 0.9).tolist()  # 0.8 leaves class 0 the sum 1.4, 0.9 half of that
    assert curve[:, 1].tolist() == (removed < 0.9).tolist()
    np.testing.assert_allclose(second.numpy()[:, 1:], small)


def test_a_vote_by_hand():
    truth = np.array([0, 1, 2, 3])
    said = np.array([[0, 1, 2, 0], [0, 1, 0, 3], [0, 0, 2, 0], [5, 1, 2, 0], [0, 1, 2, 3]])
    predicted = np.stack([np.zeros_like(said), said], axis=1)
    members = Replicates(
        np.arange(5),
        test_accuracy=(said == truth).mean(axis=1),
        measured={"predicted": predicted, "truth": np.tile(truth, (5, 2, 1))},
    )
    together, median = regularization.vote(members)
    assert together.tolist() == [0.75]  # 0, 1, 2 and, by three votes to two, 0
    assert median.tolist() == [0.75]


def test_the_shared_layer_is_one_layer():
    separate, shared = (regularization.build_deeper_model(shared=one) for one in (False, True))
    assert separate.count_params() - shared.count_params() == 2 * (500 * 500 + 500)
    assert [layer.name for layer in separate.layers[1:]] == [f"dense_{i}" for i in range(1, 6)]


def test_images_come_from_a_file_and_the_names_say_so(tmp_path):
    random = np.random.RandomState(0)
    path = tmp_path / "my-images.npz"
    images = {f"x_{half}": random.randint(0, 256, (30, 28, 28)).astype("uint8") for half in ("train", "test")}
    np.savez(path, **images, **{f"y_{half}": random.randint(0, 10, 30) for half in ("train", "test")})
    plain = regularization.SCRIPT.experiments_on(str(path))[0]
    (x, y), _ = plain.data()
    assert (plain.name, x.shape, x.dtype, y.shape) == ("my_images_plain", (30, 784), np.float32, (30,))
    np.testing.assert_allclose(x[3], images["x_train"][3].ravel() / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [("nowhere.npz", "there is no file nowhere.npz"), ("README.md", "README.md is not an .npz file with x_train")],
)
@pytest.mark.parametrize("command", ["run", "study"])
def test_images_that_cannot_be_read_are_one_sentence(root, capsys, monkeypatch, tmp_path, command, source, sentence):
    from tutorials.__main__ import main

    monkeypatch.chdir(root)
    with pytest.raises(SystemExit) as end:
        main([command, "regularization", "--data", source, "--logdir", str(tmp_path)])
    assert end.value.code == 2
    errors = capsys.readouterr().err
    assert sentence in errors
    assert errors.count("\n") == 1
