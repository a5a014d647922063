"""Each rule on statistics made by hand: where it speaks, and next to it where it must not."""

import dataclasses
import inspect
import json

import keras
import numpy as np
import pytest

from callbacks.diagnosis.finding import DEFAULT_RATES, Finding
from callbacks.diagnosis.rules import EXPLAINS, RULES, diagnose, in_order
from callbacks.evidence import Evidence, MonitorRecord

LAYERS = ["dense_1", "dense_2", "dense_3", "dense_4"]
EPOCHS = 20


def training(activation="tanh", loss=None, accuracy=None, probe=True, nonfinite_weights=0.0, **changed):
    """The evidence of a healthy training of 20 epochs, but for what is changed, arrays that broadcast to (20, 4)."""
    ones = np.ones((EPOCHS, 4))

    def record(**usual):
        return MonitorRecord([*LAYERS], {name: ones * changed.get(name, value) for name, value in usual.items()})

    metrics = {"loss": np.linspace(0.69, 0.2, EPOCHS) if loss is None else np.asarray(loss, float)}
    metrics["accuracy"] = np.linspace(0.5, 0.95, EPOCHS) if accuracy is None else np.asarray(accuracy, float)
    kernels = {name: {"activation": activation, "mean_weight": 0.5} for name in LAYERS}
    weights = record(l1=10.0, l1_change=0.1, update_ratio=0.01)
    weights.history["nonfinite"] = ones * nonfinite_weights
    return Evidence(
        list(range(EPOCHS)),
        metrics,
        record(abs_mean=0.05, l2=0.3, zero_fraction=0.0, nonfinite=0.0),
        weights,
        record(saturated_fraction=0.1, dead_fraction=np.nan) if probe else None,
        facts={
            "planned_epochs": EPOCHS,
            "kernels": kernels,
            "outputs": [{"units": 1, "activation": "sigmoid", "loss": "binary_crossentropy", "from_logits": False}],
        },
    )


FLAT = np.full(EPOCHS, 0.6930)
CHANCE_LEVEL = np.full(EPOCHS, 0.5) + 0.01 * (-1.0) ** np.arange(EPOCHS)


def rules(evidence):
    return [finding.rule for finding in diagnose(evidence)]


def test_a_healthy_training_is_left_alone():
    assert rules(training()) == []
    assert rules(training(probe=False)) == []


def test_vanishing_gradient_in_the_middle_of_the_network():
    (finding,) = diagnose(training(l2=[0.3, 0.002, 0.001, 0.3], abs_mean=[0.05, 2e-4, 1e-4, 0.05], loss=FLAT))[:1]
    assert finding.rule == "vanishing_gradient"
    assert finding.severity == "error"
    assert finding.layers == ["dense_2", "dense_3"]
    assert finding.epoch == 0
    assert finding.statistics["norm_smallest_over_largest"] == pytest.approx(1 / 300)
    assert "dense_3 is 300 times smaller than that of dense_1 (L2 norm 0.001 against 0.3)" in finding.message


def test_what_a_network_has_already_is_not_advised():
    def advised(initializer, activation="relu", normalizations=()):
        evidence = training(activation, l2=[0.3, 0.002, 0.001, 0.3], abs_mean=[0.05, 2e-4, 1e-4, 0.05], loss=FLAT)
        for kernel in evidence.facts["kernels"].values():
            kernel["initializer"] = initializer
        evidence.facts.update({"normalizations": [*normalizations], "learning_rate": 0.01})
        finding = diagnose(evidence)[0]
        assert finding.rule == "vanishing_gradient"
        return finding.message.rpartition("has not learned. ")[2], {one.remedy for one in finding.advice}

    sentence, cures = advised("RandomUniform", "tanh")
    assert sentence.startswith("Use tanh with Glorot or ReLU with He initial weights, not sigmoid, or add layer norm")
    assert {"Glorot uniform weights", "layer normalization after each hidden layer"} <= cures
    sentence, cures = advised("RandomUniform", "tanh", ["LayerNormalization"])
    assert sentence == "Use tanh with Glorot or ReLU with He initial weights, not sigmoid."
    assert "Glorot uniform weights" in cures
    assert not any("normalization" in one for one in cures)
    sentence, cures = advised("GlorotUniform", "tanh")
    assert sentence == "Add layer normalization or residual connections, or use fewer layers."
    assert "orthogonal weights" in cures
    assert "Glorot uniform weights" not in cures
    sentence, cures = advised("HeUniform", "relu", ["LayerNormalization"])
    assert sentence.startswith("Try a tenth of the learning rate of 0.01, larger batches, ")
    assert not cures  # nothing was tried on such a network


