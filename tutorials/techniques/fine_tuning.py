"""Fine-tuning: learning from few images with a network that has learned other digits before, or with more copies.

A dense network 784-100-50-5 learns the digits 0 to 4. Then networks learn the digits 5 to 9 from 10 to 200 images, in
four ways: from random weights; with the hidden layers of the first network, all layers trained further; with its hidden
layers frozen, so that only a new output layer is trained; and from random weights with each image five times: as it is,
and moved up, down, left and right. Each seed draws images of its own.
Found with 30 seeds: pre-training does not pay here. With 20 images a pre-trained network gets 0.86 of the test images,
with frozen hidden layers 0.69, one from random weights 0.90: the hidden layers have learned to tell five other digits
apart. Seed by seed, shifted copies gain 0.017 with 10 images (median), 0.006 with 50, and 0.002 with 200.
"""

from functools import partial

from tutorials.lab import EpochMetrics, digits, new_run, only_classes, shifted, stratified_subset, whole_epochs
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
METHODS = {
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


def high_digits(samples, moved, source, seed):
    few = stratified_subset(only_classes(digits(source), 5, 9), samples, seed)
    return shifted(few) if moved else few


def experiments(source=None):
    """The first learns the digits 0 to 4, the others the digits 5 to 9; each of these processes 10,000 images."""
    first = Experiment(
        "digits_0_to_4", "the digits 0 to 4", build_model, data=partial(low_digits, source), epochs=30, batch_size=20
    )
    return [first] + [
        Experiment(
            f"digits_5_to_9_{method}_{samples}",
            f"{title}, {samples} images",
            partial(build_model, frozen=method == "frozen"),
            data=partial(high_digits, samples, method == "shifted", source),
            epochs=10_000 // samples // (5 if method == "shifted" else 1),
            batch_size=20,
            own_samples=True,
            pretrained=first if method in ("fine_tuned", "frozen") else None,
            transfer=take_hidden_layers if method in ("fine_tuned", "frozen") else None,
        )
        for samples in SAMPLES
        for method, title in METHODS.items()
    ]


def train(experiment, seed, epochs, log_dir, pretrained=None):
    """Train one network; returns its `Result` and the network."""
    log_dir = new_run(log_dir, experiment.name, seed)
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test) = experiment.samples(seed)
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
    result, pretrained = train(first, seed, first.epochs, log_dir)
    results = [result] + [train(one, seed, epochs, log_dir, pretrained)[0] for one in others]
    tested = {one.name: np.array([found.test_accuracy]) for one, found in zip(others, results[1:], strict=True)}
    figure = draw(tested, f"seed {seed}")
    figure.savefig(new_run(log_dir, "fine_tuning", seed) / "test_accuracy.png", dpi=120)
    return results


def draw(tested, seeds):
    """Draw test accuracy by the number of images; `tested` is an experiment's name to its accuracies, (seeds,)."""
    by_method = {
        title: np.stack([tested[f"digits_5_to_9_{method}_{samples}"] for samples in SAMPLES], axis=1)
        for method, title in METHODS.items()
    }
    with_fewest = {title: np.median(values[:, 0]) for title, values in by_method.items()}
    best = max(with_fewest, key=with_fewest.__getitem__)
    title = f"Best with {SAMPLES[0]} images: {best}, {with_fewest[best]:.3f}; {seeds}"
    panels = {"test accuracy on the digits 5 to 9 (share of images)": by_method}
    return lines(SAMPLES, panels, "images to learn from", title, xlog=True)


def summarize(study):
    tested = {name: members.test_accuracy for name, members in study.members.items()}
    for name, accuracies in tested.items():
        print(f"{study.title(name)}: test accuracy {np.median(accuracies):.3f} (median)")
    return {"test_accuracy": draw(tested, number_of_seeds(study, with_epochs=False))}


SCRIPT = Script(__doc__, run, experiments, summarize)

if __name__ == "__main__":
    SCRIPT.main()
