"""Statistics over seeds in text: tables, how many learned, the ratio of gradients."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest
from tabulate import tabulate

from .replicates import LEARNED, Replicates


def text_table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of strings as lines of text in columns, the first row underlined."""
    head, *body = rows
    return tabulate(body, head, tablefmt="simple", disable_numparse=True)


def median_and_quartiles(values: np.ndarray) -> str:
    """Return the middle of a sample as text.

    >>> median_and_quartiles(np.array([0.4, 0.5, 0.6, 0.8, 0.9]))
    '0.600 (0.500 to 0.800)'
    """
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def train_and_test(train: float, test: float) -> str:
    """Return two accuracies as the tutorial writes them.

    >>> train_and_test(0.53, 0.468)
    '0.530 / 0.468'
    """
    return f"{train:.3f} / {test:.3f}"


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share: the score interval of Wilson (1927, JASA 22, 209-212).

    >>> wilson(30, 30)
    (0.886..., 1.0)
    """
    interval = binomtest(successes, trials).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def learned_sentence(members: Replicates) -> str:
    """Return how many seeds learned as a phrase, with the 95 % interval of their share."""
    low, high = wilson(int(members.learned.sum()), len(members.seeds))
    return (
        f"{members.learned.sum()} of {len(members.seeds)} seeds learned (test accuracy of at least {LEARNED:.0%}; "
        f"95 % interval of the share {low:.0%} to {high:.0%})"
    )


def gradient_ratio(members: Replicates) -> float:
    """Return the mean |gradient| of the first kernel over that of the output's, the median over seeds that have one.

    The output's kernel is the last that is not an auxiliary head, which a model may have beside its output.
    """
    output = max(number for number, name in enumerate(members.layers) if "head" not in name)
    first, last = members.gradients[:, 0], members.gradients[:, output]
    return float(np.median(first[last > 0] / last[last > 0])) if (last > 0).any() else float("nan")
