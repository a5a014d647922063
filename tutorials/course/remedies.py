"""Remedies: what makes a network learn that vanishes, one whose units die, one that explodes?

Each of the course's techniques is applied alone, with nothing else changed, to three networks that fail without
it: the tutorial's deep tanh, its 20 layers of ReLU, and eight layers of 25 ReLU units with weights from N(0, 1).
Found with 30 seeds: weights of the right size cure the first and the last, 30 of 30. For the layers of ReLU
only losses on the hidden layers do much, 24 of 30. Clipping saves most exploding networks if the norm of all
gradients is clipped together; penalties cure none, greedy pre-training few.
"""

from functools import partial

from tutorials.lab import Experiment, main, mlp
from tutorials.lab.experiment import adam, batch_normalized, layer_normalized, normal, residual, sgd, uniform

TANH = {"hidden_layers": 5, "activation": "tanh", "initializer": uniform, "output_initializer": uniform}
DEEP_RELU = {"hidden_layers": 20, "activation": "relu", "initializer": "he_uniform"}
WILD_RELU = {"hidden_layers": 8, "width": 25, "activation": "relu", "initializer": normal}
NETWORKS = {
    "vanishing": ("tanh, 5 x 5, weights in [0, 1]", TANH),
    "dying": ("ReLU, 20 x 5, He uniform weights", DEEP_RELU),
    "exploding": ("ReLU, 8 x 25, weights from N(0, 1)", WILD_RELU),
}


def network(**changes):
    """The remedy that builds the network with other arguments of `mlp`."""
    return lambda plain: {"build_model": partial(mlp, **plain | changes)}


def optimizer(build, *args, **options):
    """The remedy that is another optimizer."""
    return lambda plain: {"build_optimizer": partial(build, *args, **options)}


def weights(initializer):
    return network(initializer=initializer, output_initializer=initializer)


def leaky_relu(x):
    from keras.activations import leaky_relu

    return leaky_relu(x, negative_slope=0.01)


def greedy(plain):
    def build():
        from tutorials.course.layerwise import GreedyPretraining

        return GreedyPretraining(mlp(**plain), steps=250 * 16 // plain["hidden_layers"])

    return {"build_model": build}


def deeply_supervised(plain):
    def build():
        from tutorials.course.layerwise import DeepSupervision

        return DeepSupervision(mlp(**plain))

    return {"build_model": build}


REMEDIES = {
    "plain": ("nothing", network()),
    "pretraining": ("layer by layer for 250 epochs, then together", greedy),
    "clip_value": ("gradients clipped to [-0.5, 0.5]", optimizer(sgd, clipvalue=0.5)),
    "clip_norm": ("gradients clipped to norm 1", optimizer(sgd, clipnorm=1.0)),
    "clip_global_norm": ("gradients clipped to norm 1 in all", optimizer(sgd, global_clipnorm=1.0)),
    "l1": ("L1 penalty, 0.01", network(kernel_regularizer="l1")),
    "l2": ("L2 penalty, 0.01", network(kernel_regularizer="l2")),
    "relu": ("ReLU", network(activation="relu")),
    "relu_he": ("ReLU, He uniform weights", network(activation="relu", initializer="he_uniform")),
    "leaky_relu": ("leaky ReLU, slope 0.01", network(activation=leaky_relu)),
    "leaky_relu_he": ("leaky ReLU, He uniform weights", network(activation=leaky_relu, initializer="he_uniform")),
    "batch_normalization": ("batch normalization", network(block=batch_normalized)),
    "layer_normalization": ("layer normalization", network(block=layer_normalized)),
    "residual": ("residual connections", network(block=residual)),
    "he": ("He uniform weights", weights("he_uniform")),
    "glorot": ("Glorot uniform weights", weights("glorot_uniform")),
    "orthogonal": ("orthogonal weights", weights("orthogonal")),
    "adam": ("Adam at its default rate, 0.001", optimizer(adam)),
    "adam_0_01": ("Adam at 0.01", optimizer(adam, 0.01)),
    "auxiliary": ("a loss on every hidden layer", deeply_supervised),
}
ALREADY = {"dying_relu", "dying_relu_he", "dying_leaky_relu_he", "exploding_relu"}
"""What would change nothing, or nothing more than another line of the table does."""

EXPERIMENTS = [
    Experiment(f"{fails}_{name}", words, **network()(plain) | remedy(plain))
    for fails, (_, plain) in NETWORKS.items()
    for name, (words, remedy) in REMEDIES.items()
    if f"{fails}_{name}" not in ALREADY
]


def look(study):
    from tutorials.course.figures import league
    from tutorials.lab.command import text_table

    for fails, (words, _) in NETWORKS.items():
        print(f"{words}:\n\n{text_table(table(study, fails))}\n")
    return {"league": league(study, {fails: words for fails, (words, _) in NETWORKS.items()})}


def table(study, fails):
    """Returns the league table of one network as rows of words, the best first; cost is against the plain network."""
    import numpy as np

    from tutorials.lab.studies import gradient_ratio

    named = [name for name in study.members if name.startswith(f"{fails}_")]
    rows = [(study.title(name), study.members[name]) for name in named]
    plain = study.members[f"{fails}_plain"]
    rows.sort(key=lambda row: (-row[1].learned.sum(), -np.median(row[1].test_accuracy)))
    head = ("technique", "seeds that learn", "median test accuracy", "first/last gradient", "cost of an epoch")
    return [head, *(
        (
            words,
            f"{members.learned.sum()} of {len(members.seeds)}",
            f"{np.median(members.test_accuracy):.3f}",
            f"{gradient_ratio(members):.2g}",
            f"{np.median(members.seconds) / np.median(plain.seconds):.2f}",
        )
        for words, members in rows
    )]  # fmt: skip


def run(settings):
    from tutorials.lab.studies import run_study

    return run_study("remedies", EXPERIMENTS, settings, look)


if __name__ == "__main__":
    main(run, __doc__, study=True)
