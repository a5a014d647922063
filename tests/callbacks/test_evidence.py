import keras
import numpy as np
import pytest

from callbacks import Diagnosis, GradientMonitor
from callbacks.evidence import Evidence, MonitorRecord, model_facts
from callbacks.tensorboard import reader


@pytest.mark.parametrize(
    ("loss", "units", "activation", "classes"),
    [
        ("sparse_categorical_crossentropy", 7, None, 7),
        (keras.losses.CategoricalCrossentropy(), 3, "softmax", 3),
        (keras.losses.BinaryCrossentropy(from_logits=True), 1, None, 2),
        ("binary_crossentropy", 5, "sigmoid", None),  # five labels, not five classes
        ("mse", 3, None, None),
        ("mse", 3, "softmax", 3),
        ("mse", 1, "sigmoid", 2),
        (lambda truth, predicted: keras.ops.mean(predicted), 3, None, None),
    ],
)
def test_classes_are_read_off_the_loss_and_the_output(loss, units, activation, classes):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation)])
    model.compile("sgd", loss)
    assert model_facts(model, model.optimizer, 10).get("classes") == classes


def test_facts_of_a_model():
    keras.utils.set_random_seed(1)
    hidden = keras.layers.Dense(3, "tanh", kernel_initializer="he_normal", kernel_regularizer="l2", name="hidden")
    model = keras.Sequential([keras.Input((4,)), hidden, keras.layers.Dense(1, name="output")])
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)), "mse")
    facts = model_facts(model, model.optimizer, 10)
    kernel = hidden.kernel.numpy()
    assert (facts["planned_epochs"], facts["optimizer"], facts["cross_entropy"]) == (10, "Adam", False)
    assert facts["learning_rate"] == 0.1
    assert facts["penalty"] == pytest.approx(0.01 * (kernel**2).sum(), rel=1e-5)
    assert [*facts["kernels"]] == ["hidden", "output"]
    assert facts["kernels"]["hidden"] == {
        "shape": [4, 3],
        "activation": "tanh",
        "initializer": "HeNormal",
        "mean_weight": pytest.approx(np.abs(kernel).mean()),
    }
    assert model_facts(model, keras.optimizers.SGD(0.5), 10)["optimizer"] == "SGD"  # of several, the one asked about


def test_facts_of_models_that_are_no_classifiers():
    inputs = keras.Input((4,))
    two = keras.Model(inputs, [keras.layers.Dense(1)(inputs), keras.layers.Dense(2)(inputs)])
    two.compile("sgd", ["mse", "mae"])
    scalar = keras.Model(inputs, keras.ops.mean(keras.layers.Dense(1, "sigmoid")(inputs)))
    scalar.compile("sgd", "binary_crossentropy")
    for model in (two, scalar):
        assert "classes" not in model_facts(model, model.optimizer, None)


def test_what_cannot_be_told_of_a_model_ends_no_training(tmp_path):
    """In a second `fit` the losses of an activity regularizer are symbolic, and have no value."""
    x, y = np.random.RandomState(1).rand(8, 4), np.zeros(8)
    hidden = keras.layers.Dense(3, "relu", activity_regularizer="l2", name="hidden")
    model = keras.Sequential([keras.Input((4,)), hidden, keras.layers.Dense(1, "sigmoid", name="output")])
    model.compile("sgd", "binary_crossentropy")
    for number in range(2):
        gradients = GradientMonitor(tmp_path / str(number))
        model.fit(x, y, epochs=2, verbose=0, callbacks=[gradients, Diagnosis(verbose=0)])
        assert gradients.epochs == [0, 1]
    facts = model_facts(model, model.optimizer, 2)
    assert np.isnan(facts["penalty"])
    assert (facts["learning_rate"], facts["classes"], [*facts["kernels"]]) == (0.01, 2, ["hidden", "output"])
    (run,) = reader.runs(tmp_path / "1")
    assert run.evidence.facts["classes"] == 2


def test_evidence_until_an_epoch_and_its_accuracy():
    record = MonitorRecord(["a"], {"l2": np.array([[1.0], [2.0], [3.0]])})
    evidence = Evidence([0, 1, 2], {"val_acc": np.zeros(3), "binary_accuracy": np.array([0.5, 0.6, 0.7])}, record)
    cut = evidence.until(2)
    assert cut.epochs == [0, 1]
    assert cut.accuracy.tolist() == [0.5, 0.6]
    assert cut.gradients.history["l2"].tolist() == [[1], [2]]
    assert cut.weights is None
    assert Evidence([0], {"loss": np.ones(1)}).accuracy is None
