"""What these scripts compute, against what can be worked out by hand."""

import subprocess
import sys
from pathlib import Path

from tutorials.lab import digits, only_classes, stratified_subset, tumours, two_circles
from tutorials.lab.keras_loop import build_with_seed
from tutorials.studies import replicate
from tutorials.techniques import ensembles, fine_tuning, hyperparameter_search, noise, normalization, pruning

import numpy as np
import pytest
from scipy import stats


def test_a_subset_is_of_all_classes_and_another_for_each_seed():
    (x, y), test = stratified_subset(two_circles(), 20, seed=3)
    assert (len(x), y.sum()) == (20, 10)
    np.testing.assert_array_equal(x, stratified_subset(two_circles(), 20, seed=3)[0][0])
    assert not np.array_equal(x, stratified_subset(two_circles(), 20, seed=4)[0][0])
    np.testing.assert_array_equal(test[0], two_circles()[1][0])
    rows = {tuple(row) for row in two_circles()[0][0]}
    assert {tuple(row) for row in x} <= rows


def test_classes_are_counted_from_zero():
    (x, y), (_, y_test) = only_classes(digits(), 5, 9)
    assert {*y} == {*y_test} == {0, 1, 2, 3, 4}
    np.testing.assert_array_equal(x, digits()[0][0][digits()[0][1] >= 5])


def test_inputs_are_ranked_by_how_much_they_tell_about_the_class():
    (x, y), (x_test, _) = tumours(60)
    assert (x.shape, x_test.shape) == ((100, 60), (469, 60))
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-5)
    ratios = [stats.f_oneway(column[y == 0], column[y == 1]).statistic for column in x.T]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] > 50 > 5 > ratios[-1]
    np.testing.assert_array_equal(tumours(4)[0][0], x[:, :4])
    measurements, _ = tumours(None)[0]
    shared = [any(np.array_equal(column, ranked) for ranked in x.T) for column in measurements.T]
    assert (measurements.shape[1], all(shared)) == (30, True)
    assert not np.array_equal(tumours(4, seed=2)[0][0], x[:, :4])


def test_pretrained_layers_are_taken_and_the_output_is_not():
    model, pretrained = (build_with_seed(fine_tuning.build_model, seed) for seed in (1, 2))
    before = model.get_weights()
    fine_tuning.take_hidden_layers(model, pretrained)
    for i, (ours, theirs) in enumerate(zip(model.get_weights(), pretrained.get_weights(), strict=True)):
        np.testing.assert_array_equal(ours, before[i] if i >= 4 else theirs)


def test_a_frozen_network_trains_its_output_alone():
    assert [variable.path.split("/")[-2] for variable in fine_tuning.build_model(frozen=True).trainable_variables] == [
        "dense_3",
        "dense_3",
    ]


def test_noise_on_the_weights_is_new_at_every_call_in_training_and_none_else():
    model = noise.build_model(on_weights=0.05)
    x = digits()[0][0][:4]
    assert not np.array_equal(model(x, training=True), model(x, training=True))
    np.testing.assert_array_equal(model(x), model(x))
    layer = model.layers[0]
    first = np.maximum(x @ layer.kernel.numpy() + layer.bias.numpy(), 0)
    np.testing.assert_allclose(layer(x), first, rtol=1e-4, atol=1e-5)
    linear = noise.NoisyDense(50, noise=0.05)
    inputs = np.eye(100, dtype=np.float32)  # of which the outputs are the kernel
    drawn = np.stack([linear(inputs, training=True) for _ in range(20)])
    np.testing.assert_allclose(drawn.mean(axis=0), linear(inputs), atol=0.08)
    assert drawn.std(axis=0).mean() == pytest.approx(0.05, rel=0.1)


def test_a_normalized_cell_by_hand():
    for kind in ("none", "layer"):
        model = normalization.build_recurrent_model(kind)
        cell = model.get_layer("rnn").cell
        x = np.random.RandomState(0).rand(3, 20, 2).astype(np.float32)
        h = np.zeros((3, 16), np.float32)
        for step in range(20):
            z = x[:, step] @ cell.input_kernel.kernel.numpy() + h @ cell.recurrent_kernel.kernel.numpy()
            if kind == "layer":
                z = (z - z.mean(axis=1, keepdims=True)) / np.sqrt(z.var(axis=1, keepdims=True) + 1e-3)
            h = np.tanh(z)
        np.testing.assert_allclose(model.get_layer("rnn")(x), h, rtol=1e-3, atol=1e-4)


def test_a_network_without_units_is_the_network_with_those_units_set_to_zero():
    model = build_with_seed(pruning.build_model, 1)
    for layer in model.layers:
        layer.bias.assign(np.random.RandomState(0).randn(*layer.bias.shape) / 10)
    smaller = pruning.without_units(model, 0.4)
    assert [layer.units for layer in smaller.layers] == [600, 300, 10]
    x = digits()[1][0][:50]
    silenced = pruning.build_model()
    silenced.set_weights(model.get_weights())
    for layer in silenced.layers[:-1]:
        kernel, bias = layer.get_weights()
        smallest = np.argsort(np.linalg.norm(kernel, axis=0))[: round(0.4 * layer.units)]
        kernel[:, smallest] = bias[smallest] = 0
        layer.set_weights([kernel, bias])
    np.testing.assert_allclose(smaller(x), silenced(x), rtol=1e-3, atol=1e-5)
    zeros = [(layer.kernel.numpy() == 0).mean() for layer in pruning.without_weights(model, 0.4).layers]
    np.testing.assert_allclose(zeros, [0.4, 0.4, 0], atol=1e-3)


