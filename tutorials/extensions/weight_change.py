"""Weight change: how far do the weights of each layer travel, in deep tanh and in deep ReLU?

The tutorial's proxy is the L1 norm of each layer's weights after each epoch. The norm can stand still while
the weights move, so its change from epoch to epoch is drawn below it: the L1 norm of the difference.
Found with 30 seeds: in deep tanh the output layer's weights go furthest and those in the middle least; in deep ReLU the
first layers' weights go furthest, and those of dense_2 to dense_4 five to ten times as far as in deep tanh.
"""

from tutorials.lab import main
from tutorials.vanishing import deep_relu, deep_tanh

EXPERIMENTS = [deep_tanh.EXPERIMENT, deep_relu.EXPERIMENT]


def look(study):
    import numpy as np

    from tutorials.lab.figures import weight_norms

    print("L1 length of each kernel's way through the run, median over seeds:")
    for name, members in study.members.items():
        ways = np.median(members.history["weight_l1_change"].sum(axis=1), axis=0)
        print(f"  {study.title(name)}: " + ", ".join(f"{way:.3g}" for way in ways) + " (input to output)")
    return {"weight_change": weight_norms(study)}


def run(settings):
    from tutorials.lab.studies import run_study

    return run_study("weight_change", EXPERIMENTS, settings, look)


if __name__ == "__main__":
    main(run, __doc__, study=True)
