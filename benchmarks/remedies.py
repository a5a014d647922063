"""What each remedy costs: the time of a compiled epoch over that of the plain network.

Run with `python -m tests.benchmarks.remedies`; ten minutes on two cores. One training at a time, the remedies of a
network in turn, four rounds; as in `timeit`, the fastest counts.
"""

import time

import numpy as np
from tqdm import tqdm

from tutorials.course.remedies import EXPERIMENTS, NETWORKS
from tutorials.lab.command import text_table
from tutorials.lab.replicates import _Trainer
from tutorials.lab.training import initial_model

EPOCHS, ROUNDS = 100, 4


def main():
    for fails, (words, _) in NETWORKS.items():
        runs = {one.title: training(one) for one in tqdm([o for o in EXPERIMENTS if o.name.startswith(fails)], words)}
        best = dict.fromkeys(runs, np.inf)
        for _ in range(ROUNDS):
            for title, run in runs.items():
                began = time.perf_counter()
                run()
                best[title] = min(best[title], time.perf_counter() - began)
        rows = [(title, f"{seconds / best['nothing']:.2f}") for title, seconds in best.items()]
        print(f"\n{words}: {1000 * best['nothing'] / EPOCHS:.2f} ms an epoch as it is\n")
        print(text_table([("technique", "cost of an epoch"), *rows]), flush=True)


def training(experiment):
    """A compiled training of one member, ready to run."""
    trainer = _Trainer(experiment, EPOCHS)
    variables = trainer.variables()
    start = [variable.numpy() for variable in initial_model(experiment, 1).variables]
    trainer.train(variables, start, 1)
    return lambda: trainer.train(variables, start, 1)


if __name__ == "__main__":
    main()
