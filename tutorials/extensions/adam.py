"""Adam: does an adaptive optimizer get deep tanh going where SGD with momentum does not?

One learning rate would be unfair to one of them, so both are given the same five. The weights are
still those of the tutorial, uniform in [0, 1].
Found with 30 seeds: at 0.01 Adam learns with all of them, at its default of 0.001 with 17, at 0.1 with none. SGD
learns with none at the tutorial's 0.01 and with 14 at best, at 0.03.
"""

import dataclasses
from functools import partial

from tutorials.lab import main
from tutorials.lab.experiment import adam, sgd
from tutorials.vanishing import deep_tanh

RATES = (0.001, 0.003, 0.01, 0.03, 0.1)


EXPERIMENTS = [
    dataclasses.replace(
        deep_tanh.EXPERIMENT,
        name=f"deep_tanh_{build.__name__}_{rate}".replace(".", "_"),
        title=f"{words}, learning rate {rate}",
        build_optimizer=partial(build, rate),
        published="",
    )
    for build, words in ((sgd, "SGD"), (adam, "Adam"))
    for rate in RATES
]


def look(study):
    from tutorials.lab.figures import accuracy_by_rate
    from tutorials.lab.studies import learned_words

    for optimizer, words in (("sgd", "SGD with momentum"), ("adam", "Adam")):
        names = [name for name in study.members if f"_{optimizer}_" in name]
        best = max(names, key=lambda name: study.members[name].learned.sum())
        rate = study.configurations[best]["learning_rate"]
        print(f"{words}, at its best rate, {rate}: {learned_words(study.members[best])}.")
    return {"accuracy_by_learning_rate": accuracy_by_rate(study)}


def run(settings):
    from tutorials.lab.studies import run_study

    return run_study("adam", EXPERIMENTS, settings, look)


if __name__ == "__main__":
    main(run, __doc__, study=True)
