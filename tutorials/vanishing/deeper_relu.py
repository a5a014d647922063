"""Deeper ReLU: 15 and 20 hidden layers, to find where ReLU gives out too.

Question: is ReLU immune? The tutorial shows plots only: 15 layers still learn, though later, and 20 no longer do.
Found with seed 1: both learn, after about 15 and 50 epochs without any progress. That was luck: of 30 seeds 9 learn
with 15 layers and 3 with 20. In nearly all others the units of some layer are dead.
"""

from tutorials.lab import Experiment, main, mlp

EXPERIMENTS = [
    Experiment(
        f"relu_{layers}_layers",
        f"ReLU, {layers} hidden layers",
        lambda layers=layers: mlp(layers, activation="relu", initializer="he_uniform"),
        published=published,
    )
    for layers, published in ((15, "learns (plot only)"), (20, "does not learn (plot only)"))
]


def run(settings):
    from tutorials.lab.runs import train

    return [train(experiment, settings) for experiment in EXPERIMENTS]


if __name__ == "__main__":
    main(run, __doc__)
