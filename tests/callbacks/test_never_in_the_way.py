"""Whatever the callbacks do not understand, or do wrong, the user's training goes on, bit by bit as without them.

What they could not see they say in one warning when training ends.
"""

import copy
import pickle
import warnings

import cloudpickle
import keras
import numpy as np
import pytest
from keras import Input, layers

from callbacks import ActivationMonitor, Diagnosis, GradientMonitor, WeightNormMonitor, _elements, batches
from callbacks.keras_internals import kernels
from callbacks.monitor import Monitor
from callbacks.train_function import TrainFunctionTap
from tests.callbacks.same_training import (
    BATCH,
    END,
    R,
    Subclassed,
    X,
    Y,
    assert_same_training,
    eager,
    fit,
    sequential,
)
from tests.callbacks.tape import BACKEND, array, gradients_by_tape, largest_error

# Models that the first step builds


def subclassed():
    keras.utils.set_random_seed(5)
    model = Subclassed()
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse")
    return model


class BuiltByHalf(Subclassed):
    """One layer is built before `fit`, the other by it, and `build` says that all is."""

    def __init__(self):
        super().__init__()
        self.hidden.build((None, 6))

    def build(self, shape):
        self.built = True


def built_by_half():
    keras.utils.set_random_seed(5)
    model = BuiltByHalf()
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse")
    model.build((None, 6))
    return model


UNBUILT = {
    "Sequential without Input": lambda: sequential(inputs=None),
    "run_eagerly": lambda: eager(inputs=None),
    "subclassed": subclassed,
    "built by half": built_by_half,
}
if BACKEND != "torch":
    several = {"jit_compile": True, "steps_per_execution": 2}
    UNBUILT["XLA, several steps at a time"] = lambda: sequential(inputs=None, **several)


def kernel_values(model):
    return [array(kernel) for kernel in kernels(model).values()]


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n != "run_eagerly")) for n in UNBUILT])
def test_a_model_that_the_first_step_builds_is_recorded_from_that_step_on(name):
    build = UNBUILT[name]
    monitors = [GradientMonitor(), WeightNormMonitor(), ActivationMonitor(X)]
    _, told = assert_same_training(build, *monitors)
    assert told == []
    gradient, weight, activation = monitors
    twin = build()
    twin(X[:1])
    assert gradient.layers == weight.layers == list(kernels(twin))
    assert len(gradient.layers) == 2
    assert len(activation.layers) == 1
    assert gradient.sampled_steps_history.tolist() == [3, 3]
    for epoch in range(2):
        before = kernel_values(twin)
        steps = gradients_by_tape(twin, X, Y, BATCH)
        assert largest_error(gradient.history, steps, epoch) < 2e-4
        change = [np.abs(k - old).sum() for k, old in zip(kernel_values(twin), before, strict=True)]
        np.testing.assert_allclose(weight.history["l1_change"][epoch], change, rtol=1e-3)
    for name, facts in gradient.facts["kernels"].items():
        fresh = dict(zip(weight.layers, weight.history["l1"][0] - weight.history["l1_change"][0], strict=True))
        assert facts["mean_weight"] > 0
        assert facts["mean_weight"] * np.prod(facts["shape"]) >= fresh[name]


@pytest.mark.slow
def test_the_diagnosis_knows_the_facts_of_a_model_that_the_first_step_builds():
    diagnosis, built = Diagnosis(verbose=0), Diagnosis(verbose=0)
    fit(sequential(inputs=None), diagnosis)
    fit(sequential(), built)
    assert diagnosis.evidence.facts["kernels"].keys() == built.evidence.facts["kernels"].keys()
    for name, facts in built.evidence.facts["kernels"].items():
        assert diagnosis.evidence.facts["kernels"][name] == facts


# What cannot be told of a model


def test_metrics_that_are_no_numbers(tmp_path, read_tensors):
    classes = np.eye(3)[R.randint(0, 3, 24)]
    build = lambda: eager(  # noqa: E731
        lambda: layers.Dense(3, "softmax"),
        loss="categorical_crossentropy",
        metrics=["accuracy", keras.metrics.F1Score(average=None)],
    )
    diagnosis = Diagnosis(tmp_path, verbose=0)
    _, told = assert_same_training(build, diagnosis, y=classes, validation_data=(X, classes))
    assert told == []
    assert {*diagnosis.evidence.metrics} == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert {*read_tensors(tmp_path)["Summary/loss"]} == {0, 1}


