"""Depth: how many hidden tanh layers can the tutorial's network have before it stops learning?

One to ten hidden layers of five units, weights uniform in [0, 1], everything else as in the tutorial.
Found with 30 seeds: with one or two layers all of them learn, with three 22, with four 10, with five or more none.
"""

from tutorials.lab import Experiment, main, mlp
from tutorials.lab.experiment import uniform


def tanh(layers, width):
    """Returns the experiment with so many hidden layers of so many units."""

    def build_model():
        return mlp(layers, width, activation="tanh", initializer=uniform, output_initializer=uniform)

    return Experiment(f"tanh_{layers}_layers_{width}_wide", f"tanh, {layers} x {width}", build_model)


EXPERIMENTS = [tanh(layers, 5) for layers in range(1, 11)]


def look(study):
    from tutorials.lab.figures import accuracy_by_depth
    from tutorials.lab.results import MOST
    from tutorials.lab.studies import learned_words

    for name, members in study.members.items():
        if members.learned.mean() < MOST:
            print(
                f"The first depth at which fewer than {MOST:.0%} learn, {study.title(name)}: {learned_words(members)}."
            )
            break
    return {"accuracy_by_depth": accuracy_by_depth(study)}


def run(settings):
    from tutorials.lab.studies import run_study

    return run_study("depth", EXPERIMENTS, settings, look)


if __name__ == "__main__":
    main(run, __doc__, study=True)