def test_a_vote_and_the_best_member():
    def says(classes, held_out):
        return {
            "test": np.eye(10)[classes],
            "held_out": np.eye(10)[held_out],
            "y_out": np.arange(4) % 2,
            "y_test": truth,
        }

    truth = np.array([0, 1, 2, 3])
    members = [says([0, 1, 9, 9], [0, 1, 0, 0]), says([0, 9, 2, 9], [0, 1, 0, 1]), says([9, 1, 2, 9], [0, 0, 0, 0])]
    found = ensembles.combine(members)
    assert found["vote"] == 0.75
    assert found["best member"] == 0.5  # the second: all four held out are right


def test_adaboost_by_hand():
    """Against the algorithm written down anew, with a weak network that looks at one input alone."""
    (x, y), (x_test, y_test) = two_circles()
    drawn = []

    def stump(x_drawn, y_drawn, number):
        drawn.append((x_drawn, number))
        column = number % 2
        threshold = x_drawn[:, column].mean()
        return [(part[:, column] > threshold).astype(float) for part in (x, x_test)]

    ours = ensembles.boost(3, stump)
    random, weights, score, truth = np.random.RandomState(3), np.ones(500) / 500, np.zeros(500), 2 * y - 1
    for number, (x_drawn, seed) in enumerate(drawn):
        assert seed == 3 * ensembles.ROUNDS + number
        chosen = random.choice(500, 500, p=weights)
        np.testing.assert_array_equal(x_drawn, x[chosen])
        threshold = x_drawn[:, seed % 2].mean()
        on_train, on_test = (np.sign(part[:, seed % 2] - threshold) for part in (x, x_test))
        error = weights[on_train != truth].sum()
        alpha = 0.5 * np.log((1 - error) / error)
        weights = np.where(on_train == truth, weights * np.exp(-alpha), weights * np.exp(alpha))
        weights = weights / weights.sum()
        score += alpha * on_test
        assert ours[number] == pytest.approx(((score > 0) == (y_test == 1)).mean())
    assert len(drawn) == ensembles.ROUNDS


@pytest.mark.slow
def test_members_go_on_from_what_their_own_seed_has_learned():
    first, *others = fine_tuning.experiments()
    frozen = next(one for one in others if one.name == "digits_5_to_9_frozen_20")
    members, sources = replicate(frozen, [1, 2], 2), replicate(first, [1, 2])
    for hidden, theirs in zip(members.initial[:4], sources.trained[:4], strict=True):
        np.testing.assert_array_equal(hidden, theirs)
    for i in range(4):
        np.testing.assert_array_equal(members.trained[i], members.initial[i])
    assert not np.array_equal(members.trained[4], members.initial[4])


def quick(seed, epochs, trial):
    """In place of the trainings of a trial."""
    trial.set_user_attr("test_accuracy", 0.5)
    size = trial.suggest_categorical("batch_size", hyperparameter_search.GRID["batch_size"])
    rate, penalty = (trial.suggest_float(name, *ends, log=True) for name, ends in RANGES.items())
    return rate + penalty + size / 1000


RANGES = {"learning_rate": (0.001, 1), "penalty": (1e-6, 1e-2)}

KILLED = """
import sys, time
from pathlib import Path
from tests.tutorials.techniques import test_techniques
from tutorials.techniques import hyperparameter_search

def told(*arguments):
    print("trial", flush=True)
    time.sleep(0.1)
    return test_techniques.quick(*arguments)

hyperparameter_search.objective = told
hyperparameter_search.search("bayesian", 1, Path(sys.argv[1]))
"""


def values(found):
    return [trial.value for trial in hyperparameter_search.completed(found)]


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on_as_one_that_was_not(monkeypatch, tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "killed")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
        assert [process.stdout.readline() for _ in range(12)] == ["trial\n"] * 12
        process.kill()
    calls = []
    monkeypatch.setattr(hyperparameter_search, "objective", lambda *given: calls.append(given) or quick(*given))
    killed = hyperparameter_search.search("bayesian", 1, tmp_path / "killed")
    assert len(calls) == hyperparameter_search.TRIALS - 11
    assert values(killed) == values(hyperparameter_search.search("bayesian", 1, tmp_path / "whole"))
    assert len(calls) == 2 * hyperparameter_search.TRIALS - 11


def test_an_interrupted_grid_search_tries_every_setting_once(monkeypatch, tmp_path):
    calls = []

    def interrupted(*given):
        calls.append(given)
        value = quick(*given)
        if len(calls) == 9:
            raise KeyboardInterrupt
        return value

    monkeypatch.setattr(hyperparameter_search, "objective", interrupted)
    with pytest.raises(KeyboardInterrupt):
        hyperparameter_search.search("grid", 1, tmp_path)
    found = hyperparameter_search.search("grid", 1, tmp_path)
    assert len(calls) == hyperparameter_search.TRIALS + 1
    assert len({tuple(trial.params.values()) for trial in hyperparameter_search.completed(found)}) == 27