class WithLoss(layers.Layer):
    def call(self, x):
        self.add_loss(keras.ops.mean(keras.ops.square(x)))
        return x


@pytest.mark.slow
@pytest.mark.parametrize(
    "stack",
    [
        [lambda: layers.Dense(5, "relu", activity_regularizer="l2"), lambda: layers.Dense(1)],
        [lambda: layers.Dense(5, "relu"), WithLoss, lambda: layers.Dense(1)],
    ],
)
def test_losses_that_are_symbolic_in_a_second_fit_or_after_evaluate(stack):
    def build():
        model = sequential(*stack)
        model.evaluate(X, Y, verbose=0)
        fit(model)
        return model

    diagnosis = Diagnosis(probe=X, verbose=0)
    _, told = assert_same_training(build, diagnosis)
    assert told == []
    assert diagnosis.evidence.epochs == [0, 1]


@pytest.mark.skipif(not hasattr(keras.optimizers, "OptimizerMap"), reason="Keras 3.13 cannot make one")
def test_an_optimizer_made_of_several():
    def build():
        choice = keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.05), {"one.*": keras.optimizers.Adam()})
        return eager(optimizer=keras.optimizers.MultiOptimizer(choice))

    diagnosis = Diagnosis(verbose=0)
    model, told = assert_same_training(build, diagnosis)
    with pytest.raises(AttributeError):
        _ = model.optimizer.learning_rate
    assert told == []
    assert diagnosis.gradients.layers == list(kernels(model))
    assert (diagnosis.gradients.history["l2"] > 0).all()


@pytest.mark.parametrize("axis", [1, (1, 2)])
def test_a_softmax_over_an_axis_of_unknown_length(axis):
    stack = [lambda: layers.Dense(4), lambda: layers.Softmax(axis), layers.GlobalMaxPooling1D, lambda: layers.Dense(1)]
    x = R.normal(size=(24, 5, 3)).astype("float32")
    monitor = ActivationMonitor(x)
    _, told = assert_same_training(lambda: eager(*stack, inputs=(None, 3)), monitor, x=x)
    assert told == []
    assert len(monitor.layers) == 1
    assert monitor.history["mean"].shape == (2, 1)


@pytest.mark.skipif(BACKEND == "torch", reason="Keras on PyTorch cannot train this model")
def test_the_states_of_a_recurrent_network_stay_as_training_left_them():
    x = R.normal(size=(24, 5, 2)).astype("float32")

    def build():
        keras.utils.set_random_seed(5)
        stack = [layers.LSTM(3, stateful=True, name="lstm"), layers.Dropout(0.5), layers.Dense(1)]
        model = keras.Sequential([Input(batch_shape=(BATCH, 5, 2)), *stack])
        model.compile("sgd", "mse", run_eagerly=True)
        return model

    monitor, other_size = ActivationMonitor(x[:BATCH]), ActivationMonitor(x[:5])
    model, told = assert_same_training(build, monitor, other_size, x=x)
    assert BACKEND == "jax" or any(np.any(array(state)) for state in model.layers[0].states)
    assert monitor.history["mean"].shape == (2, 1)
    assert other_size.epochs == []
    (sentence,) = told
    assert sentence.startswith("ActivationMonitor recorded nothing: ValueError: ")
    assert "Expected batch size: 8" in sentence
    assert sentence.endswith(END)
    assert "\n" not in sentence


class Sampling(layers.Layer):
    """Draws random numbers in inference too."""

    def __init__(self):
        super().__init__()
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x):
        return x + keras.random.normal(keras.ops.shape(x), seed=self.seeds)


def test_the_probe_draws_no_random_numbers_of_the_model():
    assert_same_training(
        lambda: eager(lambda: layers.Dense(4, "relu"), Sampling, lambda: layers.Dense(1)), ActivationMonitor(X)
    )


def quantized(*calls):
    def build():
        model = eager()
        for call in calls:
            call(model)
        model.compile("sgd", "mse", run_eagerly=True)
        return model

    return build


