"""Remedies: what makes a network learn whose gradients vanish, whose units die, whose gradients explode?

Each of the course's techniques is applied alone, with nothing else changed, to three networks that fail without it: the
tutorial's deep tanh, its 20 layers of ReLU, and eight layers of 25 ReLU units with weights from N(0, 1). A technique is
an entry of `TECHNIQUES`: the arguments of `build_model` that it changes. `run` trains one network with each technique,
in about four minutes.
Found with 30 seeds: with initial weights of the right size the first and the last network learn with 30 of 30. The 20
layers of ReLU learn with most seeds only if every hidden layer has a loss, 24 of 30. Clipping saves most exploding
networks if the norm of all gradients together is clipped. Penalties cure none of the networks, greedy pre-training few.
"""

import dataclasses
from functools import partial

from tutorials.course._layerwise import DeepSupervision, GreedyPretraining
from tutorials.course.course_plots import league
from tutorials.lab import EpochMetrics, new_run, plot_gradients, two_circles, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment, gradient_ratio, text_table

import keras
import numpy as np
from keras.initializers import GlorotUniform, HeUniform, Orthogonal, RandomNormal, RandomUniform
from keras.layers import BatchNormalization, Dense, LayerNormalization
from keras.optimizers import SGD, Adam
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor


def build_model(
    hidden_layers,
    units,
    activation,
    kernel_initializer,
    output_initializer=GlorotUniform,
    output_activation="sigmoid",
    kernel_regularizer=None,
    block=lambda x, layer: layer(x),
    wrap=lambda network: network,
    optimizer=lambda: SGD(0.01, momentum=0.9),
):
    """A network of dense layers for the two circles.

    Args:
        kernel_initializer, output_initializer: return a new Keras initializer for a hidden layer's kernel, and for
            that of the output. (One initializer object for all layers would start them alike.)
        block: applies a hidden layer to its input, and what goes with the layer.
        wrap: returns the model to train, for techniques that change how the loss is computed.
        optimizer: returns a new Keras optimizer.
    """
    x = inputs = keras.Input((2,))
    for i in range(1, hidden_layers + 1):
        layer = Dense(
            units,
            activation,
            kernel_initializer=kernel_initializer(),
            kernel_regularizer=kernel_regularizer,
            name=f"dense_{i}",
        )
        x = block(x, layer)
    output = Dense(1, output_activation, kernel_initializer=output_initializer(), name=f"dense_{hidden_layers + 1}")
    model = wrap(keras.Model(inputs, output(x)))
    model.compile(optimizer(), "binary_crossentropy", metrics=["accuracy"])
    return model


def uniform():
    return RandomUniform(0, 1)


def normal():
    return RandomNormal(stddev=1)


def leaky_relu(x):
    return keras.activations.leaky_relu(x, negative_slope=0.01)


def batch_normalization(x, layer):
    return BatchNormalization()(layer(x))


def layer_normalization(x, layer):
    return LayerNormalization()(layer(x))


def residual(x, layer):
    y = layer(x)
    return x + y if x.shape == y.shape else y


def weights(initializer):
    """The change that draws all weights, the output's too, from another initializer."""
    return {"kernel_initializer": initializer, "output_initializer": initializer}


NETWORKS = {
    "vanishing": (
        "tanh, 5 x 5, weights in [0, 1]",
        {"hidden_layers": 5, "units": 5, "activation": "tanh", **weights(uniform)},
    ),
    "dying": (
        "ReLU, 20 x 5, He uniform weights",
        {"hidden_layers": 20, "units": 5, "activation": "relu", "kernel_initializer": HeUniform},
    ),
    "exploding": (
        "ReLU, 8 x 25, weights from N(0, 1)",
        {"hidden_layers": 8, "units": 25, "activation": "relu", "kernel_initializer": normal},
    ),
}
"""How a network fails, its title, and the arguments of `build_model` that make it."""

PRETRAINING_STEPS = 250 * 16
"""Half of the training: 250 epochs of 16 steps."""

