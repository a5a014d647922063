"""A member of a study is what Keras's `fit` trains, and what the script trains, with the same seed."""

import random
import threading
from functools import partial

from tutorials.lab import two_circles
from tutorials.lab.compiled_epochs import order
from tutorials.lab.keras_loop import build_with_seed
from tutorials.studies import Experiment, replicate
from tutorials.vanishing import deep_tanh, shallow_tanh

import keras
import numpy as np
import pytest
from keras.layers import BatchNormalization, Dense, Dropout
from keras.optimizers import SGD, Adam

from callbacks import GradientMonitor, WeightNormMonitor
from callbacks.tensorboard import reader

pytestmark = pytest.mark.xdist_group("many_seeds")  # tests share compilations

EPOCHS = 2


def build_model(activation, optimizer):
    hidden = [Dense(5, activation, kernel_initializer="he_uniform", name=f"dense_{i}") for i in (1, 2)]
    model = keras.Sequential([keras.Input((2,)), *hidden, Dense(1, "sigmoid", name="dense_3")])
    model.compile(optimizer(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model


def build_normalized():
    hidden = [Dense(5, "tanh", name="dense_1"), BatchNormalization(), Dropout(0.2)]
    model = keras.Sequential([keras.Input((2,)), *hidden, Dense(1, "sigmoid", name="dense_2")])
    model.compile(SGD(0.1, global_clipnorm=0.5), "binary_crossentropy", metrics=["accuracy"])
    return model


EXPERIMENTS = {
    "tanh, momentum": deep_tanh.EXPERIMENT,
    "tanh, Adam": Experiment("tanh", "", partial(build_model, "tanh", Adam)),
    "ReLU, momentum": Experiment("relu", "", partial(build_model, "relu", partial(SGD, momentum=0.9))),
    "ReLU, Adam, batches of 64": Experiment("relu", "", partial(build_model, "relu", Adam), batch_size=64),
    "batch normalization, dropout, clipping": Experiment("normalized", "", build_normalized),
}


def plain_fit(experiment, seed):
    """Keras's own `fit`, an epoch at a time on samples already in order; returns the model and its merged history."""
    (x, y), test = two_circles()
    model = build_with_seed(experiment.build_model, seed)
    model.jit_compile = experiment.name == "normalized"  # XLA draws dropout's masks in its own way
    gradients, weights = GradientMonitor(sampled_steps=None), WeightNormMonitor()
    rows = []
    for epoch in range(EPOCHS):
        chosen = order(len(x), seed, epoch).numpy()
        options = {"shuffle": False, "verbose": 0, "validation_data": test, "batch_size": experiment.batch_size}
        done = model.fit(
            x[chosen], y[chosen], initial_epoch=epoch, epochs=epoch + 1, callbacks=[gradients, weights], **options
        )
        rows.append({name: values[0] for name, values in done.history.items()})
    history = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    history["gradient_abs_mean"] = gradients.history["abs_mean"]
    history |= {f"weight_{name}": weights.history[name] for name in ("l1", "l1_change")}
    return model, history


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_member_is_what_keras_fit_trains(name):
    members = replicate(EXPERIMENTS[name], [3, 7], EPOCHS, threads=1)
    model, history = plain_fit(EXPERIMENTS[name], seed=7)
    assert list(members.layers) == [layer.name for layer in model.layers if isinstance(layer, Dense)]
    for variable, values in zip(model.variables, members.trained, strict=True):
        np.testing.assert_allclose(values[1], variable.numpy(), rtol=1e-4, atol=1e-6)
    assert {*members.history} == {*history}
    for quantity, values in members.history.items():
        np.testing.assert_allclose(values[1], history[quantity], rtol=1e-4, atol=1e-6, err_msg=quantity)
    accuracy = model.evaluate(*two_circles()[0], verbose=0)[1]
    assert members.train_accuracy[1] == pytest.approx(accuracy, abs=1e-6)
    assert members.test_accuracy[1] == pytest.approx(history["val_accuracy"][-1], abs=1e-6)


@pytest.mark.slow
def test_a_member_is_what_the_script_trains(tmp_path):
    (result,) = shallow_tanh.run(seed=7, epochs=EPOCHS, log_dir=tmp_path)
    (run,) = reader.runs(tmp_path)
    members = replicate(shallow_tanh.EXPERIMENT, [7], EPOCHS)
    assert members.train_accuracy[0] == pytest.approx(result.train_accuracy, abs=1e-6)
    assert members.test_accuracy[0] == pytest.approx(result.test_accuracy, abs=1e-6)
    recorded = run.evidence.metrics | {
        "gradient_abs_mean": run.evidence.gradients.history["abs_mean"],
        "weight_l1": run.evidence.weights.history["l1"],
        "weight_l1_change": run.evidence.weights.history["l1_change"],
    }
    for quantity, values in members.history.items():
        np.testing.assert_allclose(values[0], recorded[quantity], rtol=1e-4, atol=1e-6, err_msg=quantity)


@pytest.mark.slow
def test_a_member_depends_on_its_own_seed_alone():
    several = replicate(deep_tanh.EXPERIMENT, range(5), EPOCHS)
    alone = replicate(deep_tanh.EXPERIMENT, [4], EPOCHS, threads=1)
    for ours, theirs in ((several.initial, alone.initial), (several.trained, alone.trained)):
        assert all(np.array_equal(a[4], b[0]) for a, b in zip(ours, theirs, strict=True))
    assert not np.array_equal(several.initial[0][0], several.initial[0][1])
    assert np.array_equal(several.seeds, range(5))


def test_no_seed_is_refused():
    with pytest.raises(ValueError, match="at least one seed"):
        replicate(deep_tanh.EXPERIMENT, [])


def test_seeds_hold_while_other_threads_draw_random_numbers():
    def weights():
        return [build_with_seed(deep_tanh.build_model, seed).get_weights() for seed in range(5)]

    quiet = weights()
    keras.utils.set_random_seed(4)
    plain = deep_tanh.build_model().get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(plain, quiet[4], strict=True))
    stop = threading.Event()

    def draw():
        while not stop.is_set():
            random.random()
            keras.initializers.RandomUniform()  # takes a seed from Keras's generator

    noise = threading.Thread(target=draw)
    noise.start()
    try:
        noisy = weights()
    finally:
        stop.set()
        noise.join()
    for ours, theirs in zip(quiet, noisy, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
