"""The rest of the course: its networks, its measurements and its rules, against what can be worked out by hand."""

import dataclasses

import keras
import numpy as np
import pytest

from tutorials import catalogue
from tutorials.course import (
    activations,
    averages,
    backpropagation,
    claims,
    descent,
    model_selection,
    recurrent,
    regularization,
    remedies,
    weight_decay,
)
from tutorials.course.layerwise import DeepSupervision, GreedyPretraining
from tutorials.lab import Experiment, Measurement, Settings, Task, mlp, studies
from tutorials.lab.data import folds, two_circles
from tutorials.lab.experiment import batch_normalized, layer_normalized, residual, sgd
from tutorials.lab.replicates import BY_LAYER, HEALTH, METRICS, measured, replicate
from tutorials.lab.results import Replicates
from tutorials.lab.studies import fingerprint, run_study
from tutorials.lab.training import compiled_model, fit, initial_model

(X, Y), TEST = two_circles()
SMALL = Experiment("small", "", lambda: mlp(1, activation="tanh"))


def log_loss(y, p):
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def test_residual_adds_the_input():
    model = mlp(2, 3, activation="tanh", block=residual)
    (k1, b1), (k2, b2), (k3, b3) = [[w.numpy() for w in (layer.kernel, layer.bias)] for layer in dense(model)]
    first = np.tanh(X @ k1 + b1)  # two inputs, three units: nothing to add to
    second = first + np.tanh(first @ k2 + b2)
    np.testing.assert_allclose(model(X), 1 / (1 + np.exp(-(second @ k3 + b3))), rtol=1e-5)


def dense(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]


@pytest.mark.parametrize(
    ("block", "kind"), [(batch_normalized, "BatchNormalization"), (layer_normalized, "LayerNormalization")]
)
def test_normalization_follows_each_hidden_layer(block, kind):
    names = [type(layer).__name__ for layer in mlp(2, activation="relu", block=block).layers[1:]]
    assert names == ["Dense", kind, "Dense", kind, "Dense"]


