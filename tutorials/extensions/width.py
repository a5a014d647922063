"""Width: does breadth make up for depth?

Tanh networks of 1 to 10 hidden layers with 5, 10, 15, 20 and 25 units each, weights uniform in [0, 1].
Found with 30 seeds: it makes depth worse. At three layers 22 seeds learn with 5 units, 9 with 10, 2 with 15 and none
with more: each unit adds up more inputs of one sign, and saturates sooner.
"""

from tutorials.extensions.depth import tanh
from tutorials.lab import main

WIDTHS = (5, 10, 15, 20, 25)
EXPERIMENTS = [tanh(layers, width) for width in WIDTHS for layers in range(1, 11)]


def look(study):
    from tutorials.lab.figures import width_by_depth

    for width in WIDTHS:
        names = [name for name, one in study.configurations.items() if one["width"] == width]
        rows = [study.members[name].learned.sum() for name in names]
        print(f"{width:2} units: seeds that learned, 1 to 10 layers: " + " ".join(f"{count:3}" for count in rows))
    return {"width_by_depth": width_by_depth(study)}


def run(settings):
    from tutorials.lab.studies import run_study

    return run_study("width", EXPERIMENTS, settings, look)


if __name__ == "__main__":
    main(run, __doc__, study=True)