def test_vanishing_gradient_only_counts_where_nothing_is_learned():
    assert rules(training(l2=[0.001, 0.3, 0.3, 0.3])) == []
    assert "vanishing_gradient" not in rules(training(l2=[0.02, 0.3, 0.3, 0.3], loss=FLAT))


@pytest.mark.parametrize("bad", [1, 2])
def test_a_sign_of_one_or_two_epochs_is_no_evidence(bad):
    l2, dead, saturated, still = (np.full((EPOCHS, 4), usual) for usual in (0.3, 0.0, 0.1, 0.01))
    l2[5 : 5 + bad, 1] = 0.0001
    dead[-bad:, 1], saturated[-bad:, 1], still[-bad:] = 1.0, 1.0, 0.0
    found = rules(training(l2=l2, dead_fraction=dead, saturated_fraction=saturated, update_ratio=still, loss=FLAT))
    assert {"vanishing_gradient", "dead_units", "saturated", "weights_not_moving"}.isdisjoint(found)


def test_a_gradient_of_zero_is_a_dead_layer_behind_relu_and_a_vanished_one_behind_tanh():
    zero = {"l2": [0.0, 0.0, 0.3, 0.3], "abs_mean": [0.0, 0.0, 0.05, 0.05], "zero_fraction": [1.0, 1.0, 0.0, 0.0]}
    without_probe = {"loss": FLAT, "probe": False, **zero}
    assert rules(training("relu", **without_probe))[:1] == ["dead_units"]
    assert "vanishing_gradient" not in rules(training("relu", **without_probe))
    found = diagnose(training("tanh", **without_probe))
    assert found[0].rule == "vanishing_gradient"
    assert "exactly zero" in found[0].message


def test_dead_and_saturated_layers_are_errors_only_where_nothing_is_learned():
    for sign in ({"dead_fraction": [0, 1.0, 0, 0]}, {"saturated_fraction": [0, 0.95, 0, 0]}):
        (learns,) = diagnose(training(**sign))
        assert learns.severity == "warning"
        assert learns.layers == ["dense_2"]
        assert diagnose(training(**sign, loss=FLAT, accuracy=CHANCE_LEVEL))[0].severity == "error"
    assert rules(training(dead_fraction=0.8, saturated_fraction=0.85)) == []


def test_the_last_layer_may_be_saturated():
    assert rules(training(saturated_fraction=[0.1, 0.1, 0.1, 1.0])) == []


def test_exploding_gradient_is_measured_against_the_weights():
    assert "exploding_gradient" in rules(training(abs_mean=[0.1, 6.0, 0.1, 0.1], loss=FLAT))
    assert "exploding_gradient" not in rules(training(abs_mean=[0.1, 4.0, 0.1, 0.1], loss=FLAT))
    assert rules(training(abs_mean=600.0)) == []  # large numbers to predict, and it learns


def test_a_kernel_that_begins_at_zero_does_not_explode():
    evidence = training(abs_mean=[0.1, 6.0, 0.1, 0.1], loss=FLAT)
    evidence.facts["kernels"]["dense_2"]["mean_weight"] = 0.0
    assert "exploding_gradient" not in rules(evidence)


def test_nonfinite_speaks_at_once_and_names_the_layers():
    evidence = training(nonfinite=[0, 3, 0, 0], loss=[np.nan] * EPOCHS).until(1)
    (finding,) = diagnose(evidence)
    assert finding.rule == "nonfinite"
    assert finding.layers == ["dense_2"]
    assert json.loads(json.dumps(finding.as_dict(), allow_nan=False))["statistics"]["loss"] is None


