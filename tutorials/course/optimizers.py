"""Optimizers: which of them get deep tanh going, each at the learning rate that suits it best?

The tutorial's network of five tanh layers, weights uniform in [0, 1], with seven optimizers of Keras. Each gets
the same eight learning rates (AdaDelta, whose natural rate is 1, a hundred times as large); the one that counts
is the one with the best median accuracy on the training half, so that the test half has no say in it.
Found with 30 seeds: RMSProp and Adam at 0.01 learn with all of them, AdaDelta at 10 with 25, Nesterov at 0.03
with 18, momentum at 0.03 with 14, gradient descent at 1 with 9, AdaGrad at 0.3 with 3.
"""

import dataclasses
from functools import partial

from tutorials.lab import main
from tutorials.lab.experiment import optimizer
from tutorials.vanishing import deep_tanh

RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
OPTIMIZERS = {
    "gradient descent": ("SGD", {}),
    "momentum": ("SGD", {"momentum": 0.9}),
    "Nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "AdaGrad": ("Adagrad", {}),
    "RMSProp": ("RMSprop", {}),
    "AdaDelta": ("Adadelta", {}),
    "Adam": ("Adam", {}),
}


def rates(words):
    return [round(100 * rate, 3) for rate in RATES] if words == "AdaDelta" else RATES


def name_of(words, rate):
    return f"deep_tanh_{words}_{rate}".lower().replace(" ", "_").replace(".", "_")


EXPERIMENTS = [
    dataclasses.replace(
        deep_tanh.EXPERIMENT,
        name=name_of(words, rate),
        title=f"{words}, learning rate {rate}",
        build_optimizer=partial(optimizer, made, rate, **options),
        published="",
    )
    for words, (made, options) in OPTIMIZERS.items()
    for rate in rates(words)
]


def look(study):
    import numpy as np

    from tutorials.course.figures import accuracy_by_optimizer
    from tutorials.lab.studies import learned_words

    grids = {words: [name_of(words, rate) for rate in rates(words)] for words in OPTIMIZERS}
    groups = {words: [name for name in names if name in study.members] for words, names in grids.items()}
    groups = {words: names for words, names in groups.items() if names}
    chosen = {
        words: max(names, key=lambda name: np.median(study.members[name].train_accuracy))
        for words, names in groups.items()
    }
    for name in chosen.values():
        print(f"{study.title(name)}, its best: {learned_words(study.members[name])}.")
    return {"accuracy_by_optimizer": accuracy_by_optimizer(study, groups, chosen)}


def run(settings):
    from tutorials.lab.studies import run_study

    return run_study("optimizers", EXPERIMENTS, settings, look)


if __name__ == "__main__":
    main(run, __doc__, study=True)
