"""What the diagnosis advises, against the networks it was counted on."""

from tutorials.course.advice import FAULTS, FAULTY, REMEDIED
from tutorials.studies import replicate

import pytest

from callbacks.diagnosis.cures import TRIALS, advice_for
from callbacks.diagnosis.rules import RULES


def test_every_trial_has_its_network_and_its_rule():
    counted = [(trial.rule, trial.network, {*trial.remedies}) for trial in TRIALS]
    assert counted == [(fault.rule, fault.title, {*fault.remedies}) for fault in FAULTS]
    assert {trial.rule for trial in TRIALS} <= {*RULES}
    assert len({experiment.name for experiment in (*FAULTY, *REMEDIED)}) == len(FAULTS) + sum(
        len(fault.remedies) for fault in FAULTS
    )


@pytest.mark.slow
def test_a_count_comes_out_again():
    rule, remedy = "loss_not_falling", "a learning rate ten times larger"
    (trial,) = (trial for trial in TRIALS if trial.rule == rule)
    number = next(i for i, fault in enumerate(FAULTS, 1) if fault.rule == rule)
    (experiment,) = (one for one in REMEDIED if one.title == remedy and one.name.startswith(f"a{number}_"))
    assert replicate(experiment, range(1, 31)).learned.sum() == pytest.approx(trial.remedies[remedy], abs=1)


def test_only_what_helped_is_advised_and_the_best_first():
    advice = advice_for("vanishing_gradient", {"tanh"})
    assert "Glorot uniform weights" in {one.remedy for one in advice}
    learned = [one.learned for one in advice]
    assert learned == sorted(learned, reverse=True)
    assert min(learned) >= 27
    assert "gradients clipped to norm 1" not in {one.remedy for one in advice}


def test_advice_is_for_the_activation_at_hand():
    assert advice_for("vanishing_gradient", {"sigmoid"})[0].network.startswith("sigmoid")
    assert advice_for("vanishing_gradient", {None})[0].network.startswith("tanh")