def test_weights_that_are_not_finite_are_a_finding_though_loss_and_gradients_are_finite():
    """With oneDNN on, a NaN in the kernel of a ReLU layer reaches neither."""
    nonfinite = np.zeros((EPOCHS, 4))
    nonfinite[10:, 2] = 20
    (finding,) = diagnose(training("relu", nonfinite_weights=nonfinite))
    assert (finding.rule, finding.severity, finding.layers, finding.epoch) == ("nonfinite", "error", ["dense_3"], 10)
    assert finding.statistics["nonfinite_weights"] == 20
    assert finding.seen == "dense_3 has 20 NaN or infinite weights, since epoch 11."
    nonfinite[15:, 3] = 1
    (finding,) = diagnose(training("relu", nonfinite_weights=nonfinite))
    assert finding.layers == ["dense_3", "dense_4"]
    assert finding.seen == "dense_3, dense_4 have 21 NaN or infinite weights, since epoch 11."
    nonfinite[-1] = 0  # as where a checkpoint was restored
    assert rules(training("relu", nonfinite_weights=nonfinite)) == []


def test_event_files_of_older_versions_do_not_count_weights():
    evidence = training(loss=[np.nan] * EPOCHS, nonfinite=[0, 3, 0, 0])
    del evidence.weights.history["nonfinite"]
    assert rules(evidence) == ["nonfinite"]


def test_a_network_full_of_nan_is_not_said_to_vanish_or_to_stand_still():
    nan = np.nan
    gradients = {"abs_mean": nan, "l2": nan, "zero_fraction": nan, "nonfinite": 5}
    weights = {"l1": nan, "update_ratio": nan, "nonfinite_weights": 5}
    assert rules(training(**gradients, **weights, loss=[nan] * EPOCHS)) == ["nonfinite"]


def test_weights_that_do_not_move():
    found = diagnose(training(update_ratio=1e-7, loss=FLAT, accuracy=CHANCE_LEVEL))
    assert [finding.rule for finding in found] == ["weights_not_moving", "loss_not_falling", "accuracy_at_chance"]
    assert "weights_not_moving" in rules(training(update_ratio=np.nan, l1=0.0, loss=FLAT))
    assert rules(training(update_ratio=1e-7)) == []  # a rate that decayed to nothing after the network had learned
    assert "weights_not_moving" not in rules(training(update_ratio=[1e-7, 1e-7, 1e-7, 1e-3], loss=FLAT))


def test_updates_too_large():
    leap = np.full((EPOCHS, 4), 0.01)
    leap[1] = 30
    found = diagnose(training(update_ratio=leap, loss=FLAT, accuracy=CHANCE_LEVEL))
    assert found[0].rule == "updates_too_large"
    assert found[0].epoch == 1
    assert rules(training(update_ratio=leap)) == []


def test_a_symptom_comes_without_advice_of_its_own_where_its_cause_is_found():
    cause, *symptoms = diagnose(training(l2=[0.001, 0.3, 0.3, 0.3], loss=FLAT, accuracy=CHANCE_LEVEL))
    assert cause.rule == "vanishing_gradient"
    assert cause.advice
    assert [finding.advice for finding in symptoms] == [[], []]
    assert [finding.follows_from for finding in symptoms] == ["vanishing_gradient"] * 2
    slow = training(loss=FLAT)
    assert diagnose(slow)[0].advice == []  # the experiment was about a learning rate that is too small
    slow.facts.update({"optimizer": "SGD", "learning_rate": 0.0001})
    assert diagnose(slow)[0].advice


def test_loss_not_falling_waits_and_sees_a_slow_fall():
    assert "loss_not_falling" in rules(training(loss=FLAT))
    assert "loss_not_falling" not in rules(training(loss=FLAT).until(7))
    assert rules(training(loss=np.linspace(0.693, 0.665, EPOCHS))) == []
    assert "loss_not_falling" in rules(training(loss=np.linspace(5.0, 4.99, EPOCHS)))


