"""What the diagnosis advises, against the networks it was counted on."""

from callbacks.advice import TRIALS, advice_for
from callbacks.rules import RULES
from tutorials.diagnosis.advice import EXPERIMENTS, FAULTS
from tutorials.lab.replicates import replicate


def test_every_trial_has_its_network_and_every_rule_a_trial():
    assert [(t.rule, t.network, [*t.remedies]) for t in TRIALS] == [(f.rule, f.network, [*f.remedies]) for f in FAULTS]
    assert {trial.rule for trial in TRIALS} == {*RULES}
    assert len(EXPERIMENTS) == len(FAULTS) + sum(len(fault.remedies) for fault in FAULTS)
    assert len({experiment.name for experiment in EXPERIMENTS}) == len(EXPERIMENTS)


def test_a_count_comes_out_again():
    rule, remedy = "loss_not_falling", "a learning rate ten times larger"
    (trial,) = (trial for trial in TRIALS if trial.rule == rule)
    (experiment,) = (e for e, changed in experiments_of(rule) if changed == remedy)
    assert replicate(experiment, range(1, 31)).learned.sum() == trial.remedies[remedy]


def experiments_of(rule):
    """The experiments of a rule's fault, each with the words of what was changed, None for nothing."""
    number = next(i for i, fault in enumerate(FAULTS, 1) if fault.rule == rule)
    words = [None, *FAULTS[number - 1].remedies]
    return zip((one for one in EXPERIMENTS if one.name.split("_")[0] == f"a{number}"), words, strict=True)


def test_only_what_helped_is_advised_and_the_best_first():
    advice = advice_for("vanishing_gradient", {"tanh"})
    assert [one.remedy for one in advice][:1] == ["Glorot uniform weights"]
    learned = [one.learned for one in advice]
    assert learned == sorted(learned, reverse=True)
    assert min(learned) >= 27
    assert "gradients clipped to norm 1" not in {one.remedy for one in advice}


def test_advice_is_for_the_activation_at_hand():
    assert advice_for("vanishing_gradient", {"sigmoid"})[0].network.startswith("sigmoid")
    assert advice_for("vanishing_gradient", {None})[0].network.startswith("tanh")
