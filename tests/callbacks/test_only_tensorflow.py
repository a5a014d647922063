"""What only Keras on TensorFlow has: distribution strategies, trainers that are no model, steps with a tape.

As in `test_never_in_the_way.py`, the user's training goes on, bit by bit as without the callbacks.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import Input, layers
from keras.src.backend.tensorflow.trainer import TensorFlowTrainer

from callbacks import Diagnosis, GradientMonitor, WeightNormMonitor, backend, gradients
from callbacks._batch_statistics import array_statistics
from callbacks._epoch_end import EpochEnd
from tests.callbacks.same_training import END, Subclassed, X, Y, assert_same_training, fit, sequential


def test_weights_of_which_nobody_saw_the_beginning_have_no_change_in_the_first_epoch():
    class NoOptimizer(Subclassed):
        def train_step(self, data):
            for variable in [self(data[0]), *self.trainable_variables][1:]:
                variable.assign(0.5 * variable)
            return {"loss": 0.0}

    model, monitor = NoOptimizer(), WeightNormMonitor()
    model.compile(optimizer=None, run_eagerly=True)
    _, told = fit(model, monitor, epochs=3, batch_size=24)
    assert told == []
    np.testing.assert_array_equal(np.isnan(monitor.history["l1_change"]), [[True] * 2, [False] * 2, [False] * 2])
    np.testing.assert_allclose(monitor.history["update_ratio"][1:], 0.5, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "inputs"),
    [
        (lambda: tf.distribute.OneDeviceStrategy("CPU:0"), (6,)),
        (lambda: tf.distribute.MirroredStrategy(["CPU:0"]), None),  # built at its first step
    ],
)
def test_distribution_strategies(strategy, inputs):
    def build():
        with strategy().scope():
            return sequential(inputs=inputs)

    diagnosis, plain = Diagnosis(probe=X, verbose=0), Diagnosis(probe=X, verbose=0)
    _, told = assert_same_training(build, diagnosis)
    assert told == []
    fit(sequential(), plain)
    assert diagnosis.evidence.facts["learning_rate"] == 0.05
    for name in ("gradients", "weights", "activations"):
        for quantity, expected in getattr(plain, name).history.items():
            np.testing.assert_allclose(getattr(diagnosis, name).history[quantity], expected, rtol=1e-4, atol=1e-6)


class TrainerOnly(TensorFlowTrainer, layers.Dense):
    """Trains by `fit`, but is no `keras.Model`."""

    def __init__(self):
        layers.Dense.__init__(self, 1, name="dense")
        TensorFlowTrainer.__init__(self)


def trainer_only():
    keras.utils.set_random_seed(5)
    trainer = TrainerOnly()
    trainer.compile(keras.optimizers.SGD(0.05), "mse", run_eagerly=True)
    return trainer


class Overriding(Subclassed):
    """A class of the user's own, with attributes that are not what Keras makes of them."""

    def make_train_function(self):
        self.train_function = self._make_function(self.train_step)

    @property
    def layers(self):
        raise LookupError("the layers are a secret")


def overriding():
    keras.utils.set_random_seed(5)
    model = Overriding()
    model.compile("sgd", "mse", run_eagerly=True)
    return model


def test_a_trainer_that_is_no_model_and_a_class_that_overrides_things():
    diagnosis = Diagnosis(probe=X, verbose=0)
    _, told = assert_same_training(trainer_only, diagnosis)
    assert told == []
    assert diagnosis.gradients.layers == ["dense"]
    diagnosis = Diagnosis(probe=X, verbose=0)
    _, told = assert_same_training(overriding, diagnosis)
    assert told == []
    assert diagnosis.gradients.history["l2"].shape == (2, 2)


# Optimizers that are handed no gradient