def test_loss_oscillating():
    oscillating = 0.5 + 0.1 * (-1.0) ** np.arange(EPOCHS)
    assert rules(training(loss=oscillating)) == ["loss_oscillating"]
    assert rules(training(loss=0.5 + 0.005 * (-1.0) ** np.arange(EPOCHS))) == []
    falling = 0.69 + np.cumsum(np.tile([-0.066, 0.001], EPOCHS // 2))
    assert rules(training(loss=falling)) == []  # turns in every epoch, but the large steps all go down


def test_accuracy_at_chance():
    (finding,) = diagnose(training(accuracy=CHANCE_LEVEL))
    assert finding.rule == "accuracy_at_chance"
    assert finding.advice == []
    assert rules(training(accuracy=np.full(EPOCHS, 0.496))) == ["accuracy_contradicts_loss", "accuracy_at_chance"]
    assert rules(training(accuracy=np.full(EPOCHS, 0.998))) == []  # converged
    assert "accuracy_at_chance" in rules(training(accuracy=np.full(EPOCHS, 0.9), loss=FLAT))  # nine in ten of one class


def test_rules_do_with_what_there_is():
    full = training(loss=FLAT)
    assert diagnose(Evidence([], {})) == []
    assert diagnose(Evidence(full.epochs, {}, full.gradients)) == []
    assert diagnose(Evidence(full.epochs, {}, weights=full.weights)) == []
    assert diagnose(Evidence(full.epochs, {}, activations=full.activations)) == []
    assert rules(Evidence(full.epochs, full.metrics)) == ["loss_not_falling"]


def test_biases_of_rank_2_are_no_kernels():
    evidence = training(l2=[0.3, 1e-9, 0.3, 0.3], loss=FLAT)
    assert "vanishing_gradient" in rules(evidence)
    evidence.gradients.layers[:] = ["a", "attention/key/bias", "b", "c"]
    assert "vanishing_gradient" not in rules(evidence)


def with_predictions(evidence, lowest, highest, spread):
    """The evidence with the answers of one output, the same in every epoch."""
    values = {"lowest": lowest, "highest": highest, "spread": spread}
    history = {name: np.full((EPOCHS, 1), float(value)) for name, value in values.items()}
    return dataclasses.replace(evidence, predictions=MonitorRecord(["predictions"], history))


def test_the_same_answer_to_every_input_is_said_where_it_was_seen():
    flat = training(loss=FLAT)
    assert "predictions_alike" not in rules(flat)
    assert "predictions_alike" in rules(with_predictions(flat, 0.5, 0.5, 0.0))
    assert "predictions_alike" not in rules(with_predictions(flat, 0.4, 0.6, 0.05))
    assert "predictions_alike" not in rules(with_predictions(flat, np.inf, -np.inf, 0.0))  # all of them are NaN
    assert "predictions_alike" not in rules(with_predictions(flat, 0.5, 0.5, np.nan))  # batches of one sample
    assert rules(with_predictions(training(), 0.5, 0.5, 0.0)) == []  # it learns


def test_gradients_that_are_all_zero():
    assert "gradients_zero" in rules(training(zero_fraction=1.0, l2=0.0, abs_mean=0.0, loss=FLAT))
    assert "gradients_zero" not in rules(training(zero_fraction=[1.0, 1.0, 1.0, 0.9], loss=FLAT))


def test_a_loss_that_cannot_be():
    assert "impossible_loss" in rules(training(loss=np.linspace(0.5, -3.0, EPOCHS)))
    assert "impossible_loss" in rules(training(loss=np.zeros(EPOCHS), zero_fraction=1.0, l2=0.0, abs_mean=0.0))
    assert rules(training(loss=np.zeros(EPOCHS))) == []  # a train step of one's own that reports none
    own = training(loss=np.linspace(0.5, -3.0, EPOCHS))
    own.facts["outputs"][0]["loss"] = "negative_log_likelihood"
    assert rules(own) == []


def test_an_optimizer_without_gradients():
    nothing = {"abs_mean": np.nan, "l2": np.nan, "zero_fraction": np.nan}
    (finding,) = diagnose(training(**nothing, nonfinite=np.nan))
    assert (finding.rule, finding.severity, finding.layers) == ("no_gradient", "warning", [])
    assert "Diagnosis(optimizer=...)" in finding.remedy
    some = {name: [np.nan, 0.1, 0.1, 0.1] for name in nothing}
    (finding,) = diagnose(training(**some, nonfinite=[np.nan, 0, 0, 0]))
    assert (finding.rule, finding.severity, finding.layers) == ("no_gradient", "warning", ["dense_1"])
    assert diagnose(training(**some, nonfinite=[np.nan, 0, 0, 0], loss=FLAT))[0].severity == "error"
    assert "no_gradient" not in rules(training(**some, nonfinite=[3, 0, 0, 0]))  # they were NaN
    two_optimizers = training(**some, nonfinite=[np.nan, 0, 0, 0], loss=FLAT)
    two_optimizers.facts.update({"has_own_train_step": True, "outputs": []})
    assert [one.severity for one in diagnose(two_optimizers) if one.rule == "no_gradient"] == ["note"]


def test_a_loss_that_has_reached_zero_leaves_no_gradient():
    zero = {"zero_fraction": 1.0, "l2": 0.0, "abs_mean": 0.0, "probe": False}
    assert rules(training("relu", loss=np.linspace(0.7, 0.0, EPOCHS), **zero)) == []
    assert {"dead_units", "gradients_zero"} <= {*rules(training("relu", loss=FLAT, **zero))}


def test_gradients_that_overflow_under_loss_scaling_are_no_fault():
    overflow = np.zeros((EPOCHS, 4))
    overflow[-1] = 5
    evidence = training(nonfinite=overflow)
    assert rules(evidence) == ["nonfinite"]
    evidence.facts["scales_loss"] = True
    assert rules(evidence) == []


def test_what_was_seen_in_some_epochs_is_said_of_these():
    leap = np.full((EPOCHS, 4), 0.01)
    leap[1] = 30
    assert ", in epoch 2." in diagnose(training(update_ratio=leap, loss=FLAT))[0].seen
    leap[2:4] = 30
    assert ", in epochs 2 to 4." in diagnose(training(update_ratio=leap, loss=FLAT))[0].seen


def test_few_steps():
    flat = training(loss=FLAT)
    flat.facts["sampled_steps"] = 1
    assert "few_steps" in rules(flat)
    flat.facts["sampled_steps"] = 2
    assert "few_steps" not in rules(flat)


def test_accuracy_that_contradicts_the_loss():
    falling = np.linspace(5.0, 0.5, EPOCHS)
    assert "accuracy_contradicts_loss" in rules(training(loss=falling, accuracy=np.full(EPOCHS, 0.02)))
    assert rules(training(loss=falling, accuracy=np.full(EPOCHS, 1.0))) == []
    assert "accuracy_contradicts_loss" not in rules(training(accuracy=np.full(EPOCHS, 0.6), loss=FLAT))


def with_targets(evidence, **labels):
    """The evidence with labels that were seen so many times."""
    target = {
        **{"name": "targets", "shape": [None], "samples": sum(labels.values()), "batches": 4, "lowest": [0.0]},
        **{"highest": [1.0], "mean": [0.5], "std": [0.5], "nonfinite": 0, "first_nonfinite": None, "fractional": 0},
        **{"labels": {name[1:]: count for name, count in labels.items()}, "uniform_batches": 0, "spread": 1.0},
        **{"lowest_sum": 0.0, "highest_sum": 1.0},
    }
    return dataclasses.replace(evidence, facts=evidence.facts | {"targets": [target], "seen_all": True})


def test_chance_level_is_that_of_the_labels_seen():
    entropy = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    always_the_same = training(loss=np.linspace(0.6, entropy, EPOCHS), accuracy=np.full(EPOCHS, 0.9))
    assert rules(always_the_same) == []  # for two balanced classes it would be learning
    cause, *effects = diagnose(with_targets(always_the_same, _0=900, _1=100))
    assert (cause.rule, cause.severity) == ("one_class", "error")
    assert "accuracy_at_chance" in {finding.rule for finding in effects}
    better = training(loss=np.linspace(0.6, 0.1, EPOCHS), accuracy=np.linspace(0.9, 0.92, EPOCHS))
    assert [(one.rule, one.severity) for one in diagnose(with_targets(better, _0=900, _1=100))] == [
        ("one_class", "note")
    ]


def test_a_recurrent_kernel_over_one_time_step_is_no_fault():
    evidence = training(l2=[0.3, 0.0, 0.3, 0.3], loss=FLAT)
    assert "vanishing_gradient" in rules(evidence)
    evidence.gradients.layers[:] = ["lstm/kernel", "lstm/recurrent_kernel", "dense_3", "dense_4"]
    evidence.facts["kernels"]["lstm/recurrent_kernel"] = {"activation": "tanh"}
    assert "vanishing_gradient" not in rules(evidence)


def test_three_epochs_are_enough_at_the_end():
    short = training(loss=FLAT).until(3)
    assert rules(short) == []
    short.facts["planned_epochs"] = 3
    assert "loss_not_falling" in rules(short)
    slow = training(loss=np.linspace(0.693, 0.55, EPOCHS)).until(3)  # 1 % an epoch
    slow.facts["planned_epochs"] = 3
    assert rules(slow) == []


def finding(rule, severity="error", epoch=0):
    return Finding(rule, severity, [], epoch, {}, "", "", "")


def test_a_finding_follows_from_the_first_that_explains_it():
    found = in_order([finding("learning_rate", "note", -1), finding("updates_too_large"), finding("loss_not_falling")])
    assert [(one.rule, one.severity, one.follows_from) for one in found] == [
        ("learning_rate", "error", None),
        ("updates_too_large", "error", "learning_rate"),
        ("loss_not_falling", "error", "learning_rate"),
    ]


def test_what_came_later_explains_nothing():
    found = in_order([finding("updates_too_large", epoch=9), finding("dead_units", epoch=2)])
    assert [one.follows_from for one in found] == [None, None]
    found = in_order([finding("updates_too_large", epoch=2), finding("dead_units", epoch=9)])
    assert [one.follows_from for one in found] == [None, "updates_too_large"]


def test_an_error_explains_before_a_note_does_and_a_note_alone_stays_one():
    notes = [finding("unscaled_inputs", "note", -1), finding("no_nonlinearity", "note", -1)]
    found = in_order([finding("no_probabilities", epoch=-1), *notes, finding("loss_not_falling")])
    assert {one.rule: (one.severity, one.follows_from) for one in found} == {
        "no_probabilities": ("error", None),
        "loss_not_falling": ("error", "no_probabilities"),
        "unscaled_inputs": ("note", None),
        "no_nonlinearity": ("note", None),
    }
    assert [one.severity for one in in_order(notes)] == ["note", "note"]


def test_independent_causes_are_both_told():
    found = in_order([finding("nonfinite_data", epoch=-1), finding("labels_outside_0_to_1", epoch=-1)])
    assert [one.follows_from for one in found] == [None, None]


def test_no_rule_explains_itself_in_a_circle():
    """Whatever is found, following the causes ends."""
    found = in_order([finding(rule) for rule in RULES])
    causes = {one.rule: one.follows_from for one in found}
    for rule in causes:
        seen = set()
        while causes.get(rule):
            assert rule not in seen
            seen.add(rule)
            rule = causes[rule]
    assert {*EXPLAINS} <= {*RULES}
    assert set().union(*EXPLAINS.values()) <= {*RULES}


def test_the_default_learning_rates_are_those_of_keras():
    defaults = {}
    for name, made in vars(keras.optimizers).items():
        if inspect.isclass(made) and issubclass(made, keras.optimizers.Optimizer):
            rate = inspect.signature(made).parameters.get("learning_rate")
            if rate is not None and rate.default is not rate.empty:
                defaults[name] = rate.default
    assert len(defaults) > 10
    assert {name: DEFAULT_RATES.get(name) for name in defaults} == defaults
