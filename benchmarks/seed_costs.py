"""What a model costs when many seeds are trained at once, beside the plain port of the tutorial.

Run with `make benchmark`. Everything is counted: building the models, compiling, training 500 epochs with validation,
and the statistics of every layer. Plain Keras is timed before and after, as 500 times its median epoch; the mean of
the two counts.
"""

import argparse
import time

from tutorials.studies import many_seeds, replicate
from tutorials.vanishing.deep_tanh import EXPERIMENT

from benchmarks.epoch import Clock, train


def plain_seconds(epochs):
    """How long plain Keras takes for so many epochs."""
    clock = Clock()
    train([clock], min(15, epochs), compiled=False)
    return clock.milliseconds() / 1000 * epochs


def main(argv=None):
    """Time plain Keras and many seeds in turn, and print what a model costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 10, 30, 100, 1000], help="numbers of seeds")
    parser.add_argument("--epochs", type=int, default=EXPERIMENT.epochs, help="2 or more (default: 500)")
    arguments = parser.parse_args(argv)
    for seeds in arguments.seeds:
        before = plain_seconds(arguments.epochs)
        many_seeds._trainings.clear()  # so that compilation is counted again
        many_seeds._examiners.clear()
        start = time.perf_counter()
        replicate(EXPERIMENT, range(1, seeds + 1), arguments.epochs)
        cost = (time.perf_counter() - start) / seeds
        base = (before + plain_seconds(arguments.epochs)) / 2
        ratio = f"1/{base / cost:.0f} of the plain port's {base:.1f} s"
        print(f"{seeds:5} seeds: {cost:6.3f} s a model, {ratio}", flush=True)


if __name__ == "__main__":
    main()
