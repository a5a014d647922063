"""What cured each fault, and how often: counted with 30 seeds on networks for the two circles."""

import dataclasses

SEEDS = 30
HELPS = 27
"""Seeds of 30 that have to learn with a remedy for it to be advised."""

MOST_ADVICE = 4


@dataclasses.dataclass(frozen=True)
class Advice:
    """A remedy that was tried alone against a fault.

    Attributes:
        remedy: str.
        learned: seeds that learned with it.
        seeds: seeds tried.
        network: str, the network it was tried on.
        without: seeds that learned without it.
    """

    remedy: str
    learned: int
    seeds: int
    network: str
    without: int


@dataclasses.dataclass(frozen=True)
class Trial:
    """The remedies tried against one fault: the rule, the activation and words of the network, seeds that learn."""

    rule: str
    activation: str
    network: str
    without: int
    remedies: dict


TRIALS = []


def advice_for(rule, activations):
    """Returns the remedies against a rule's fault that helped, best first, at most four.

    Args:
        rule: a key of `RULES`.
        activations: names of the activations of the layers concerned; where a rule was tried on several networks,
            one of such layers is taken.

    Returns:
        A list of `Advice`.
    """
    trials = [trial for trial in TRIALS if trial.rule == rule]
    if not trials:
        return []
    trial = next((one for one in trials if one.activation in activations), trials[0])
    helped = [(learned, remedy) for remedy, learned in trial.remedies.items() if learned >= HELPS]
    helped.sort(key=lambda one: -one[0])
    return [Advice(remedy, n, SEEDS, trial.network, trial.without) for n, remedy in helped[:MOST_ADVICE]]
