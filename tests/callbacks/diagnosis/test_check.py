"""The rules about models and data, asked through `check`: where each speaks, and next to it where it must not."""

import keras
import numpy as np
import pytest
from keras import layers

from callbacks import Diagnosis, check

R = np.random.RandomState(0)
X = R.normal(size=(64, 4)).astype("float32")
BINARY = (X[:, 0] > 0).astype(int)
CLASSES = np.arange(64) % 3
ONE_HOT = np.eye(3)[CLASSES]
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0]


def network(last, loss, units=1, optimizer="adam", metrics=(), hidden="relu", inputs=(4,), **options):
    """A compiled network with two hidden layers."""
    stack = [layers.Dense(8, hidden, name=f"dense_{i}", **options) for i in (1, 2)]
    tail = [last] if isinstance(last, layers.Layer) else [layers.Dense(units, last, name="dense_3")]
    model = keras.Sequential([keras.Input(inputs), *stack, *tail])
    model.compile(optimizer, loss, metrics=[*metrics])
    return model


def found(model, x=X, y=BINARY, **options):
    """The rules that find something: rule to severity."""
    return {finding.rule: finding.severity for finding in check(model, x, y, **options)}


BCE, CCE, SPARSE = "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"


@pytest.mark.parametrize(
    ("last", "loss", "units", "y"),
    [
        ("sigmoid", BCE, 1, BINARY),
        ("softmax", SPARSE, 3, CLASSES),
        ("softmax", CCE, 3, ONE_HOT),
        ("linear", keras.losses.SparseCategoricalCrossentropy(from_logits=True), 3, CLASSES),
        ("linear", keras.losses.BinaryCrossentropy(from_logits=True), 1, BINARY),
        ("sigmoid", BCE, 3, (ONE_HOT + np.roll(ONE_HOT, 1, axis=1)).clip(0, 1)),  # several labels at once
        ("sigmoid", BCE, 1, np.where(BINARY, 0.9, 0.1)),  # smoothed labels
        ("linear", "mse", 1, NUMBERS),
        ("tanh", "mse", 1, np.tanh(NUMBERS)),
        ("relu", "mse", 1, np.abs(NUMBERS)),
        ("exponential", "poisson", 1, CLASSES),
        ("linear", "hinge", 1, 2 * BINARY - 1),
        ("silu", keras.losses.BinaryCrossentropy(from_logits=True), 1, BINARY),
    ],
)
def test_sound_programs_are_left_alone(last, loss, units, y):
    assert found(network(last, loss, units), y=y) == {}


