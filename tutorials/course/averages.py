"""Averages: what does beta do in an exponentially weighted average?

Momentum, RMSProp and Adam all keep averages v = beta v + (1 - beta) g. Here one is taken of a noisy cosine,
with beta 0.5, 0.9 and 0.98, with and without the correction by 1 - beta^t.
Found with 30 seeds: beta 0.5, 0.9 and 0.98 are most like plain means of the last 2, 16 and 85 points, between
one and two times 1 / (1 - beta); they lag by 1, 9 and 37. Without the correction the first five values are at
81, 27 and 6 %.
"""

from tutorials.lab import Measurement, main

BETAS = (0.5, 0.9, 0.98)
POINTS, PERIOD, NOISE = 600, 300, 0.3


def average(values, beta, corrected=True):
    """Returns the exponentially weighted average after each of the values, an array like them."""
    import numpy as np
    from scipy.signal import lfilter

    plain = lfilter([1 - beta], [1, -beta], values)
    return plain / (1 - beta ** np.arange(1, len(values) + 1)) if corrected else plain


def signal(seed):
    """Returns a cosine, and the same with noise of standard deviation 0.3 from the seed."""
    import numpy as np

    clean = np.cos(2 * np.pi * np.arange(POINTS) / PERIOD)
    return clean, clean + np.random.RandomState(seed).normal(scale=NOISE, size=POINTS)


def smooth(seed):
    """Figures of each beta: the plain mean it is most like, in points; its roughness, its lag, its first values."""
    import numpy as np

    clean, noisy = signal(seed)
    noise = noisy - clean
    figures = {"window": [], "roughness": [], "lag": [], "first": [], "first_corrected": []}
    for beta in BETAS:
        of_noise, smoothed = average(noise, beta), average(noisy, beta)
        sums = np.cumsum(np.concatenate([[0], noise]))
        means = {n: (sums[n:] - sums[:-n]) / n for n in range(1, 201)}  # of the last n values, from the n-th on
        figures["window"].append(min(means, key=lambda n: np.square(means[n][200 - n :] - of_noise[199:]).mean()))
        figures["roughness"].append(np.diff(smoothed)[100:].std())
        shifts = [np.corrcoef(clean[100 - lag : POINTS - lag], smoothed[100:])[0, 1] for lag in range(100)]
        figures["lag"].append(int(np.argmax(shifts)))
        figures["first"].append(average(noisy, beta, corrected=False)[:5].mean() / noisy[:5].mean())
        figures["first_corrected"].append(smoothed[:5].mean() / noisy[:5].mean())
    return {name: np.array(values, float) for name, values in figures.items()}


EXPERIMENTS = [Measurement("averages", "exponentially weighted averages of a noisy cosine", smooth)]


def look(study):
    import numpy as np

    from tutorials.course.figures import averages

    measured = {name: np.median(values, axis=0) for name, values in study.members["averages"].measured.items()}
    for number, beta in enumerate(BETAS):
        row = {name: values[number] for name, values in measured.items()}
        print(
            f"beta {beta}: 1 / (1 - beta) = {1 / (1 - beta):.0f}, most like the mean of the last {row['window']:.0f}; "
            f"lags by {row['lag']:.0f}; first five values at {row['first']:.0%}, corrected {row['first_corrected']:.0%}"
        )
    return {"averages": averages(BETAS)}


def run(settings):
    from tutorials.lab.studies import run_study

    return run_study("averages", EXPERIMENTS, settings, look)


if __name__ == "__main__":
    main(run, __doc__, study=True)
