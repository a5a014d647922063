"""Batch size: how many points a step are best, for accuracy and for time?

Deep tanh with Glorot weights, which learns with every seed, in batches of 1 to 500 points: all 500 at once is
plain gradient descent. The learning rate stays the tutorial's, 0.01 with momentum 0.9. An epoch is one compiled
call here, so a batch costs what its arithmetic costs; in plain Keras each batch costs a few milliseconds more,
and small ones lose more.
Found with 30 seeds: single points do not learn at all at this rate, and neither do, within 500 epochs, most
networks on all 500 at once. Between them larger batches need more epochs and end a little better: 0.81 with 4
points, 0.84 with 128.
"""

import dataclasses

from tutorials.extensions import xavier
from tutorials.lab import main

SIZES = (1, 4, 16, 32, 64, 128, 500)
EXPERIMENTS = [
    dataclasses.replace(xavier.GLOROT, name=f"batch_{size}", title=f"batches of {size}", batch_size=size)
    for size in SIZES
]


def look(study):
    import numpy as np

    from tutorials.course.figures import accuracy_by_batch_size

    for name, members in study.members.items():
        seconds = np.median(members.seconds)
        epochs = members.history["loss"].shape[1]
        reached = np.median(np.nan_to_num(members.epochs_to_80, nan=np.inf))
        print(
            f"{study.title(name)}: test accuracy {np.median(members.test_accuracy):.3f}; 80 % after {reached:.0f} "
            f"epochs, {reached * seconds / epochs:.2f} s at {1000 * seconds / epochs:.2f} ms each (medians)"
        )
    return {"accuracy_by_batch_size": accuracy_by_batch_size(study)}


def run(settings):
    from tutorials.lab.studies import run_study

    return run_study("batch_size", EXPERIMENTS, settings, look)


if __name__ == "__main__":
    main(run, __doc__, study=True)