@pytest.mark.parametrize(
    ("rule", "severity", "model", "y"),
    [
        ("softmax_over_one_unit", "error", lambda: network("softmax", BCE), BINARY),
        ("softmax_over_one_unit", "error", lambda: network("softmax", "mse"), BINARY),
        ("categorical_loss_of_one_unit", "error", lambda: network("sigmoid", CCE), BINARY),
        ("no_probabilities", "error", lambda: network("linear", BCE), BINARY),
        ("no_probabilities", "error", lambda: network("relu", BCE), BINARY),
        ("no_probabilities", "error", lambda: network("tanh", keras.losses.BinaryCrossentropy()), BINARY),
        ("no_probabilities", "error", lambda: network("linear", SPARSE, 3), CLASSES),
        ("no_probabilities", "error", lambda: network(layers.ReLU(), CCE, 3), ONE_HOT),
        ("no_probabilities", "error", lambda: network("relu", keras.losses.BinaryCrossentropy(True)), BINARY),
        (
            "no_probabilities",
            "warning",
            lambda: network("relu", keras.losses.CategoricalCrossentropy(True), 3),
            ONE_HOT,
        ),
        ("logits_of_probabilities", "note", lambda: network("sigmoid", keras.losses.BinaryCrossentropy(True)), BINARY),
        ("categorical_loss_of_sigmoids", "warning", lambda: network("sigmoid", CCE, 3), ONE_HOT),
        ("binary_loss_of_softmax", "note", lambda: network("softmax", BCE, 3), ONE_HOT),
        ("accuracy_of_a_regression", "note", lambda: network("linear", "mse", metrics=["accuracy"]), NUMBERS),
        ("no_nonlinearity", "note", lambda: network("sigmoid", BCE, hidden=None), BINARY),
        ("units_alike", "note", lambda: network("sigmoid", BCE, kernel_initializer="zeros"), BINARY),
        ("learning_rate", "note", lambda: network("sigmoid", BCE, optimizer=keras.optimizers.SGD(10.0)), BINARY),
        ("learning_rate", "note", lambda: network("sigmoid", BCE, optimizer=keras.optimizers.Adam(1e-8)), BINARY),
        ("nothing_trainable", "error", lambda: frozen(), BINARY),
        ("large_weights", "note", lambda: network("sigmoid", BCE, kernel_initializer=normal(10)), BINARY),
        ("hidden_softmax", "note", lambda: network("sigmoid", BCE, hidden="softmax"), BINARY),
        ("heavy_dropout", "note", lambda: dropping(0.95), BINARY),
        ("labels_outside_0_to_1", "error", lambda: network("sigmoid", BCE), 2 * BINARY - 1),
        ("labels_outside_0_to_1", "error", lambda: network("sigmoid", BCE), CLASSES),
        ("labels_no_classes", "error", lambda: network("softmax", SPARSE, 3), CLASSES + 1),
        ("labels_no_classes", "error", lambda: network("softmax", SPARSE, 3), CLASSES + 0.5),
        ("labels_no_classes", "error", lambda: network("softmax", SPARSE, 3), ONE_HOT),
        ("targets_no_distribution", "error", lambda: network("softmax", CCE, 3), CLASSES),
        ("targets_no_distribution", "warning", lambda: network("softmax", CCE, 3), np.ones((64, 3))),
        ("targets_out_of_reach", "error", lambda: network("relu", "mse"), NUMBERS),
        ("targets_out_of_reach", "error", lambda: network("tanh", "mae"), 50 * NUMBERS),
        ("targets_out_of_reach", "error", lambda: network("sigmoid", "huber"), 1 + np.abs(NUMBERS)),
        ("targets_broadcast", "error", lambda: network("linear", "mse", 3), NUMBERS[:, None]),
        ("distance_of_classes", "note", lambda: network("linear", "mse", metrics=["accuracy"]), CLASSES),
        ("distance_of_classes", "note", lambda: network("softmax", "mse", 3), ONE_HOT),
        ("unscaled_targets", "note", lambda: network("linear", "mse"), 1e6 * NUMBERS),
        ("one_class", "error", lambda: network("sigmoid", BCE), np.ones(64)),
        ("one_class", "note", lambda: network("sigmoid", BCE), np.arange(64) < 2),
        ("nonfinite_data", "error", lambda: network("sigmoid", BCE), np.where(np.arange(64) == 5, np.nan, BINARY)),
    ],
)
def test_a_fault_is_named(rule, severity, model, y):
    assert found(model(), y=y).get(rule) == severity


def normal(deviation):
    return keras.initializers.RandomNormal(stddev=deviation)


def frozen():
    model = network("sigmoid", BCE)
    model.trainable = False
    return model


def dropping(rate):
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(8, "relu"), layers.Dropout(rate), layers.Dense(1, "sigmoid")]
    )
    model.compile("adam", BCE)
    return model


def with_inputs(change):
    x = X.copy()
    change(x)
    return x


@pytest.mark.parametrize(
    ("rule", "severity", "x"),
    [
        ("unscaled_inputs", "note", 255 * np.abs(X)),
        ("unscaled_inputs", "note", X * [1.0, 1.0, 1.0, 5000.0]),
        ("unscaled_inputs", "note", 1e-4 * X),
        ("constant_inputs", "error", 0 * X),
        ("constant_inputs", "error", X[:1].repeat(64, axis=0)),
        ("constant_inputs", "note", X * [1.0, 0.0, 1.0, 1.0]),
        ("nonfinite_data", "error", np.where(np.arange(256).reshape(64, 4) == 70, np.inf, X)),
    ],
)
def test_a_fault_of_the_inputs_is_named(rule, severity, x):
    assert found(network("sigmoid", BCE), x).get(rule) == severity


def test_a_nan_is_found_with_its_place():
    x = X.copy()
    x[17, 2] = np.nan
    (finding,) = check(network("sigmoid", BCE), x, BINARY)
    assert finding.seen == "The inputs contain 1 NaN or infinite element, the first in sample 18, feature 3."


def test_sample_weights_of_nothing():
    assert found(network("sigmoid", BCE), sample_weight=np.zeros(64)) == {"no_sample_weight": "error"}
    assert found(network("sigmoid", BCE), sample_weight=np.ones(64)) == {}


def test_layers_of_one_initializer_begin_alike_in_keras_3():
    shared = keras.initializers.RandomUniform(-1, 1, seed=1)
    stack = [layers.Dense(4, "relu", kernel_initializer=shared, name=f"dense_{i}") for i in (1, 2)]
    model = keras.Sequential([keras.Input((4,)), *stack, layers.Dense(1, "sigmoid", name="output")])
    model.compile("adam", BCE)
    (finding,) = check(model, X, BINARY)
    assert (finding.rule, finding.layers) == ("units_alike", ["dense_1", "dense_2"])


