"""What a model costs when many seeds are trained at once, beside the plain port of the tutorial.

Run with `make benchmark`. Everything is counted: making the models, compiling, training 500 epochs with validation,
and the figures of every layer. Plain Keras is timed before and after, as 500 times its median epoch; their mean counts.
"""

import time

from tests.benchmarks.epoch import Clock, plain
from tutorials.lab.replicates import replicate
from tutorials.vanishing.deep_tanh import EXPERIMENT


def plain_seconds():
    clock = Clock()
    plain([clock])
    return clock.milliseconds() / 1000 * EXPERIMENT.epochs


def main():
    for members in (1, 10, 30, 100, 1000):
        before = plain_seconds()
        start = time.perf_counter()
        replicate(EXPERIMENT, range(1, members + 1))
        cost = (time.perf_counter() - start) / members
        base = (before + plain_seconds()) / 2
        ratio = f"1/{base / cost:.0f} of the plain port's {base:.1f} s"
        print(f"{members:5} seeds: {cost:6.3f} s a model, {ratio}", flush=True)


if __name__ == "__main__":
    main()
