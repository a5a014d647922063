"""What each remedy costs: the time of a compiled epoch over that of the plain network.

Run with `python -m benchmarks.remedy_costs`; ten minutes on two cores. One training at a time, the remedies of a
network in turn, four rounds; as in `timeit`, the fastest counts.
"""

import argparse
import time

from tutorials.course.remedies import EXPERIMENTS, NETWORKS
from tutorials.lab.keras_loop import build_with_seed
from tutorials.studies import text_table
from tutorials.studies.many_seeds import _Compiled

import numpy as np
from tqdm import tqdm


def training(experiment, epochs):
    """A compiled training of one member, ready to run."""
    trainer = _Compiled(experiment, build_with_seed(experiment.build_model, 0), epochs)
    variables = trainer.variables()
    start = [variable.numpy() for variable in build_with_seed(experiment.build_model, 1).variables]
    trainer.train(variables, start, 1)
    return lambda: trainer.train(variables, start, 1)


def main(argv=None):
    """Time the remedies of each network in turn, and print a table for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=100, help="of each training (default: 100)")
    parser.add_argument("--rounds", type=int, default=4, help="the fastest counts (default: 4)")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=[*NETWORKS], help="networks (default: all)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="experiments to time beside the plain ones")
    arguments = parser.parse_args(argv)
    for failure in arguments.networks:
        network, _ = NETWORKS[failure]
        plain = f"{failure}_plain"
        chosen = [
            one
            for one in EXPERIMENTS
            if one.name.startswith(f"{failure}_")
            and (arguments.only is None or one.name == plain or one.name in arguments.only)
        ]
        runs = {one.name: training(one, arguments.epochs) for one in tqdm(chosen, network)}
        fastest = dict.fromkeys(runs, np.inf)
        for _ in range(arguments.rounds):
            for name, run in runs.items():
                began = time.perf_counter()
                run()
                fastest[name] = min(fastest[name], time.perf_counter() - began)
        rows = [(one.title, f"{fastest[one.name] / fastest[plain]:.2f}") for one in chosen]
        print(f"\n{network}: {1000 * fastest[plain] / arguments.epochs:.2f} ms an epoch as it is\n")
        print(text_table([("technique", "cost of an epoch"), *rows]), flush=True)


if __name__ == "__main__":
    main()
