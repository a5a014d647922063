"""The diagnosis: evaluates all rules and orders their findings, causes first.

One fault triggers several rules. A loss that does not fit the last layer also leads to gradients of 0, a loss that does
not fall and an accuracy at chance level; only the loss has to be corrected. `EXPLAINS` therefore lists for each rule
the other rules that its fault may trigger, and a finding that another one explains is listed under it, without advice.
"""

import dataclasses
from collections.abc import Callable

from ..evidence import Evidence
from . import data_rules, model_rules, training_rules
from .finding import Finding

Rule = Callable[[Evidence], Finding | None]

BEFORE_TRAINING: tuple[Rule, ...] = (
    model_rules.nonfinite_initial_weights,
    model_rules.nothing_trainable,
    model_rules.softmax_over_one_unit,
    model_rules.categorical_loss_of_one_unit,
    data_rules.nonfinite_data,
    data_rules.no_sample_weight,
    data_rules.labels_outside_0_to_1,
    data_rules.labels_no_classes,
    data_rules.targets_no_distribution,
    data_rules.targets_broadcast,
    data_rules.constant_inputs,
    data_rules.one_class,
    model_rules.no_probabilities,
    data_rules.targets_out_of_reach,
    model_rules.units_alike,
    model_rules.large_weights,
    model_rules.learning_rate,
    data_rules.labels_in_order,
    data_rules.unscaled_targets,
    data_rules.unscaled_inputs,
    model_rules.no_nonlinearity,
    model_rules.hidden_softmax,
    model_rules.categorical_loss_of_sigmoids,
    data_rules.distance_of_classes,
    model_rules.binary_loss_of_softmax,
    model_rules.logits_of_probabilities,
    model_rules.accuracy_of_a_regression,
    model_rules.heavy_dropout,
)
"""Rules about the model and its data, the likelier cause first."""

IN_TRAINING: tuple[Rule, ...] = (
    training_rules.no_gradient,
    training_rules.exploding_gradient,
    training_rules.updates_too_large,
    training_rules.nonfinite,
    training_rules.dead_units,
    training_rules.saturated,
    training_rules.vanishing_gradient,
    training_rules.weights_not_moving,
    training_rules.few_steps,
    training_rules.impossible_loss,
    training_rules.gradients_zero,
    training_rules.predictions_alike,
    training_rules.accuracy_contradicts_loss,
    training_rules.loss_not_falling,
    training_rules.loss_oscillating,
    training_rules.accuracy_at_chance,
)
"""Rules about the epochs, causes before their consequences."""

RULES: dict[str, Rule] = {rule.__name__: rule for rule in (*BEFORE_TRAINING, *IN_TRAINING)}
"""Each rule by its name."""

NOT_LEARNING = {"loss_not_falling", "loss_oscillating", "accuracy_at_chance", "predictions_alike"}
STUCK = NOT_LEARNING | {"gradients_zero", "weights_not_moving", "vanishing_gradient", "dead_units", "saturated"}
BROKEN = STUCK | {"exploding_gradient", "updates_too_large", "nonfinite"}
WRONG_LOSS = BROKEN | {"impossible_loss", "accuracy_contradicts_loss"}

