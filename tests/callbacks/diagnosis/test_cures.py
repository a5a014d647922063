from callbacks.diagnosis.cures import MAX_ADVICE, TRIALS, advice_for
from callbacks.diagnosis.rules import RULES


def test_every_rule_was_tried_and_every_count_is_possible():
    assert {trial.rule for trial in TRIALS} <= {*RULES}
    for trial in TRIALS:
        assert 0 <= trial.without <= trial.seeds
        assert trial.remedies
        assert all(0 <= learned <= trial.seeds for learned in trial.remedies.values())


def test_advice_is_what_helped_nine_in_ten_seeds_best_first():
    for trial in TRIALS:
        advice = advice_for(trial.rule, {trial.activation})
        learned = [remedy.learned for remedy in advice]
        assert 1 <= len(advice) <= MAX_ADVICE
        assert learned == sorted(learned, reverse=True)
        assert min(learned) >= 0.9 * trial.seeds
        for remedy in advice:
            assert trial.remedies[remedy.remedy] == remedy.learned
            assert (remedy.network, remedy.seeds, remedy.without) == (trial.network, trial.seeds, trial.without)


def test_advice_is_about_a_network_with_the_activation_of_the_layers_concerned():
    networks = [advice_for("vanishing_gradient", {activation})[0].network for activation in ("tanh", "sigmoid", None)]
    assert networks[0].startswith("tanh")
    assert networks[1].startswith("sigmoid")
    assert networks[2] == networks[0]  # the first that was tried
    assert advice_for("no rule", {"tanh"}) == []