class Pair(keras.Model):
    """Trains with two optimizers of its own."""

    def __init__(self):
        super().__init__(name="pair")
        self.first = keras.Sequential([Input((6,)), layers.Dense(4, "tanh", name="a")], name="first")
        self.second = keras.Sequential([Input((4,)), layers.Dense(1, name="b")], name="second")
        self.first_optimizer, self.second_optimizer = keras.optimizers.SGD(0.1), keras.optimizers.Adam()

    def train_step(self, data):
        x, y = data
        with tf.GradientTape(persistent=True) as tape:
            loss = tf.reduce_mean(tf.square(self.second(self.first(x)) - y))
        for part, optimizer in ((self.first, self.first_optimizer), (self.second, self.second_optimizer)):
            optimizer.apply(tape.gradient(loss, part.trainable_variables), part.trainable_variables)
        return {"distance": loss}


def pair(**options):
    keras.utils.set_random_seed(5)
    model = Pair()
    model.compile(run_eagerly=True, **options)
    return model


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "saw no gradient: The optimizer it listened to, RMSprop, was handed none."),
        ({"optimizer": None}, "recorded nothing: Model 'pair' has no optimizer."),
    ],
)
def test_the_optimizer_that_trains_is_another_one(options, reason, capsys, tmp_path, read_tensors):
    monitor, weights = GradientMonitor(), WeightNormMonitor()
    _, told = assert_same_training(lambda: pair(**options), monitor, weights)
    told_how = f"{reason} Name the one that trains the model: `optimizer=model.first_optimizer`. {END}"
    assert told == [f"GradientMonitor {told_how}"]
    assert np.isnan(monitor.history["l2"]).all()
    assert (weights.history["l1_change"] > 0).all()

    diagnosis = Diagnosis(tmp_path)
    _, told = fit(pair(**options), diagnosis, epochs=4)
    assert told == [f"Diagnosis is incomplete: GradientMonitor {told_how}"]
    assert capsys.readouterr().out == "The diagnosis is incomplete: see the warning.\n"
    assert diagnosis.evidence.gradients is None
    for text in read_tensors(tmp_path)["diagnosis/report"].values():
        assert text[0].decode().startswith("The diagnosis is incomplete: GradientMonitor")


def test_diagnosis_takes_the_optimizer_to_listen_to(capsys):
    model = pair()
    diagnosis = Diagnosis(optimizer=model.second_optimizer)
    _, told = fit(model, diagnosis)
    assert told == []
    assert diagnosis.gradients.layers == ["second/b"]
    assert diagnosis.evidence.facts["optimizer"] == "Adam"
    assert capsys.readouterr().out == "Diagnosis after 2 epochs: nothing found wrong.\n"
    with pytest.raises(ValueError, match="optimizer must be a Keras optimizer"):
        Diagnosis(optimizer="adam")