def test_deep_supervision_adds_the_loss_of_every_head():
    network = mlp(3, activation="tanh")
    model = DeepSupervision(network, weight=0.3)
    model.compile("sgd", "binary_crossentropy")
    expected, x = log_loss(Y, np.array(model(X))[:, 0]), X
    for layer, head in zip(network.layers[:2], model.heads, strict=True):
        x = np.array(layer(x))
        expected += 0.3 * log_loss(Y, np.array(head(x))[:, 0])
    assert model.evaluate(X, Y, batch_size=500, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_greedy_pretraining_trains_one_layer_at_a_time():
    model = GreedyPretraining(mlp(3, activation="tanh"), steps=2)
    model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
    moved = []
    for _ in range(8):
        before = {variable.path: variable.numpy() for variable in model.trainable_variables}
        model.train_on_batch(X, Y)
        changed = [v for v in model.trainable_variables if not np.array_equal(before[v.path], v.numpy())]
        moved.append(sorted({variable.path.split("/")[-2] for variable in changed}))
    hidden = ["dense_1", "dense_2", "dense_3"]
    stages = [["dense_1", "head_1"], ["dense_2", "head_2"], ["dense_3", "dense_4"], [*hidden, "dense_4"]]
    assert moved[::2] == moved[1::2] == stages


def test_averaged_weights_take_effect_as_in_fit():
    experiment = dataclasses.replace(SMALL, build_optimizer=lambda: sgd(0.05, use_ema=True, ema_momentum=0.9))
    members = replicate(experiment, [2], 3)
    model = compiled_model(experiment, 2)
    fit(model, (X, Y), TEST, 3, seed=2)
    assert all(np.allclose(a[0], b, atol=1e-6) for a, b in zip(members.trained, model.get_weights(), strict=True))
    assert members.test_accuracy[0] == pytest.approx(model.evaluate(*TEST, verbose=0)[1])
    assert not np.allclose(members.trained[0][0], replicate(SMALL, [2], 3).trained[0][0])


def test_callbacks_stop_a_member_and_leave_what_came_before_as_it_was():
    held_out = Task(lambda: folds(2))
    without = dataclasses.replace(SMALL, task=held_out)
    stopped = dataclasses.replace(without, build_callbacks=lambda: [StopAfter(3)])
    (x, y), test, fold = held_out.data()
    ours, whole = replicate(stopped, [4], 5), replicate(without, [4], 5)
    for name, values in ours.history.items():
        assert np.isnan(values[:, 3:]).all()
        np.testing.assert_allclose(values[:, :3], whole.history[name][:, :3], rtol=1e-4, atol=1e-6, err_msg=name)
    model = compiled_model(without, 4)
    model.set_weights([values[0] for values in ours.trained])
    assert ours.test_accuracy[0] == pytest.approx(model.evaluate(*test, verbose=0)[1])
    assert ours.train_accuracy[0] == pytest.approx(model.evaluate(x, y, verbose=0)[1])
    assert ours.history["val_accuracy"][0, 2] == pytest.approx(model.evaluate(*fold, verbose=0)[1])


class StopAfter(keras.callbacks.Callback):
    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch + 1 == self.epochs


def test_an_experiments_own_figures_are_taken_before_and_after():
    def largest(model, data):
        return {"largest": np.abs(model.layers[0].kernel.numpy()).max()}

    members = replicate(dataclasses.replace(SMALL, measure=largest), [1, 2], 2)
    for when, state in enumerate((members.initial, members.trained)):
        np.testing.assert_allclose(members.measured["largest"][:, when], np.abs(state[0]).max(axis=(1, 2)), rtol=1e-6)


def partly_penalized():
    model = SMALL.build_model()
    model.layers[-1].kernel.regularizer = keras.regularizers.L2(0.1)
    return model


def test_a_fingerprint_tells_task_measure_callbacks_and_own_models_apart():
    base, circles = SMALL, SMALL.task
    plain = {"hidden_layers": 2, "activation": "tanh"}
    deeper = plain | {"hidden_layers": 3}
    variants = [
        base,
        dataclasses.replace(base, task=Task(lambda: folds(1))),
        dataclasses.replace(base, task=dataclasses.replace(circles, loss="mse")),
        dataclasses.replace(base, task=dataclasses.replace(circles, accuracy=recurrent.accuracy)),
        dataclasses.replace(base, measure=backpropagation.collapse),
        dataclasses.replace(base, build_model=partly_penalized),
        dataclasses.replace(base, build_callbacks=regularization.stop_early),
        *[Experiment("", "", **remedies.greedy(net)) for net in (plain, deeper)],
        *[Experiment("", "", **remedies.deeply_supervised(net)) for net in (plain, deeper)],
    ]  # fmt: skip
    prints = [fingerprint(one, 5) for one in variants]
    assert len(set(prints)) == len(prints)
    assert prints == [fingerprint(one, 5) for one in variants]


def test_derivatives_by_hand():
    z = np.array([-1.0, 0.5])
    sigmoid = 1 / (1 + np.exp(-z))
    by_hand = {"sigmoid": sigmoid * (1 - sigmoid), "tanh": 1 - np.tanh(z) ** 2, "relu": [0, 1], "leaky_relu": [0.01, 1]}
    for name, expected in by_hand.items():
        np.testing.assert_allclose(activations.derivatives(name, z), expected, rtol=1e-5)


def test_backpropagation_is_checked_by_differences_that_can_fail(monkeypatch):
    assert backpropagation.differentiate_both_ways(1)["relative_error"] < 1e-6
    wrong = keras.losses.binary_crossentropy
    monkeypatch.setattr(keras.losses, "binary_crossentropy", lambda y, p: twice_the_gradient(wrong(y, p)))
    assert backpropagation.differentiate_both_ways(1)["relative_error"] > 0.1


def twice_the_gradient(value):
    return 2 * value - keras.ops.stop_gradient(value)


def test_collapse_sees_a_non_linearity():
    linear, bent = mlp(3, activation="linear"), mlp(3, activation="relu")
    assert backpropagation.collapse(linear, ((X, Y), TEST))["collapse_error"] < 1e-5
    assert backpropagation.collapse(bent, ((X, Y), TEST))["collapse_error"] > 0.01


def test_an_average_by_hand():
    v, expected = 0, []
    for t, value in enumerate([2.0, 4.0, -1.0], 1):
        v = 0.9 * v + 0.1 * value
        expected.append((v, v / (1 - 0.9**t)))
    plain, corrected = zip(*expected, strict=True)
    np.testing.assert_allclose(averages.average([2.0, 4.0, -1.0], 0.9, corrected=False), plain)
    np.testing.assert_allclose(averages.average([2.0, 4.0, -1.0], 0.9), corrected)


def test_gradient_descent_in_the_ravine_by_hand():
    way = descent.path("gradient descent", 0.4, descent.ravine, (-5, -2), 5)
    steps = np.arange(6)
    np.testing.assert_allclose(way, np.stack([-5 * 0.92**steps, -2 * (-0.6) ** steps], axis=1), rtol=1e-4)
    again = descent.path("gradient descent", 0.4, descent.ravine, (1, 1), 5)
    np.testing.assert_allclose(again[1], [0.92, -0.6], rtol=1e-5)


def test_the_animation_is_a_moving_picture(tmp_path):
    from PIL import Image

    descent.animate(tmp_path / "descent.gif", steps=3)
    with Image.open(tmp_path / "descent.gif") as picture:
        assert picture.n_frames == 4


def test_input_gradients_by_hand():
    """Of a linear answer to the last step, the gradient is known and that of the other steps is zero."""
    model = keras.Sequential([keras.Input((4, 2)), keras.layers.Lambda(lambda x: 3 * x[:, -1, :1] + 4 * x[:, -1, 1:])])
    data = (None, (np.zeros((5, 4, 2), np.float32), None))
    np.testing.assert_allclose(recurrent.gradient_by_step(model, data)["input_gradient"], [0, 0, 0, 5])


def test_pruning_and_sizes_by_hand():
    model = regularization.network()
    hidden = [model.get_layer(name).kernel for name in ("dense_1", "dense_2")]
    rest = model.get_layer("dense_3").kernel
    x = np.zeros((4, 784), np.float32)
    x[:, 0] = 1
    hidden[0].assign(np.where(np.arange(784)[:, None] == 0, 1.0, 0.5) * np.ones((784, 1000)))
    hidden[1].assign(np.full((1000, 500), 0.0005))
    rest.assign(np.eye(500, 10))
    found = regularization.figures_and_pruning(model, ((x, np.zeros(4)), (x, np.array([0, 0, 1, 1]))))
    assert found["near_zero"] == pytest.approx(500_000 / 1_284_000)
    assert found["mean_weight"] == pytest.approx((1000 + 783_000 * 0.5 + 250) / 1_284_000, rel=1e-4)
    assert found["mean_cosine"] == pytest.approx(1, rel=1e-4)
    assert found["weights"] == 784 * 1000 + 1000 + 1000 * 500 + 500 + 500 * 10 + 10
    assert found["pruned"][0].tolist() == [1, 0.5]


def test_pruning_takes_the_smallest_weights_first_and_puts_them_back():
    """Class 0 lives on half a million small weights and wins by five to one; class 1 on a thousand larger ones."""
    model = regularization.network()
    first, second, last = (model.get_layer(f"dense_{number}").kernel for number in (1, 2, 3))
    first.assign(np.ones((784, 1000)))
    small = np.linspace(0.5e-5, 1.5e-5, 499_000).reshape(1000, 499)
    second.assign(np.concatenate([np.full((1000, 1), 1e-3), small], axis=1))
    last.assign(np.eye(10)[[1] + [0] * 499])
    x = np.zeros((1, 784), np.float32)
    x[:, 0] = 1
    curve = regularization.figures_and_pruning(model, ((x, np.ones(1)), (x, np.zeros(1))))["pruned"]
    removed = np.array(regularization.REMOVED)
    assert curve[:, 0].tolist() == (removed >= 0.9).tolist()  # 0.8 leaves class 0 the sum 1.4, 0.9 half of that
    assert curve[:, 1].tolist() == (removed < 0.9).tolist()
    np.testing.assert_allclose(second.numpy()[:, 1:], small)


def test_a_vote_by_hand():
    truth = np.array([0, 1, 2, 3])
    said = np.array([[0, 1, 2, 0], [0, 1, 0, 3], [0, 0, 2, 0], [5, 1, 2, 0], [0, 1, 2, 3]])
    predicted = np.stack([np.zeros_like(said), said], axis=1)
    members = Replicates(
        np.arange(5), test_accuracy=(said == truth).mean(axis=1),
        measured={"predicted": predicted, "truth": np.tile(truth, (5, 2, 1))},
    )  # fmt: skip
    together, median = regularization.vote(members)
    assert together.tolist() == [0.75]  # 0, 1, 2 and, by three votes to two, 0
    assert median.tolist() == [0.75]


def test_cross_validation_chooses_by_the_folds_alone():
    def one(accuracy, test):
        return Replicates(
            np.arange(1), history={"val_accuracy": np.array([[0.1, accuracy]])}, test_accuracy=np.array([test])
        )

    members = []
    for number in range(len(model_selection.SHAPES)):
        members += [one(0.6 + (0.2 if number == 3 else 0) + 0.01 * fold, 0) for fold in range(5)]
        members.append(one(0, 0.9 if number == 5 else 0.7))
    validated, _ = model_selection.scores(members)
    assert validated[0, 3] == pytest.approx(0.82)
    assert validated.argmax() == 3
    value, true = claims.near_the_best(*members)
    assert value == pytest.approx(-0.2)
    assert not true[0]


def test_penalty_and_decay_are_one_step_the_same_thing():
    """And by hand: W - alpha (dJ/dW + lambda W)."""
    kernels = []
    for experiment in weight_decay.EXPERIMENTS[:2]:
        keras.utils.set_random_seed(3)
        model = experiment.build_model()
        model.compile(experiment.build_optimizer(), "binary_crossentropy")
        before = [layer.kernel.numpy() for layer in model.layers]
        model.train_on_batch(X, Y)
        kernels.append([layer.kernel.numpy() for layer in model.layers])
    for penalized, decayed in zip(*kernels, strict=True):
        np.testing.assert_allclose(penalized, decayed, rtol=1e-5)
    keras.utils.set_random_seed(3)
    free = mlp(1, 10, activation="tanh")
    free.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
    free.train_on_batch(X, Y)
    for layer, start, decayed in zip(free.layers, before, kernels[1], strict=True):
        np.testing.assert_allclose(decayed, layer.kernel.numpy() - 0.1 * weight_decay.DECAY * start, rtol=1e-5)


def figures(**values):
    return Replicates(np.arange(2), measured={name: np.array(value, float) for name, value in values.items()})


def trained(**values):
    values = {name: np.array(value, float) for name, value in values.items()}
    measured = {name: np.stack([value, value], axis=1) for name, value in values.items()}
    return Replicates(np.arange(2), test_accuracy=np.zeros(2), measured=measured)


def test_measures_on_paths():
    paths = np.zeros((1, len(descent.OPTIMIZERS), 101, 2)) + 1.0
    names = [*descent.OPTIMIZERS]
    swing, smooth = names.index("gradient descent"), names.index("momentum")
    paths[0, swing, :, 1] = (-1.0) ** np.arange(101)
    paths[0, smooth, 10:, 1] = -1
    paths[0, smooth, 20, 0] = 0.1
    members = figures(paths=paths)
    assert claims.smoother_across(members)[0] == [1 - 20]
    assert claims.faster_along(members) == (pytest.approx([0.1]), [True])
    paths[0, names.index("AdaGrad"), 100, 0] = 0.2
    paths[0, names.index("RMSProp"), 100, 0] = -0.01
    assert claims.stalls(figures(paths=paths)) == (pytest.approx([0.2]), [True])
    assert claims.does_not_stall(figures(paths=paths)) == (pytest.approx([0.01]), [True])
    saddle = np.zeros((1, len(names), 301, 2))
    saddle[0, swing, 100:, 1], saddle[0, names.index("Adam"), 30:, 1] = 0.6, -0.6
    assert claims.leaves_sooner("Adam")(figures(paths=saddle)) == ([-70], [True])
    assert claims.leaves_sooner("RMSProp")(figures(paths=saddle))[1].tolist() == [False]
    by_rate = np.ones((1, 2, 6, 101, 2))
    by_rate[0, 0, 2, 50:] = by_rate[0, 1, 4, 20:] = 0.001
    assert claims.sooner_at_best_rate(figures(by_rate=by_rate)) == ([-30], [True])


def test_measures_on_averages():
    good = figures(window=[[2, 15, 60], [2, 15, 120]], roughness=[[3, 2, 1], [3, 1, 2]], lag=[[0, 8, 30], [0, 8, 30]],
                   first=[[0.8, 0.3, 0.1], [0.8, 0.6, 0.1]], first_corrected=[[1, 1.1, 1], [1, 1, 1]])  # fmt: skip
    assert claims.window(good)[1].tolist() == [True, False]
    assert claims.smoother_and_later(good)[1].tolist() == [True, False]
    assert claims.biased_low(good)[1].tolist() == [True, False]


def test_measures_on_batches():
    def size(seconds, reached, accuracy):
        curve = np.full((1, 10), 0.5)
        curve[:, reached:] = 0.8
        history = {"val_accuracy": curve, "loss": curve}
        return Replicates(
            np.arange(1), history=history, test_accuracy=np.array([accuracy]), seconds=np.array([seconds])
        )

    slow, middle, fast = size(10.0, 1, 0.8), size(2.0, 3, 0.85), size(1.0, 9, 0.7)
    assert claims.each_faster(slow, middle, fast) == ([10], [True])
    assert claims.each_faster(slow, fast, middle)[1].tolist() == [False]
    assert claims.later(fast, middle) == ([6], [True])
    sizes = [fast] * 2 + [slow] + [middle] + [fast] * 3  # the middle one is first to 80 %: 0.8 s, and the best
    assert claims.best_in_time_is_not_best_in_accuracy(*sizes) == ([32], [False])


def test_measures_on_weights_and_gradients():
    l1, l2, plain = (
        trained(near_zero=[0.9, 0.4], mean_weight=[0.1, 0.1]),
        trained(near_zero=[0.1, 0.1], mean_weight=[0.2, 0.3]),
        trained(near_zero=[0.0, 0.0], mean_weight=[0.5, 0.5]),
    )
    assert claims.sparse(l1)[1].tolist() == [True, False]
    assert claims.small_not_zero(l2, plain, l1)[1].tolist() == [True, False]
    narrow, wide = (
        Replicates(np.arange(1), train_accuracy=np.array([1.0]), test_accuracy=np.array([a])) for a in (0.9, 0.8)
    )
    assert claims.narrower_gap(narrow, wide) == (pytest.approx([-0.1]), [True])
    assert claims.as_good(wide, narrow, short_by=0.01)[1].tolist() == [False]
    pruned = np.full((2, 9, 2), 0.9)
    pruned[1, 3, 1] = 0.87
    assert claims.survives_pruning(trained(pruned=pruned))[1].tolist() == [True, False]
    flat, falling = trained(input_gradient=np.ones((2, 10))), trained(input_gradient=np.tile(np.arange(10), (2, 1)))
    assert claims.remembers_more(flat, falling)[1].tolist() == [True, True]
    assert claims.remembers_more(falling, flat)[0] == pytest.approx([2 / 7] * 2)
    assert claims.below("largest", 0.5, (1,))(figures(largest=[[1, 0.4], [0, 0.6]]))[1].tolist() == [True, False]


@pytest.fixture
def untrained(monkeypatch):
    """Instead of training, studies draw random figures of the right shapes; measurements are really taken."""
    random = np.random.RandomState(0)

    def train(key, experiment, seeds, epochs, threads=None):
        if isinstance(experiment, Measurement):
            return key, measured(experiment, seeds)
        layers, weights, own = ["dense_1", "dense_2"], [random.rand(len(seeds), 2, 5)], {}
        if experiment.measure:
            own = experiment.measure(initial_model(experiment, 0), experiment.task.data())
        history = {name: random.rand(len(seeds), epochs) for name in METRICS}
        history |= {name: random.rand(len(seeds), epochs, len(layers)) for name in BY_LAYER}
        return key, Replicates(
            np.array(seeds), np.array(layers), history, random.rand(len(seeds)), random.rand(len(seeds)),
            {name: random.rand(len(seeds), 2, 3) for name in HEALTH},
            {name: np.array([[value] * 2] * len(seeds)) for name, value in own.items()},
            random.rand(len(seeds)), weights, weights,
        )  # fmt: skip

    monkeypatch.setattr(studies, "_train", train)


@pytest.mark.parametrize(
    ("name", "figures", "words"),
    [
        ("backpropagation", 2, "Backpropagation against central differences"),
        ("activations", 2, "sigmoid    mean product of derivatives after 5, 10, 30 layers"),
        ("remedies", 1, "ReLU, 20 x 5, He uniform weights:"),
        ("recurrent", 2, "LSTM, 20 steps: gradient of the first input over that of the last"),
        ("averages", 1, "beta 0.98: 1 / (1 - beta) = 50"),
        ("descent", 2, "momentum          ravine: f ="),
        ("optimizers", 1, "its best: "),
        ("batch_size", 1, "batches of 500: test accuracy"),
        ("weight_decay", 0, "sgd: penalty and decay end"),
        ("regularization", 3, "40% of the hidden weights removed"),
        ("model_selection", 1, "4 x 15: cross-validated"),
    ],
)
def test_a_script_tells_and_draws(untrained, tmp_path, capsys, name, figures, words):
    experiments = catalogue.experiments("course", name)
    done = studies.study(name, experiments, Settings(epochs=3, seeds=5, logdir=tmp_path))
    drawn = catalogue.script("course", name).look(done)
    assert words in capsys.readouterr().out
    assert len(drawn) == figures
    for figure in drawn.values():
        figure.savefig(tmp_path / "figure.png")
        assert (tmp_path / "figure.png").stat().st_size > 10_000
    assert (done.directory / "results.csv").read_text().count("\n") == 1 + 5 * len(experiments)
    assert len({one["file"] for one in done.configurations.values()}) == len(experiments)  # no two are the same


def test_every_section_of_the_course_is_tried():
    (marks,) = [mark for mark in test_a_script_tells_and_draws.pytestmark if mark.name == "parametrize"]
    assert [name for name, *_ in marks.args[1]] == list(catalogue.FOLDERS["course"])


def test_measurements_are_kept_and_taken_for_new_seeds_only(tmp_path):
    taken = []

    def measure(seed):
        taken.append(seed)
        return {"value": np.float64(seed), "row": np.arange(3) * seed}

    study = [Measurement("m", "", measure)]
    run_study("measured", study, Settings(seeds=2, logdir=tmp_path))
    run_study("measured", study, Settings(seeds=3, logdir=tmp_path))
    assert taken == [1, 2, 3]
    table = (tmp_path / "study" / "measured" / "results.csv").read_text().splitlines()
    assert table == ["experiment,seed,value", "m,1,1", "m,2,2", "m,3,3"]


def test_images_come_from_a_file_and_the_names_say_so(tmp_path, run_python):
    random = np.random.RandomState(0)
    path = tmp_path / "my-images.npz"
    images = {f"x_{half}": random.randint(0, 256, (30, 28, 28)).astype("uint8") for half in ("train", "test")}
    np.savez(path, **images, **{f"y_{half}": random.randint(0, 10, 30) for half in ("train", "test")})
    plain = catalogue.experiments("course", "regularization", str(path))[0]
    (x, y), _ = plain.task.data()
    assert (plain.name, x.shape, x.dtype, y.shape) == ("my_images_plain", (30, 784), np.float32, (30,))
    np.testing.assert_allclose(x[3], images["x_train"][3].ravel() / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("source", "words"),
    [("nowhere.npz", "there is no file nowhere.npz"), ("README.md", "README.md is no .npz file with x_train")],
)
def test_images_that_cannot_be_read_are_one_sentence(run_python, source, words):
    done = run_python("-m", "tutorials", "study", "regularization", "--data", source)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
