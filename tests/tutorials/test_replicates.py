import dataclasses

import keras
import numpy as np
import pytest

from callbacks import GradientMonitor, WeightNormMonitor
from tutorials.lab import Experiment, mlp
from tutorials.lab.data import two_circles
from tutorials.lab.replicates import replicate
from tutorials.lab.training import compiled_model, order
from tutorials.vanishing import deep_tanh

EPOCHS = 2


def adam():
    return keras.optimizers.Adam(0.01)


def relu():
    return mlp(3, activation="relu", initializer="he_uniform")


def normalized():
    layers = [keras.layers.Dense(5, "tanh", name="dense_1"), keras.layers.BatchNormalization()]
    output = keras.layers.Dense(1, "sigmoid", name="dense_2")
    return keras.Sequential([keras.Input((2,)), *layers, keras.layers.Dropout(0.2), output])


EXPERIMENTS = {
    "tanh, momentum": deep_tanh.EXPERIMENT,
    "tanh, Adam": dataclasses.replace(deep_tanh.EXPERIMENT, build_optimizer=adam),
    "ReLU, momentum": Experiment("relu", "", relu),
    "ReLU, Adam, batches of 64": Experiment("relu", "", relu, adam, batch_size=64),
    "batch normalization, dropout, clipping": Experiment(
        "normalized", "", normalized, lambda: keras.optimizers.SGD(0.1, global_clipnorm=0.5)
    ),
}


def plain_fit(experiment, seed):
    """Keras's own `fit`, an epoch at a time on points already in order; with the monitors, and their merged history."""
    (x, y), test = two_circles()
    model = compiled_model(experiment, seed)
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


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_member_is_what_keras_fit_trains(name):
    members = replicate(EXPERIMENTS[name], [3, 7], EPOCHS, threads=1)
    model, history = plain_fit(EXPERIMENTS[name], seed=7)
    assert list(members.layers) == [layer.name for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    for variable, values in zip(model.variables, members.trained, strict=True):
        np.testing.assert_allclose(values[1], variable.numpy(), rtol=1e-4, atol=1e-6)
    for quantity, values in members.history.items():
        np.testing.assert_allclose(values[1], history[quantity], rtol=1e-4, atol=1e-6, err_msg=quantity)
    accuracy = model.evaluate(*two_circles()[0], verbose=0)[1]
    assert members.train_accuracy[1] == pytest.approx(accuracy, abs=1e-6)
    assert members.test_accuracy[1] == pytest.approx(history["val_accuracy"][-1], abs=1e-6)


def test_a_member_depends_on_its_own_seed_alone():
    several = replicate(deep_tanh.EXPERIMENT, range(5), 3)
    alone = replicate(deep_tanh.EXPERIMENT, [4], 3, threads=1)
    for ours, theirs in ((several.initial, alone.initial), (several.trained, alone.trained)):
        assert all(np.array_equal(a[4], b[0]) for a, b in zip(ours, theirs, strict=True))
    assert not np.array_equal(several.initial[0][0], several.initial[0][1])
    assert np.array_equal(several.seeds, range(5))


def test_no_seed_is_refused():
    with pytest.raises(ValueError, match="at least one seed"):
        replicate(deep_tanh.EXPERIMENT, [])