def test_an_optimizer_that_is_heard_later_is_heard():
    class Later(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.trains = epoch > 0

    class Sometimes(Subclassed):
        def train_step(self, data):
            return super().train_step(data) if self.trains else {"loss": tf.reduce_mean(self(data[0]))}

    model, monitor = Sometimes(), GradientMonitor()
    model.compile("sgd", "mse", run_eagerly=True)
    _, told = fit(model, Later(), monitor)
    assert told == []
    assert np.isnan(monitor.history["l2"][0]).all()
    assert (monitor.history["l2"][1] > 0).all()


# What a step that is traced does not know


def test_variables_have_no_values_while_the_step_that_makes_them_is_traced():
    model, had_values = keras.Sequential([layers.Dense(1)]), []

    @tf.function(autograph=False)  # as Keras traces a step
    def step(x):
        output = model(x)
        with tf.init_scope():
            had_values.append(backend.have_values(model.variables))
        return output

    step(tf.ones((1, 2)))
    assert had_values == [False, True]


def test_sampling_learns_the_number_of_steps_from_a_generator():
    monitor = GradientMonitor(sampled_steps=3)
    signature = (tf.TensorSpec((24, 6), tf.float32), tf.TensorSpec((24, 1), tf.float32))
    data = tf.data.Dataset.from_generator(lambda: iter([(X, Y)] * 10), output_signature=signature)
    sequential().fit(data, epochs=3, verbose=0, callbacks=[monitor])
    assert monitor.sampled_steps_history.tolist() == [10, 3, 3]


class HeadOrAll(keras.Model):
    """Hands the optimizer the last layer's gradients only, as some schedules of fine-tuning do, or all."""

    head_only = True

    def train_step(self, data):
        x, y = data
        variables = (self.layers[-1] if self.head_only else self).trainable_variables
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return {"loss": loss}


def head_or_all():
    inputs = Input((6,))
    hidden = layers.Dense(5, "tanh", name="dense_2")(layers.Dense(5, "tanh", name="dense_1")(inputs))
    model = HeadOrAll(inputs, layers.Dense(1, name="dense_3")(hidden))
    model.compile("sgd", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def test_layers_are_those_whose_gradients_the_optimizer_was_handed_in_some_epoch(tmp_path, read_tensors):
    model, monitor = head_or_all(), GradientMonitor(tmp_path)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[monitor])
    assert monitor.layers == ["dense_3"]
    head = monitor.history["l2"]
    assert head.shape == (2, 1)

    model.head_only = False
    model.fit(X, Y, epochs=3, initial_epoch=2, verbose=0, callbacks=[monitor])
    assert monitor.layers == ["dense_1", "dense_2", "dense_3"]
    np.testing.assert_array_equal(monitor.history["l2"][:2, 2:], head)
    assert (monitor.history["l2"][2] > 0).all()

    model.head_only = True
    model.fit(X, Y, epochs=4, initial_epoch=3, verbose=0, callbacks=[monitor])
    assert monitor.layers == ["dense_1", "dense_2", "dense_3"]
    for values in monitor.history.values():  # NaN, and not 0, in an epoch in which the kernel was not handed over
        np.testing.assert_array_equal(np.isnan(values), [[True, True, False]] * 2 + [[False] * 3, [True, True, False]])

    written = read_tensors(tmp_path)
    for epoch, recorded in enumerate(monitor.history["l2"]):
        np.testing.assert_array_equal(written["layers/gradient_l2"][epoch], recorded.astype("float32"))
    assert {*written["gradient_abs_mean/dense_1"]} == {2, 3}
    assert {*written["gradient_abs_mean/dense_3"]} == {0, 1, 2, 3}


@pytest.mark.parametrize("shape", [(32, 3), (32,), (32, 5, 4)])
def test_nothing_in_a_compiled_step_is_cut_or_shaped_by_what_was_computed(shape):
    """XLA compiles a step anew for each value of such a number, which took seconds in every epoch."""
    graph = tf.function(array_statistics).get_concrete_function(tf.TensorSpec(shape)).graph
    cut = [operation for operation in graph.get_operations() if operation.type in ("StridedSlice", "Slice", "Reshape")]
    assert cut
    for operation in cut:
        assert all(tf.get_static_value(place) is not None for place in operation.inputs[1:]), operation.name


# How TensorFlow computes what the callbacks look at


@pytest.mark.slow
def test_the_scales_of_batch_normalization_are_trained_the_same():
    """TensorFlow computes their gradients in another way where operations of ours wait for them."""
    images, classes = np.random.RandomState(1).rand(16, 32, 32, 3), np.arange(16) % 4

    def build():
        keras.utils.set_random_seed(1)
        model = keras.applications.MobileNet((32, 32, 3), alpha=0.25, weights=None, classes=4)
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    _, told = assert_same_training(build, GradientMonitor(), x=images, y=classes, epochs=1)
    assert told == []


def test_what_xla_cannot_compile_is_read_without_it():
    """Where XLA compiles the train step it compiles what is read too, but knows no strings."""
    model = sequential(jit_compile=True)
    end = EpochEnd(model)
    end.add("strings", backend.compiled([], lambda: tf.strings.length(tf.strings.as_string(tf.random.uniform([3])))))
    end.add("numbers", backend.compiled([], lambda: tf.zeros([2])))
    for _ in range(2):
        end.forget()
        assert (end.read("strings") > 0).all()
        assert end.read("numbers").tolist() == [0, 0]


@pytest.mark.parametrize(
    ("optimizer", "dtype", "built"),
    [
        ("adam", "float32", True),
        ("adam", "float32", False),
        pytest.param("sgd", "float32", True, marks=pytest.mark.thorough),
        pytest.param("sgd", "float32", False, marks=pytest.mark.thorough),
        pytest.param("adam", "mixed_float16", True, marks=pytest.mark.thorough),
        pytest.param("adam", "mixed_float16", False, marks=pytest.mark.thorough),
    ],
)
def test_gradients_are_recorded_in_the_trace_that_runs(optimizer, dtype, built, monkeypatch):
    """Adam makes variables in the first trace, so there is a second one; plain SGD makes none."""
    recorded = []
    take_step = gradients._Recorder.take_step
    monkeypatch.setattr(gradients._Recorder, "take_step", lambda *step: (recorded.append(step), take_step(*step)))

    def build():
        return sequential(
            lambda: layers.Dense(5, "tanh", dtype=dtype, name="one"),
            lambda: layers.Dense(1, dtype=dtype, name="two"),
            inputs=(6,) if built else None,
            optimizer=keras.optimizers.get(optimizer),
        )

    plain, watched = build(), build()
    plain.fit(X, Y, epochs=2, verbose=0)
    weights, monitors = WeightNormMonitor(), [GradientMonitor(), GradientMonitor()]
    watched.fit(X, Y, epochs=2, verbose=0, callbacks=[monitors[0], weights, monitors[1]])
    is_traced_once = built or optimizer == "adam"  # variables of the model make a second trace too
    assert len(recorded) == (2 if is_traced_once else 4)
    for monitor in monitors:
        assert monitor.trouble is None
        assert (monitor.history["abs_mean"] > 0).all()
    names = [[one.path.split("/", 1)[1] for one in model.optimizer.variables] for model in (plain, watched)]
    assert names[0] == names[1]


class Positions(layers.Layer):
    """Adds a vector to each position of a sequence, whose length is not known when the step is traced."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(20, shape[-1]), name="kernel")

    def call(self, x):
        return x + tf.slice(self.kernel, [0, 0], [tf.shape(x)[1], 3])


def test_a_gradient_of_unknown_shape():
    inputs = Input((None, 3))
    outputs = layers.Dense(1)(layers.GlobalAveragePooling1D()(Positions(name="positions")(inputs)))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse")
    monitor = GradientMonitor()
    signature = (tf.TensorSpec((None, None, 3)), tf.TensorSpec((None, 1)))
    batches = lambda: iter([(np.ones((8, 5, 3)), np.zeros((8, 1)))])  # noqa: E731
    data = tf.data.Dataset.from_generator(batches, output_signature=signature)
    model.fit(data, verbose=0, callbacks=[monitor])
    assert monitor.trouble is None
    assert monitor.history["zero_fraction"][0, 0] == pytest.approx(15 / 20)


def test_what_was_counted_is_not_lost_when_another_reading_is_added():
    """A reading of counts begins them anew, so that a second one would find nothing."""
    model = sequential(jit_compile=True)
    recording, end = backend.Recording(model), EpochEnd(model)
    counts = recording.accumulator(np.zeros(1), lambda value, step: value + step)
    counts.add(lambda: tf.constant([3.0]))
    end.add("counts", recording.reading([counts]))
    end.add("asks", backend.compiled([], lambda: tf.zeros([2])))
    end.read("asks")
    end.add("late", backend.compiled([], lambda: tf.ones([2])))
    assert end.read("late").tolist() == [1, 1]
    assert end.read("counts")[0].tolist() == [3]