EXPLAINS: dict[str, set[str]] = {
    "nonfinite_initial_weights": WRONG_LOSS,
    "nothing_trainable": NOT_LEARNING | {"gradients_zero", "weights_not_moving", "no_gradient"},
    "softmax_over_one_unit": WRONG_LOSS | {"distance_of_classes", "binary_loss_of_softmax"},
    "categorical_loss_of_one_unit": WRONG_LOSS | {"labels_no_classes", "no_probabilities", "targets_no_distribution"},
    "nonfinite_data": BROKEN,
    "no_sample_weight": WRONG_LOSS,
    "labels_outside_0_to_1": WRONG_LOSS | {"no_probabilities"},
    "labels_no_classes": WRONG_LOSS,
    "targets_no_distribution": WRONG_LOSS,
    "targets_broadcast": WRONG_LOSS | {"accuracy_of_a_regression", "distance_of_classes"},
    "constant_inputs": STUCK,
    "one_class": NOT_LEARNING,
    "no_probabilities": WRONG_LOSS,
    "targets_out_of_reach": WRONG_LOSS | {"unscaled_targets"},
    "units_alike": STUCK,
    "large_weights": NOT_LEARNING | {"saturated", "vanishing_gradient", "weights_not_moving"},
    "learning_rate": BROKEN,
    "labels_in_order": NOT_LEARNING,
    "unscaled_targets": BROKEN,
    "unscaled_inputs": BROKEN,
    "categorical_loss_of_sigmoids": STUCK,
    "distance_of_classes": NOT_LEARNING
    | {"accuracy_contradicts_loss", "accuracy_of_a_regression", "vanishing_gradient"},
    "binary_loss_of_softmax": NOT_LEARNING | {"accuracy_contradicts_loss"},
    "logits_of_probabilities": NOT_LEARNING | {"vanishing_gradient"},
    "accuracy_of_a_regression": {"accuracy_contradicts_loss", "accuracy_at_chance"},
    "no_nonlinearity": NOT_LEARNING,
    "hidden_softmax": NOT_LEARNING | {"vanishing_gradient", "weights_not_moving"},
    "heavy_dropout": NOT_LEARNING,
    "no_gradient": STUCK,
    "exploding_gradient": BROKEN,
    "updates_too_large": BROKEN,
    "nonfinite": BROKEN,
    "dead_units": STUCK,
    "saturated": STUCK,
    "vanishing_gradient": NOT_LEARNING | {"weights_not_moving", "gradients_zero"},
    "weights_not_moving": NOT_LEARNING,
    "few_steps": NOT_LEARNING,
    "impossible_loss": NOT_LEARNING | {"gradients_zero"},
    "gradients_zero": NOT_LEARNING,
    "predictions_alike": NOT_LEARNING,
    "accuracy_contradicts_loss": {"accuracy_at_chance"},
    "loss_not_falling": {"accuracy_at_chance", "loss_oscillating"},
    "loss_oscillating": {"accuracy_at_chance"},
}
"""The name of each rule, and the names of the other rules that its fault may trigger."""


def diagnose(evidence: Evidence) -> list[Finding]:
    """Return what is wrong with a training: causes first, then their consequences, then notes.

    >>> [(finding.rule, finding.follows_from) for finding in diagnose(diagnosis.evidence)]
    [('vanishing_gradient', None), ('loss_not_falling', 'vanishing_gradient')]
    """
    asked = [*BEFORE_TRAINING]
    if len(evidence.epochs) >= training_rules.PATIENCE:
        asked += IN_TRAINING
    elif evidence.epochs:
        asked += [training_rules.nonfinite, training_rules.no_gradient]
    return in_order([finding for rule in asked if (finding := rule(evidence))])


def in_order(found: list[Finding]) -> list[Finding]:
    """Return the findings, causes first, with `follows_from` filled in.

    A finding follows from the first finding before it whose rule explains it (`EXPLAINS`) and that was seen no later.
    Warnings and errors are preferred as causes to notes. A note that is the cause of an error becomes an error.

    Args:
        found: what the rules found, in the order of `RULES`.
    """
    causes: dict[str, str] = {}  # a rule to the one that it follows from
    for i, finding in enumerate(found):
        earlier = [
            other
            for j, other in enumerate(found)
            if finding.rule in EXPLAINS.get(other.rule, ())
            and (other.epoch, j) < (finding.epoch, i)
            and other.rule not in causes
        ]
        if finding.severity == "note":
            possible = [other for other in earlier if other.severity == "error"]
        else:
            possible = [other for other in earlier if other.severity != "note"] or earlier
        if possible:
            causes[finding.rule] = possible[0].rule
    severities = {finding.rule: finding.severity for finding in found}
    for effect, cause in causes.items():
        if severities[effect] == "error":
            severities[cause] = "error"
    found = [
        dataclasses.replace(
            finding,
            severity=severities[finding.rule],
            follows_from=causes.get(finding.rule),
            advice=[] if finding.rule in causes else finding.advice,
        )
        for finding in found
    ]
    rank = {"error": 0, "warning": 1, "note": 3}
    return sorted(found, key=lambda finding: 2 if finding.follows_from else rank[finding.severity])
