"""Deep tanh: the same network with five hidden layers instead of one.

Question: do more layers learn more? The tutorial reports 0.530 and 0.468, a coin toss.
Found with seed 1: they do not, 0.564 and 0.520 after 500 epochs. `gradient_diagnosis` looks for the reason.
Of 30 seeds none learns; the median is 0.511.
"""

from tutorials.lab import Experiment, main, mlp
from tutorials.lab.experiment import uniform


def build_model():
    return mlp(5, activation="tanh", initializer=uniform, output_initializer=uniform)


EXPERIMENT = Experiment("deep_tanh", "tanh, 5 hidden layers", build_model, published=(0.530, 0.468))


def run(settings):
    from tutorials.lab.runs import train

    return [train(EXPERIMENT, settings)]


if __name__ == "__main__":
    main(run, __doc__)
