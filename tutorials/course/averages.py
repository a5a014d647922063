"""Averages: what beta does in an exponentially weighted average.

Momentum, RMSProp and Adam keep averages of the gradient or of its square. With each new value g the average v becomes
beta v + (1 - beta) g. Here g is a noisy cosine and beta 0.5, 0.9 and 0.98. The averages are shown with and without the
bias correction, which divides the average by 1 - beta^t at step t.
Found with 30 seeds: with beta 0.5, 0.9 and 0.98 the average comes closest to the plain mean of the last 2, 16 and 85
values, between one and two times 1 / (1 - beta), and lags by 1, 9 and 37 steps. Without the correction the mean of the
first five averages is 81, 27 and 6 % of the mean of the values.
"""

from tutorials.course.course_plots import averages
from tutorials.lab import new_run
from tutorials.script import Script
from tutorials.studies import Measurement

import numpy as np
from scipy.signal import lfilter

BETAS = (0.5, 0.9, 0.98)
STEPS, PERIOD, NOISE = 600, 300, 0.3


def average(values, beta, corrected=True):
    """The exponentially weighted average after each of the values, an array like them."""
    uncorrected = lfilter([1 - beta], [1, -beta], values)  # v = beta v + (1 - beta) value, from v = 0
    return uncorrected / (1 - beta ** np.arange(1, len(values) + 1)) if corrected else uncorrected


def signal(seed):
    """A cosine, and the same with noise of standard deviation 0.3."""
    clean = np.cos(2 * np.pi * np.arange(STEPS) / PERIOD)
    return clean, clean + np.random.RandomState(seed).normal(scale=NOISE, size=STEPS)


def closest_window(noise, beta):
    """The number of values whose plain mean is closest to the average: n from 1 to 200, by mean squared difference."""
    averaged = average(noise, beta)
    sums = np.cumsum(np.concatenate([[0], noise]))
    means = {n: (sums[n:] - sums[:-n]) / n for n in range(1, 201)}  # of the last n values, from the n-th on
    return min(means, key=lambda n: np.square(means[n][200 - n :] - averaged[199:]).mean())


def lag(clean, averaged):
    """The number of steps, from 0 to 99, by which the cosine has to be shifted to correlate best with the average."""
    correlations = [np.corrcoef(clean[100 - shift : STEPS - shift], averaged[100:])[0, 1] for shift in range(100)]
    return int(np.argmax(correlations))


def measure_averages(seed):
    """Statistics of the averages, an array over the betas each.

    `first` and `first_corrected` are the mean of the first five averages over that of the first five values.
    """
    clean, noisy = signal(seed)
    corrected = [average(noisy, beta) for beta in BETAS]
    uncorrected = [average(noisy, beta, corrected=False) for beta in BETAS]
    return {
        "window": np.array([closest_window(noisy - clean, beta) for beta in BETAS], float),
        "roughness": np.array([np.diff(averaged)[100:].std() for averaged in corrected]),
        "lag": np.array([lag(clean, averaged) for averaged in corrected], float),
        "first": np.array([averaged[:5].mean() / noisy[:5].mean() for averaged in uncorrected]),
        "first_corrected": np.array([averaged[:5].mean() / noisy[:5].mean() for averaged in corrected]),
    }


EXPERIMENTS = [Measurement("averages", "exponentially weighted averages of a noisy cosine", measure_averages)]


def show(statistics, seed=1):
    """Print the statistics; draw the signal of a seed and its averages."""
    for number, beta in enumerate(BETAS):
        at_beta = {name: values[number] for name, values in statistics.items()}
        print(
            f"beta {beta}: 1 / (1 - beta) = {1 / (1 - beta):.0f}; closest to the mean of the last "
            f"{at_beta['window']:.0f} values; lags by {at_beta['lag']:.0f} steps;\n"
            f"    first five averages at {at_beta['first']:.0%} of the values, "
            f"corrected at {at_beta['first_corrected']:.0%}"
        )
    clean, noisy = signal(seed)
    averaged = {beta: (average(noisy, beta), average(noisy, beta, corrected=False)) for beta in BETAS}
    return {"averages": averages(clean, noisy, averaged)}


def run(seed=1, epochs=None, log_dir="logs"):
    """Average the noisy cosine of one seed; there is nothing to train, so `epochs` has no effect."""
    log_dir = new_run(log_dir, "averages", seed)
    for name, figure in show(measure_averages(seed), seed).items():
        figure.savefig(log_dir / f"{name}.png", dpi=120)


def summarize(study):
    return show({name: np.median(values, axis=0) for name, values in study.members["averages"].measured.items()})


SCRIPT = Script(__doc__, run, EXPERIMENTS, summarize)

if __name__ == "__main__":
    SCRIPT.main()
