"""`Diagnosis` in real trainings: what it says, when, and that it changes nothing."""

import keras
import numpy as np
import pytest

from callbacks import Diagnosis
from callbacks.diagnosis import callback
from callbacks.diagnosis.rules import diagnose as rules_asked
from callbacks.tensorboard import reader


def rules(findings):
    return [finding.rule for finding in findings]


@pytest.fixture(scope="module")
def samples():
    """Inputs of shape (96, 4) and the class of each, which the first input decides."""
    x = np.random.RandomState(0).normal(size=(96, 4)).astype("float32")
    return x, (x[:, 0] > 0).astype("float32")


def network(activation="relu", learning_rate=0.1, **options):
    keras.utils.set_random_seed(3)
    hidden = keras.layers.Dense(8, activation, name="hidden", **options)
    model = keras.Sequential([keras.Input((4,)), hidden, keras.layers.Dense(1, "sigmoid", name="output")])
    model.compile(keras.optimizers.SGD(learning_rate, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)  # otherwise TensorFlow traces the first train step twice
    return model


@pytest.mark.slow
@pytest.mark.xdist_group("tutorial_runs")
def test_the_tutorials_failure_is_found_and_its_success_is_not(tutorial_runs):
    _, diagnoses = tutorial_runs
    assert diagnoses["relu"].findings == []
    vanishing = diagnoses["tanh"].findings[0]
    assert vanishing.rule == "vanishing_gradient"
    assert {"dense_3", "dense_4"} >= {*vanishing.layers}
    norms = diagnoses["tanh"].gradients.history["l2"][vanishing.epoch]
    assert vanishing.epoch == 0
    assert norms.min() / norms.max() < 0.03
    assert vanishing.advice
    assert all(advice.learned >= 27 and advice.seeds == 30 for advice in vanishing.advice)


@pytest.mark.slow
def test_it_changes_nothing(samples, tmp_path):
    trained = []
    for callbacks in ([], [Diagnosis(tmp_path, histogram_freq=1, probe=samples[0], verbose=0)]):
        model = network("tanh")
        history = model.fit(*samples, epochs=4, verbose=0, callbacks=callbacks).history
        trained.append((history, [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]))
    (history, plain), (watched_history, watched) = trained
    assert history == watched_history
    for one, other in zip(plain, watched, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("stop_on", "epochs"),
    [
        ("weights_not_moving", 3),
        pytest.param(["nonfinite"], 12, marks=pytest.mark.slow),
        pytest.param("error", 3, marks=pytest.mark.slow),
    ],
)
def test_stop_on_ends_a_hopeless_training_as_soon_as_the_sign_has_lasted(samples, capsys, stop_on, epochs):
    diagnosis = Diagnosis(stop_on=stop_on)
    history = network(learning_rate=1e-9).fit(*samples, epochs=12, verbose=0, callbacks=[diagnosis])
    assert len(history.epoch) == epochs
    reason = "weights_not_moving" if stop_on == "weights_not_moving" else "learning_rate"  # the cause of that
    is_stopped = f"Training was stopped by stop_on: {reason}." in capsys.readouterr().out
    assert is_stopped == (epochs == 3)


class Spoil(keras.callbacks.Callback):
    """Makes weights of the first unit of the hidden layer NaN as an epoch begins."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            variable = self.model.get_layer("hidden").kernel
            kernel = variable.numpy()
            kernel[:, 0] = np.nan
            variable.assign(kernel)


def relu_of_onednn(x):
    """ReLU, but 0 of NaN, as the fused matmul and ReLU of oneDNN computes it."""
    return keras.ops.where(x > 0, x, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["tanh", relu_of_onednn])
def test_nan_late_in_a_long_training_is_found_in_its_epoch(samples, activation):
    """Whether it reaches the loss or not, and when the rules are asked after every other epoch only."""
    if keras.backend.backend() == "torch" and activation == "tanh":
        pytest.skip("PyTorch refuses to compute the cross-entropy of NaN")
    diagnosis = Diagnosis(stop_on="nonfinite", verbose=0)
    history = network(activation).fit(*samples, epochs=50, verbose=0, callbacks=[Spoil(42), diagnosis])
    assert np.isfinite(history.history["loss"][-1]) == (activation is relu_of_onednn)
    assert len(history.epoch) == 43
    assert rules(diagnosis.findings)[0] == "nonfinite"
    assert diagnosis.findings[0].epoch == 42


@pytest.mark.parametrize(
    ("share", "stop_on", "evaluated"),
    [
        (1e9, (), {1, 2, 3, 4, 5, 6, 7, 8}),
        (1e-9, (), {1, 8}),
        pytest.param(1e-9, "no_gradient", {1, 2, 3, 4, 5, 6, 7, 8}, id="stop_on"),
    ],
)
def test_when_the_rules_are_evaluated(samples, share, stop_on, evaluated, monkeypatch):
    """As often as the time allows that they may take, or with `stop_on` after epochs that depend on no time."""
    diagnose, seen = callback.rules.diagnose, set()
    monkeypatch.setattr(callback, "SHARE_OF_TIME", share)
    monkeypatch.setattr(
        callback.rules, "diagnose", lambda evidence: (seen.add(len(evidence.epochs)), diagnose(evidence))[1]
    )
    network().fit(*samples, epochs=8, verbose=0, callbacks=[Diagnosis(stop_on=stop_on, verbose=0)])
    assert seen - {0} == evaluated


def test_nan_weights_that_never_reach_the_loss_are_found(samples):
    diagnosis = Diagnosis(verbose=0)
    model = network(relu_of_onednn)
    history = model.fit(*samples, epochs=12, verbose=0, callbacks=[Spoil(5), diagnosis]).history
    assert np.isfinite(history["loss"]).all()
    assert diagnosis.gradients.history["nonfinite"].max() == 0
    assert diagnosis.weights.history["nonfinite"][:, 0].tolist() == [0] * 5 + [4] * 7
    (finding,) = diagnosis.findings
    assert (finding.rule, finding.layers, finding.epoch) == ("nonfinite", ["hidden"], 5)
    assert finding.message.startswith("hidden has 4 NaN or infinite weights, since epoch 6.")
    assert "Divide the learning rate of 0.1 by 10" in finding.message


@pytest.mark.slow
def test_what_it_prints(samples, capsys):
    network().fit(*samples, epochs=12, verbose=0, callbacks=[Diagnosis()])
    assert capsys.readouterr().out == "Diagnosis after 12 epochs: nothing found wrong.\n"
    dead = network(bias_initializer=keras.initializers.Constant(-50))
    dead.fit(*samples, epochs=12, verbose=0, callbacks=[Diagnosis(probe=samples[0])])
    printed = capsys.readouterr().out
    assert printed.startswith("Diagnosis after 12 epochs: ")
    assert "\nerror    dead_units: hidden is dead: 100% of its units" in printed
    assert "What cured it alone" in printed
    assert max(map(len, printed.splitlines())) <= 100


def test_a_linear_model_and_a_regression_are_diagnosed_too(samples):
    """The first has no activation to watch, the second no accuracy."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    diagnosis = Diagnosis(probe=samples[0], verbose=0)
    model.fit(*samples, epochs=4, verbose=0, callbacks=[diagnosis])
    assert diagnosis.findings == []
    assert diagnosis.evidence.activations is None
    assert [*diagnosis.evidence.metrics] == ["loss"]
    assert "classes" not in diagnosis.evidence.facts


@pytest.mark.slow
def test_a_second_fit_goes_on_where_the_first_ended_or_starts_anew(samples):
    model, diagnosis = network(), Diagnosis(verbose=0)
    model.fit(*samples, epochs=3, verbose=0, callbacks=[diagnosis])
    model.fit(*samples, epochs=5, initial_epoch=3, verbose=0, callbacks=[diagnosis])
    assert diagnosis.evidence.epochs == [0, 1, 2, 3, 4]
    model.compile(keras.optimizers.SGD(0.1, clipnorm=1.0), "binary_crossentropy")  # the gradient monitor starts anew
    model.fit(*samples, epochs=7, initial_epoch=5, verbose=0, callbacks=[diagnosis])
    assert diagnosis.evidence.epochs == [5, 6]
    model.fit(*samples, epochs=2, verbose=0, callbacks=[diagnosis])
    assert diagnosis.evidence.epochs == [0, 1]


def test_an_unknown_rule_is_named():
    with pytest.raises(ValueError, match="stop_on names no rule 'vanishing'; there are error, nonfinite"):
        Diagnosis(stop_on=["vanishing"])


def skip_where_refused(fault):
    if keras.backend.backend() == "torch" and fault in ("labels", "nan"):
        pytest.skip("PyTorch refuses cross-entropy with such numbers")


def told(findings):
    return [(finding.rule, finding.severity, finding.follows_from, finding.message) for finding in findings]


@pytest.mark.parametrize("fault", ["labels", "nan", "rate", "output"])
def test_event_files_tell_the_same_afterwards(samples, tmp_path, fault):
    skip_where_refused(fault)
    x, y = samples[0].copy(), samples[1]
    model = network(learning_rate=10.0 if fault == "rate" else 0.1)
    if fault == "labels":
        y = 2 * y - 1
    if fault == "nan":
        x[40, 2] = np.nan
    if fault == "output":
        model.compile("sgd", "categorical_crossentropy")
    diagnosis = Diagnosis(tmp_path, verbose=0)
    model.fit(x, y, epochs=10, verbose=0, callbacks=[diagnosis])
    (run,) = reader.runs(tmp_path)
    assert diagnosis.findings
    assert told(rules_asked(run.evidence)) == told(diagnosis.findings)


@pytest.mark.parametrize(("fault", "steps"), [("output", 1), ("labels", 1), ("nan", 3), ("none", 12)])
def test_what_is_plain_at_once_is_said_at_once(samples, capsys, fault, steps):
    """Before the first step, after the first batch or epoch; Keras looks at `stop_training` after each step."""
    skip_where_refused(fault)
    x, y = samples
    model = network()
    if fault == "output":
        model.compile("sgd", "categorical_crossentropy")
    y = 2 * y - 1 if fault == "labels" else y
    x = np.where(np.arange(96)[:, None] == 95, np.nan, x) if fault == "nan" else x  # in the last batch
    count = []
    counter = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: count.append(batch))
    model.fit(x, y, epochs=4, shuffle=False, verbose=0, callbacks=[Diagnosis(stop_on="error"), counter])
    assert len(count) == steps
    printed = capsys.readouterr().out.splitlines()[0]
    assert printed == {
        "output": "Diagnosis before training: 1 error.",
        "labels": "Diagnosis after the first batch: 1 error.",
        "nan": "Diagnosis after the first epoch: 1 error.",
        "none": "Diagnosis after 4 epochs: nothing found wrong.",
    }.get(fault)


def test_labels_in_order_are_seen_in_the_batches(samples):
    x, y = samples
    order = np.argsort(y)
    for shuffle, expected in ((False, ["labels_in_order"]), (True, [])):
        diagnosis = Diagnosis(verbose=0)
        network().fit(x[order], y[order], batch_size=8, shuffle=shuffle, epochs=1, verbose=0, callbacks=[diagnosis])
        assert rules(diagnosis.findings) == expected
