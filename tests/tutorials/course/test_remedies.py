"""The techniques of the league of remedies, against what can be worked out by hand."""

from tutorials.course import remedies
from tutorials.course._layerwise import DeepSupervision, GreedyPretraining, dense_layers
from tutorials.lab import two_circles

import keras
import numpy as np
import pytest
from keras.initializers import GlorotUniform
from keras.optimizers import SGD

(X, Y), _ = two_circles()


def build(hidden_layers, units=5, **changes):
    return remedies.build_model(hidden_layers, units, "tanh", GlorotUniform, **changes)


def log_loss(y, p):
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def test_residual_adds_the_input():
    model = build(2, 3, block=remedies.residual)
    (k1, b1), (k2, b2), (k3, b3) = [[w.numpy() for w in (layer.kernel, layer.bias)] for layer in dense_layers(model)]
    first = np.tanh(X @ k1 + b1)  # two inputs, three units: nothing to add to
    second = first + np.tanh(first @ k2 + b2)
    np.testing.assert_allclose(model(X), 1 / (1 + np.exp(-(second @ k3 + b3))), rtol=1e-5)


@pytest.mark.parametrize(
    ("technique", "kind"),
    [("batch_normalization", "BatchNormalization"), ("layer_normalization", "LayerNormalization")],
)
def test_normalization_follows_each_hidden_layer(technique, kind):
    _, changes = remedies.TECHNIQUES[technique]
    names = [type(layer).__name__ for layer in build(2, **changes).layers[1:]]
    assert names == ["Dense", kind, "Dense", kind, "Dense"]


def test_a_technique_changes_nothing_else():
    """The weights of a network are those of the plain one wherever the technique is not about weights."""
    _, network = remedies.NETWORKS["vanishing"]
    weights = {}
    for name in ("plain", "clip_norm", "relu", "residual", "batch_normalization", "relu_he"):
        keras.utils.set_random_seed(3)
        model = remedies.build_model(**network | remedies.TECHNIQUES[name][1])
        weights[name] = [layer.kernel.numpy() for layer in dense_layers(model)]
    for name in ("clip_norm", "relu", "residual", "batch_normalization"):
        assert all(np.array_equal(a, b) for a, b in zip(weights[name], weights["plain"], strict=True)), name
    assert not np.array_equal(weights["relu_he"][0], weights["plain"][0])
    np.testing.assert_array_equal(weights["relu_he"][-1], weights["plain"][-1])  # He weights for the hidden layers only


def test_deep_supervision_adds_the_loss_of_every_head():
    model = build(3, wrap=DeepSupervision)
    expected, x = log_loss(Y, np.array(model(X))[:, 0]), X
    for layer, head in zip(dense_layers(model)[:2], model.heads, strict=True):
        x = np.array(layer(x))
        expected += 0.3 * log_loss(Y, np.array(head(x))[:, 0])
    assert model.evaluate(X, Y, batch_size=500, verbose=0)[0] == pytest.approx(expected, rel=1e-5)


def test_greedy_pretraining_trains_one_layer_at_a_time():
    # Without momentum, which would move a layer's weights for some steps after its turn.
    model = build(3, wrap=lambda network: GreedyPretraining(network, steps=6), optimizer=lambda: SGD(0.1))
    moved = []
    for _ in range(8):
        before = {variable.path: variable.numpy() for variable in model.trainable_variables}
        model.train_on_batch(X, Y)
        changed = [v for v in model.trainable_variables if not np.array_equal(before[v.path], v.numpy())]
        moved.append(sorted({variable.path.split("/")[-2] for variable in changed}))
    hidden = ["dense_1", "dense_2", "dense_3"]
    stages = [["dense_1", "head_1"], ["dense_2", "head_2"], ["dense_3", "dense_4"], [*hidden, "dense_4"]]
    assert moved[::2] == moved[1::2] == stages