TECHNIQUES = {
    "plain": ("nothing", {}),
    "pretraining": (
        "layer by layer for 250 epochs, then together",
        {"wrap": partial(GreedyPretraining, steps=PRETRAINING_STEPS)},
    ),
    "clip_value": ("gradients clipped to [-0.5, 0.5]", {"optimizer": partial(SGD, 0.01, momentum=0.9, clipvalue=0.5)}),
    "clip_norm": ("gradients clipped to norm 1", {"optimizer": partial(SGD, 0.01, momentum=0.9, clipnorm=1.0)}),
    "clip_global_norm": (
        "gradients clipped to a global norm of 1",
        {"optimizer": partial(SGD, 0.01, momentum=0.9, global_clipnorm=1.0)},
    ),
    "l1": ("L1 penalty, 0.01", {"kernel_regularizer": keras.regularizers.L1(0.01)}),
    "l2": ("L2 penalty, 0.01", {"kernel_regularizer": keras.regularizers.L2(0.01)}),
    "relu": ("ReLU", {"activation": "relu"}),
    "relu_he": ("ReLU with He uniform weights", {"activation": "relu", "kernel_initializer": HeUniform}),
    "leaky_relu": ("leaky ReLU, slope 0.01", {"activation": leaky_relu}),
    "leaky_relu_he": (
        "leaky ReLU with He uniform weights",
        {"activation": leaky_relu, "kernel_initializer": HeUniform},
    ),
    "batch_normalization": ("batch normalization after each hidden layer", {"block": batch_normalization}),
    "layer_normalization": ("layer normalization after each hidden layer", {"block": layer_normalization}),
    "residual": ("residual connections", {"block": residual}),
    "he": ("He uniform weights", weights(HeUniform)),
    "glorot": ("Glorot uniform weights", weights(GlorotUniform)),
    "orthogonal": ("orthogonal weights", weights(Orthogonal)),
    "adam": ("Adam at its default rate, 0.001", {"optimizer": Adam}),
    "adam_0_01": ("Adam at 0.01", {"optimizer": partial(Adam, 0.01)}),
    "auxiliary": ("a loss on every hidden layer", {"wrap": DeepSupervision}),
}
"""A technique's title, and the arguments of `build_model` that it changes."""

NO_CHANGE = {"dying_relu", "dying_relu_he", "dying_leaky_relu_he", "exploding_relu"}
"""What would change nothing, or nothing more than another line of the table does."""

EXPERIMENTS = [
    Experiment(f"{failure}_{name}", title, partial(build_model, **network | changes))
    for failure, (_, network) in NETWORKS.items()
    for name, (title, changes) in TECHNIQUES.items()
    if f"{failure}_{name}" not in NO_CHANGE
]


def train(experiment, seed, epochs, log_dir):
    """Train one network; returns its `Result` and its `GradientMonitor`."""
    log_dir = new_run(log_dir, experiment.name, seed)
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test) = two_circles()
    model = experiment.build_model()
    whole_epochs(model, seed)  # thirty times faster; without this line it is plain Keras
    gradients = GradientMonitor(log_dir)
    model.fit(
        x_train,
        y_train,
        validation_data=(x_test, y_test),
        epochs=epochs,
        verbose=0,
        callbacks=[
            gradients,
            WeightNormMonitor(log_dir),
            EpochMetrics(log_dir),
            TqdmCallback(desc=experiment.name, verbose=0),
        ],
    )
    _, train_accuracy = model.evaluate(x_train, y_train, verbose=0)
    _, test_accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"{experiment.name}: Train: {train_accuracy:.3f}, Test: {test_accuracy:.3f}")
    return Result(experiment.title, train_accuracy, test_accuracy), gradients


def run(seed=1, epochs=500, log_dir="logs"):
    results = []
    for failure, (network, _) in NETWORKS.items():
        print(f"{network}:")
        experiments = [one for one in EXPERIMENTS if one.name.startswith(f"{failure}_")]
        trained = {one.title: train(one, seed, epochs, log_dir) for one in experiments}
        best = max(trained, key=lambda title: trained[title][0].test_accuracy)
        figure = plot_gradients({title: trained[title][1] for title in dict.fromkeys(("nothing", best))})
        figure.savefig(new_run(log_dir, f"remedies_{failure}", seed) / "gradients.png", dpi=120)
        results += [dataclasses.replace(result, title=f"{failure}: {result.title}") for result, _ in trained.values()]
    return results


def summarize(study):
    for failure, (network, _) in NETWORKS.items():
        print(f"{network}:\n\n{text_table(table(study, failure))}\n")
    return {"league": league(study, {failure: network for failure, (network, _) in NETWORKS.items()})}


def table(study, failure):
    """Return the league table of one network as rows of strings, the best first; cost is against the plain network."""
    names = [name for name in study.members if name.startswith(f"{failure}_")]
    rows = [(study.title(name), study.members[name]) for name in names]
    plain = study.members[f"{failure}_plain"]
    rows.sort(key=lambda row: (-row[1].learned.sum(), -np.median(row[1].test_accuracy)))
    head = ("technique", "seeds that learn", "median test accuracy", "first/last gradient", "cost of an epoch")
    return [
        head,
        *(
            (
                title,
                f"{members.learned.sum()} of {len(members.seeds)}",
                f"{np.median(members.test_accuracy):.3f}",
                f"{gradient_ratio(members):.2g}",
                f"{np.median(members.seconds) / np.median(plain.seconds):.2f}",
            )
            for title, members in rows
        ),
    ]


SCRIPT = Script(__doc__, run, EXPERIMENTS, summarize)

if __name__ == "__main__":
    SCRIPT.main()