@pytest.mark.parametrize("scale", [layers.Rescaling(1 / 255), layers.BatchNormalization(), layers.LayerNormalization()])
def test_inputs_that_the_model_scales_may_be_large(scale):
    model = keras.Sequential([keras.Input((4,)), scale, layers.Dense(8, "relu"), layers.Dense(1, "sigmoid")])
    model.compile("adam", BCE)
    assert found(model, 255 * np.abs(X)) == {}


def test_token_ids_may_be_large():
    model = keras.Sequential(
        [keras.Input((4,)), layers.Embedding(5000, 8), layers.Flatten(), layers.Dense(1, "sigmoid")]
    )
    model.compile("adam", BCE)
    assert found(model, R.randint(0, 5000, (64, 4))) == {}


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = layers.Dense(5), layers.Dense(1, "softmax")

    def call(self, x):
        return self.out(keras.ops.relu(self.hidden(x)))


def nested():
    inner = keras.Sequential([layers.Dense(8, "relu"), layers.Dense(1), layers.Activation("softmax")])
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Reshape((1,))(inner(inputs)))


def apart():
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Softmax()(layers.Dense(1)(layers.Dense(8, "relu")(inputs))))


def subclassed():
    model = Subclassed()
    model(X)
    return model


@pytest.mark.parametrize("build", [nested, apart, subclassed])
def test_the_last_activation_is_found_wherever_it_stands(build):
    model = build()
    model.compile("adam", BCE)
    assert found(model) == {"softmax_over_one_unit": "error"}


def test_operations_between_layers_are_nonlinear():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(1, "sigmoid")(keras.ops.relu(layers.Dense(8)(inputs))))
    model.compile("adam", BCE)
    assert found(model) == {}


def test_labels_in_order_are_seen_in_batches_only():
    """All data at once are a single batch, so `check` says nothing of their order."""
    assert found(network("softmax", SPARSE, 3), y=np.sort(CLASSES)) == {}


def test_one_of_two_inputs_may_be_constant():
    one, two = keras.Input((4,)), keras.Input((4,))
    hidden = layers.Dense(8, "relu")(layers.Concatenate()([one, two]))
    model = keras.Model([one, two], layers.Dense(1, "sigmoid")(hidden))
    model.compile("adam", BCE)
    assert found(model, [X, 0 * X]) == {"constant_inputs": "note"}


def test_two_outputs_are_matched_with_their_targets():
    inputs = keras.Input((4,))
    hidden = layers.Dense(8, "relu")(inputs)
    model = keras.Model(inputs, [layers.Dense(1, "sigmoid")(hidden), layers.Dense(1, "relu")(hidden)])
    model.compile("adam", [BCE, "mse"])
    assert found(model, y=[BINARY, np.abs(NUMBERS)]) == {}
    assert found(model, y=[BINARY, NUMBERS]) == {"targets_out_of_reach": "error"}
    assert found(model, y=[2 * BINARY - 1, np.abs(NUMBERS)]) == {"labels_outside_0_to_1": "error"}


def test_what_is_no_model_of_ours_is_not_judged():
    """A model that was never built tells of its loss and its optimizer only."""
    model = keras.Sequential([layers.Dense(1, "sigmoid")])
    model.compile("adam", BCE)
    assert found(model) == {}


def test_a_dataset_is_looked_at_batch_by_batch():
    tf = pytest.importorskip("tensorflow")
    order = np.argsort(CLASSES, kind="stable")
    data = tf.data.Dataset.from_tensor_slices((X[order], CLASSES[order])).batch(8)
    assert found(network("softmax", SPARSE, 3), data, None) == {"labels_in_order": "note"}
    assert found(network("softmax", SPARSE, 3), data.map(lambda x, y: (x, y - 1)), None) == {
        "labels_no_classes": "error",
        "labels_in_order": "note",
    }


def test_answers_tell_where_the_last_activation_is_not_known():
    """A subclassed model may apply a sigmoid in its `call`; then a linear last layer is right."""

    class Own(keras.Model):
        def __init__(self, last):
            super().__init__()
            self.out, self.last = layers.Dense(1), last

        def call(self, x):
            return self.last(self.out(x))

    for last, expected in ((keras.ops.sigmoid, []), (lambda x: x, ["no_probabilities"])):
        keras.utils.set_random_seed(1)
        model, diagnosis = Own(last), Diagnosis(verbose=0)
        model(X)
        model.compile("adam", BCE)
        assert found(model) == {}
        model.fit(X, BINARY, epochs=1, verbose=0, callbacks=[diagnosis])
        assert [finding.rule for finding in diagnosis.findings] == expected
