"""Few samples: a network that has learned other digits before, and shifted copies of the few images that there are.

A dense network 784-100-50-5 learns the digits 0 to 4. Then the digits 5 to 9 are to be learned from 10 to 200
images: from random weights, from the weights that it has, all of them trained further, and with the hidden layers
frozen, so that only the new output layer is trained. Beside them, from random weights, each image five times: as it
is, and moved up, down, left and right.
"""

from functools import partial

from tutorials.lab import EpochMetrics, digits, first_samples, new_run, only_classes, shifted, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment, number_of_seeds
from tutorials.techniques.technique_plots import lines

import keras
import numpy as np
from keras.initializers import HeUniform
from keras.layers import Dense
from keras.optimizers import Adam
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor

SAMPLES = (10, 20, 50, 200)
WAYS = {
    "scratch": "from random weights",
    "shifted": "from random weights, shifted copies",
    "fine_tuned": "pre-trained, all layers trained further",
    "frozen": "pre-trained, hidden layers frozen",
}


def build_model(frozen=False):
    hidden = [
        Dense(units, "relu", kernel_initializer=HeUniform(), trainable=not frozen, name=f"dense_{i}")
        for i, units in enumerate((100, 50), 1)
    ]
    model = keras.Sequential([keras.Input((784,)), *hidden, Dense(5, "softmax", name="dense_3")])
    model.compile(Adam(0.001), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def take_hidden_layers(model, pretrained):
    """Give a model the hidden layers of another; its output layer keeps its random weights."""
    for name in ("dense_1", "dense_2"):
        model.get_layer(name).set_weights(pretrained.get_layer(name).get_weights())


def low_digits(source):
    return only_classes(digits(source), 0, 4)


def high_digits(samples, moved, source):
    few = first_samples(only_classes(digits(source), 5, 9), samples)
    return shifted(few) if moved else few


def experiments(source=None):
    """The experiments: the first learns the digits 0 to 4, the others 5 to 9; all of them see 20,000 images."""
    first = Experiment(
        "digits_0_to_4", "the digits 0 to 4", build_model, data=partial(low_digits, source), epochs=30, batch_size=20
    )
    return [first] + [
        Experiment(
            f"digits_5_to_9_{way}_{samples}",
            f"{title}, {samples} images",
            partial(build_model, frozen=way == "frozen"),
            data=partial(high_digits, samples, way == "shifted", source),
            epochs=20_000 // samples // (5 if way == "shifted" else 1),
            batch_size=20,
            pretrained=first if way in ("fine_tuned", "frozen") else None,
            transfer=take_hidden_layers if way in ("fine_tuned", "frozen") else None,
        )
        for samples in SAMPLES
        for way, title in WAYS.items()
    ]


def train(experiment, seed, epochs, log_dir, pretrained=None):
    """Train one network; returns its `Result` and the network."""
    log_dir = new_run(log_dir, experiment.name, seed)
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test) = experiment.data()
    model = experiment.build_model()
    if experiment.pretrained:
        take_hidden_layers(model, pretrained)
    whole_epochs(model, seed)  # faster; without this line it is plain Keras
    model.fit(
        x_train,
        y_train,
        batch_size=20,
        validation_data=(x_test, y_test),
        epochs=epochs or experiment.epochs,
        verbose=0,
        callbacks=[
            GradientMonitor(log_dir),
            WeightNormMonitor(log_dir),
            EpochMetrics(log_dir),
            TqdmCallback(desc=experiment.name, verbose=0),
        ],
    )
    _, train_accuracy = model.evaluate(x_train, y_train, verbose=0)
    _, test_accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"{experiment.title}: Train: {train_accuracy:.3f}, Test: {test_accuracy:.3f}")
    return Result(experiment.title, train_accuracy, test_accuracy), model


def run(seed=1, epochs=None, log_dir="logs", data=None):
    first, *others = experiments(data)
    result, pretrained = train(first, seed, epochs, log_dir)
    results = [result] + [train(one, seed, epochs, log_dir, pretrained)[0] for one in others]
    tested = {one.name: np.array([found.test_accuracy]) for one, found in zip(others, results[1:], strict=True)}
    figure = draw(tested, f"seed {seed}")
    figure.savefig(new_run(log_dir, "fine_tuning", seed) / "test_accuracy.png", dpi=120)
    return results


def draw(tested, seeds):
    """Draw test accuracy by the number of images; `tested` is an experiment's name to its accuracies, (seeds,)."""
    by_way = {
        title: np.stack([tested[f"digits_5_to_9_{way}_{samples}"] for samples in SAMPLES], axis=1)
        for way, title in WAYS.items()
    }
    ahead = {title: np.median(values[:, 0]) for title, values in by_way.items()}
    best = max(ahead, key=ahead.__getitem__)
    title = f"With {SAMPLES[0]} images the best is: {best}, {ahead[best]:.3f}; {seeds}"
    panels = {"test accuracy on the digits 5 to 9 (share of images)": by_way}
    return lines(SAMPLES, panels, "images to learn from", title, log=True)


def summarize(study):
    tested = {name: members.test_accuracy for name, members in study.members.items()}
    for name, accuracies in tested.items():
        print(f"{study.title(name)}: test accuracy {np.median(accuracies):.3f} (median)")
    return {"test_accuracy": draw(tested, number_of_seeds(study, with_epochs=False))}


SCRIPT = Script(__doc__, run, experiments, summarize)

if __name__ == "__main__":
    SCRIPT.main()
