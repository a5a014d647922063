"""What is told of a compiled model before it is trained."""

import keras
import numpy as np
import pytest

from callbacks import Diagnosis, GradientMonitor
from callbacks.model_facts import loss_name, model_facts
from callbacks.tensorboard import reader
from tests.callbacks.tape import BACKEND, array


def output_of(units, activation, loss):
    """What is told of the only output of a model."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation)])
    model.compile("sgd", loss)
    (output,) = model_facts(model, model.optimizer)["outputs"]
    return output


@pytest.mark.parametrize(
    ("loss", "name", "from_logits"),
    [
        ("mse", "mean_squared_error", False),
        ("binary_crossentropy", "binary_crossentropy", False),
        (keras.losses.BinaryCrossentropy(from_logits=True), "binary_crossentropy", True),
        (keras.losses.SparseCategoricalCrossentropy(), "sparse_categorical_crossentropy", False),
        (keras.losses.huber, "huber", False),
        (lambda truth, predicted: keras.ops.mean(predicted), "<lambda>", False),
    ],
)
def test_the_loss_of_an_output(loss, name, from_logits):
    output = output_of(3, "softmax", loss)
    assert (output["units"], output["activation"]) == (3, "softmax")
    assert (output["loss"], output["from_logits"]) == (name, from_logits)


def test_names_of_losses():
    assert loss_name(None) is None
    assert loss_name(keras.losses.MeanAbsoluteError()) == "mean_absolute_error"
    assert loss_name("mae") == "mean_absolute_error"


def test_losses_of_several_outputs_are_matched_by_place_or_by_name():
    inputs = keras.Input((4,))
    one, two = keras.layers.Dense(1, name="one")(inputs), keras.layers.Dense(2, "softmax", name="two")(inputs)
    model = keras.Model(inputs, {"one": one, "two": two})
    model.compile("sgd", {"two": "categorical_crossentropy", "one": "mse"})
    told = [(output["units"], output["loss"]) for output in model_facts(model, model.optimizer)["outputs"]]
    assert told == [(1, "mean_squared_error"), (2, "categorical_crossentropy")]
    model = keras.Model(inputs, [one, two])
    model.compile("sgd", ["mse", "categorical_crossentropy"])
    assert [(output["units"], output["loss"]) for output in model_facts(model, model.optimizer)["outputs"]] == told


def test_facts_of_a_model():
    keras.utils.set_random_seed(1)
    hidden = keras.layers.Dense(3, "tanh", kernel_initializer="he_normal", kernel_regularizer="l2", name="hidden")
    model = keras.Sequential([keras.Input((4,)), hidden, keras.layers.Dense(1, name="output")])
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)), "mse")
    facts = model_facts(model, model.optimizer, {"epochs": 10, "steps": 3})
    kernel = array(hidden.kernel)
    assert (facts["planned_epochs"], facts["steps"], facts["optimizer"]) == (10, 3, "Adam")
    assert (facts["learning_rate"], facts["scheduled"], facts["untold"]) == (0.1, True, [])
    assert facts["penalty"] == pytest.approx(0.01 * (kernel**2).sum(), rel=1e-5)
    assert [*facts["kernels"]] == ["hidden", "output"]
    assert facts["kernels"]["hidden"] == {
        "layer": "Dense",
        "shape": [4, 3],
        "activation": "tanh",
        "initializer": "HeNormal",
        "mean_weight": pytest.approx(np.abs(kernel).mean()),
        "nonfinite": 0,
        "units_alike": False,
        "same_as": None,
    }
    assert model_facts(model, keras.optimizers.SGD(0.5))["optimizer"] == "SGD"  # of several, the one asked about


def test_what_cannot_be_told_of_a_model_ends_no_training(tmp_path):
    """On TensorFlow the losses of an activity regularizer are symbolic in a second `fit`, and have no value."""
    x, y = np.random.RandomState(1).rand(8, 4), np.zeros(8)
    hidden = keras.layers.Dense(3, "relu", activity_regularizer="l2", name="hidden")
    model = keras.Sequential([keras.Input((4,)), hidden, keras.layers.Dense(1, "sigmoid", name="output")])
    model.compile("sgd", "binary_crossentropy")
    for number in range(2):
        gradients = GradientMonitor(tmp_path / str(number))
        model.fit(x, y, epochs=2, verbose=0, callbacks=[gradients, Diagnosis(verbose=0)])
        assert gradients.epochs == [0, 1]
    facts = model_facts(model, model.optimizer)
    if BACKEND == "tensorflow":
        assert np.isnan(facts["penalty"])
        assert facts["untold"][0].startswith("the regularizers' part of the loss (")
    assert (facts["learning_rate"], [*facts["kernels"]]) == (0.01, ["hidden", "output"])
    (run,) = reader.runs(tmp_path / "1")
    assert run.evidence.output["loss"] == "binary_crossentropy"


def test_the_optimizer_inside_a_loss_scale_optimizer_is_told():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)), "mse")
    facts = model_facts(model, model.optimizer)
    assert (facts["optimizer"], facts["learning_rate"], facts["scales_loss"]) == ("SGD", 0.1, True)