def quantize(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an Input has nothing to quantize
        model.quantize("int8")


def enable_lora(model):
    for layer in model.layers:
        layer.enable_lora(1)


@pytest.mark.slow
def test_quantized_layers():
    diagnosis = Diagnosis(probe=X, verbose=0)
    _, (sentence,) = assert_same_training(quantized(quantize), diagnosis)
    assert sentence == (
        "Diagnosis is incomplete: GradientMonitor and WeightNormMonitor recorded nothing: Model 'model' has no kernel "
        "to watch, that is no trainable variable of rank 2 or more: leave at least one such layer trainable. "
        "ActivationMonitor recorded nothing: All layers with an activation are quantized: their outputs are not seen. "
        "Training was not affected."
    )
    assert diagnosis.evidence.metrics["loss"].shape == (2,)

    monitors = [GradientMonitor(), WeightNormMonitor()]
    _, told = assert_same_training(quantized(enable_lora, quantize), *monitors)
    assert told == []
    assert monitors[0].layers == monitors[1].layers
    assert monitors[0].layers[:2] == ["one/lora_kernel_a", "one/lora_kernel_b"]
    assert monitors[0].history["l2"].shape == (2, 4)

    activations = ActivationMonitor(X)
    assert assert_same_training(quantized(enable_lora), activations)[1] == []
    assert activations.layers == ["one"]


def test_a_model_without_kernels(capsys):
    build = lambda: eager(layers.LayerNormalization, layers.ReLU)  # noqa: E731
    monitors = [GradientMonitor(), WeightNormMonitor(), ActivationMonitor(X)]
    _, told = assert_same_training(build, *monitors, y=X)
    assert [sentence.split()[0] for sentence in told] == ["GradientMonitor", "WeightNormMonitor"]
    assert all("recorded nothing: Model 'model' has no kernel to watch" in sentence for sentence in told)
    assert [monitor.epochs for monitor in monitors] == [[], [], [0, 1]]
    assert monitors[0].history["l2"].shape == (0, 0)
    _, (sentence,) = fit(build(), Diagnosis(), y=np.abs(X))
    assert sentence.startswith("Diagnosis is incomplete: GradientMonitor and WeightNormMonitor recorded nothing: Model")
    assert capsys.readouterr().out == "The diagnosis is incomplete: see the warning.\n"


# Faults of our own


MONITORS = {
    "GradientMonitor": lambda: GradientMonitor(),
    "WeightNormMonitor": lambda: WeightNormMonitor(),
    "ActivationMonitor": lambda: ActivationMonitor(X),
    "Diagnosis": lambda: Diagnosis(probe=X, verbose=0),
}
HOOKS = ("_train_begin", "_epoch_begin", "_epoch_end", "_train_end")


def broken(make, hook, error):
    """A callback that raises in a hook, the second time where there are several."""
    callback, calls = make(), []
    works = getattr(callback, hook)

    def breaks(*arguments):
        calls.append(arguments)
        if len(calls) == 2 or hook in ("_train_begin", "_train_end"):
            raise error
        return works(*arguments)

    setattr(callback, hook, breaks)
    return callback


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("name", MONITORS)
def test_a_fault_in_any_hook_ends_no_training(name, hook):
    callback, beside = broken(MONITORS[name], hook, LookupError("a fault\nof two lines")), GradientMonitor()
    model, told = assert_same_training(eager, callback, beside)
    happened = "recorded nothing" if hook == "_train_begin" else "failed after epoch"
    (sentence,) = told
    assert sentence.startswith(f"{name} {happened}")
    assert sentence.endswith(f": LookupError: a fault of two lines. {END}")
    assert beside.history["l2"].shape == (2, 2)

    delattr(callback, hook)  # and the next `fit` is watched again
    _, told = fit(model, callback)
    assert told == []
    assert callback.trouble is None
    watching = callback.gradients if name == "Diagnosis" else callback
    assert watching.epochs == [0, 1]


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("name", MONITORS)
def test_ctrl_c_passes(name, hook):
    callback = broken(MONITORS[name], hook, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        fit(eager(), callback)


def test_no_callback_has_hooks_beside_the_guarded_ones():
    for callback in (Monitor, GradientMonitor, WeightNormMonitor, ActivationMonitor, Diagnosis):
        own = {name for name in vars(callback) if name.startswith("on_")}
        assert own <= ({"on_epoch_begin"} if callback is Monitor else set())


@pytest.mark.parametrize("build", [eager, pytest.param(sequential, marks=pytest.mark.slow)])
def test_a_fault_while_a_step_is_traced_leaves_the_step_as_it_was(build, monkeypatch):
    def statistics(*arguments):
        keras.Variable(0.0)  # which a step that TensorFlow traces must not make
        raise LookupError("no statistics today")

    monkeypatch.setattr(_elements, "gradient_statistics", statistics)
    monitor, weights = GradientMonitor(), WeightNormMonitor()
    _, told = assert_same_training(build, monitor, weights)
    assert told[0].startswith("GradientMonitor recorded nothing: ")
    assert len(told) == 1
    assert monitor.epochs == []
    assert weights.epochs == [0, 1]


def test_a_fault_of_the_diagnosis_in_a_step_leaves_the_step_as_it_was(monkeypatch):
    def statistics(*arguments):
        raise LookupError("no statistics today")

    monkeypatch.setattr(batches, "array_statistics", statistics)
    diagnosis = Diagnosis(probe=X, verbose=0)
    _, told = assert_same_training(eager, diagnosis)
    assert told == [f"Diagnosis recorded nothing: LookupError: no statistics today. {END}"]


def test_nothing_is_said_before_training_of_a_model_that_is_not_built(capsys):
    """Half of it is built and frozen; what is to be trained comes with the first step."""

    def build():
        keras.utils.set_random_seed(5)
        frozen = layers.Dense(5, "relu", trainable=False)
        frozen.build((None, 6))
        return eager(lambda: frozen, lambda: layers.Dense(1), inputs=None)

    diagnosis = Diagnosis()
    _, told = assert_same_training(build, diagnosis)
    assert told == []
    assert capsys.readouterr().out == "Diagnosis after 2 epochs: nothing found wrong.\n"
    assert diagnosis.evidence.facts["trainable_variables"] == 2


def test_ctrl_c_and_the_users_own_exceptions_pass_out_of_a_step(monkeypatch):
    class Failing(Subclassed):
        def train_step(self, *arguments):
            super().train_step(*arguments)
            raise LookupError("the user's own")

    model = Failing()
    model.compile("sgd", "mse", run_eagerly=True)
    with pytest.raises(LookupError, match="the user's own"):
        fit(model, Diagnosis(probe=X))
    assert not isinstance(model.train_function, TrainFunctionTap)

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(_elements, "gradient_statistics", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fit(eager(), GradientMonitor())


def test_a_monitor_that_fails_under_a_diagnosis_is_left_out_of_it(capsys, monkeypatch):
    diagnosis = Diagnosis(probe=X)
    diagnosis.activations = broken(MONITORS["ActivationMonitor"], "_look", LookupError("a fault"))
    diagnosis.activations.warns = False
    _, told = fit(eager(), diagnosis, epochs=5)
    assert told == [f"Diagnosis is incomplete: ActivationMonitor failed after epoch 1: LookupError: a fault. {END}"]
    assert diagnosis.evidence.epochs == [0, 1, 2, 3, 4]
    assert diagnosis.evidence.activations is None
    assert "nothing found wrong" not in capsys.readouterr().out


def test_a_directory_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("no directory")
    monitors = [GradientMonitor(tmp_path / "file" / "run"), WeightNormMonitor(tmp_path / "file" / "run")]
    _, told = assert_same_training(eager, *monitors)
    (sentence,) = told
    assert "cannot be written" in sentence
    assert "Training goes on" in sentence
    assert [monitor.epochs for monitor in monitors] == [[0, 1], [0, 1]]


# Copies of used callbacks


class Interrupt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


COPIES = {
    "pickle": lambda callback: pickle.loads(pickle.dumps(callback)),
    "cloudpickle": lambda callback: pickle.loads(cloudpickle.dumps(callback)),
    "deepcopy": copy.deepcopy,
}


@pytest.mark.slow
@pytest.mark.parametrize("is_interrupted", [False, True])
@pytest.mark.parametrize("name", MONITORS)
def test_used_callbacks_can_be_copied(name, is_interrupted, tmp_path):
    callback = MONITORS[name]()
    for monitor in (callback, getattr(callback, "gradients", callback)):
        monitor.log_dir = tmp_path
    try:
        fit(eager(), callback, *[Interrupt()] * is_interrupted, epochs=3)
    except KeyboardInterrupt:
        assert is_interrupted
    watching = lambda callback: getattr(callback, "weights", callback)  # noqa: E731
    for make_copy in COPIES.values():
        copied = make_copy(callback)
        assert watching(copied).epochs == watching(callback).epochs == ([0, 1] if is_interrupted else [0, 1, 2])
        assert watching(copied).layers == watching(callback).layers
        for quantity, expected in watching(callback).history.items():
            np.testing.assert_array_equal(watching(copied).history[quantity], expected)
        if name == "Diagnosis":
            assert copied.findings == callback.findings
            assert copied.evidence.epochs == callback.evidence.epochs
        assert fit(eager(), copied)[1] == []
        assert watching(copied).epochs == [0, 1]
