"""Xavier: does deep tanh learn when its weights are drawn the way Glorot and Bengio proposed?

The weights of the tutorial's deep tanh network come from [0, 1], all positive and too large: the units saturate.
Glorot uniform weights are spread about zero, so that signals and gradients keep their size from layer to layer.
The gradient profile shows what that changes; deep ReLU with He-uniform weights is drawn beside the two.
Found with 30 seeds: with Glorot weights all of them learn, to 0.836 in the median; with weights in [0, 1] none does.
"""

from tutorials.lab import Experiment, main, mlp
from tutorials.vanishing import deep_relu, deep_tanh


def build_model():
    return mlp(5, activation="tanh", initializer="glorot_uniform", output_initializer="glorot_uniform")


GLOROT = Experiment("deep_tanh_glorot", "tanh, 5 hidden layers, Glorot", build_model)
EXPERIMENTS = [deep_tanh.EXPERIMENT, GLOROT, deep_relu.EXPERIMENT]


def look(study):
    from tutorials.lab.figures import gradient_profiles
    from tutorials.lab.studies import learned_words

    for name, members in study.members.items():
        before, after = (members.activations["saturated_fraction"][:, when, 1:-1] for when in (0, 1))
        saturated = f"saturated hidden units {before.mean():.0%} before, {after.mean():.0%} after training"
        print(f"{study.title(name)}: {learned_words(members)}; {saturated if before.mean() >= 0 else 'ReLU'}.")
    return {"gradient_profile": gradient_profiles(study)}


def run(settings):
    from tutorials.lab.studies import run_study

    return run_study("xavier", EXPERIMENTS, settings, look)


if __name__ == "__main__":
    main(run, __doc__, study=True)
