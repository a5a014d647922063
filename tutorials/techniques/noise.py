"""Noise: does training with noise improve the accuracy on noisy images?

A dense network 784-100-50-10 learns handwritten digits as they are, with Gaussian noise of 0.3 added to the images, and
with Gaussian noise of 0.05 added to the weights, new at every step. Then noise is added to the test images, up to a
standard deviation of 1; grey values are between 0 and 1.
Found with 30 seeds: on test images with noise of 0.75 the test accuracy is 0.79 after training without noise, 0.81 with
noise on the weights, 0.84 with noise on the images. On images without noise it is 0.965, 0.950 and 0.964.
"""

from functools import partial

from tutorials.lab import EpochMetrics, digits, new_run, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment, number_of_seeds
from tutorials.techniques.technique_plots import lines

import keras
import numpy as np
from keras import ops
from keras.initializers import HeUniform
from keras.layers import Dense, GaussianNoise
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor

LEVELS = (0, 0.25, 0.5, 0.75, 1)
TITLES = {"plain": "no noise", "inputs": "noise of 0.3 on the images", "weights": "noise of 0.05 on the weights"}


class NoisyDense(Dense):
    """A dense layer that adds Gaussian noise to its kernel in training, new at every step."""

    def __init__(self, units, activation=None, noise=0.0, **options):
        super().__init__(units, activation, **options)
        self.noise = noise
        self.generator = keras.random.SeedGenerator()

    def call(self, inputs, training=False):
        if not training:
            return super().call(inputs)
        kernel = self.kernel + keras.random.normal(self.kernel.shape, stddev=self.noise, seed=self.generator)
        return self.activation(ops.matmul(inputs, kernel) + self.bias)

    def get_config(self):
        return super().get_config() | {"noise": self.noise}


def build_model(on_inputs=0.0, on_weights=0.0):
    model = keras.Sequential([keras.Input((784,))])
    if on_inputs:
        model.add(GaussianNoise(on_inputs))
    for i, units in enumerate((100, 50), 1):
        model.add(NoisyDense(units, "relu", on_weights, kernel_initializer=HeUniform(), name=f"dense_{i}"))
    model.add(NoisyDense(10, "softmax", on_weights, name="dense_3"))
    model.compile(keras.optimizers.Adam(0.001), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def accuracy_under_noise(model, data):
    """The test accuracy at each level of noise in the images, (levels,); the noise is the same for all networks."""
    _, (x_test, y_test) = data
    noise = np.random.RandomState(1).randn(*x_test.shape).astype(np.float32)
    predicted = [model(x_test + level * noise).numpy().argmax(axis=1) for level in LEVELS]
    return {"under_noise": np.array([(classes == y_test).mean() for classes in predicted])}


def experiments(source=None):
    noise = {"plain": {}, "inputs": {"on_inputs": 0.3}, "weights": {"on_weights": 0.05}}
    return [
        Experiment(
            f"digits_noise_{name}",
            TITLES[name],
            partial(build_model, **added),
            data=partial(digits, source),
            epochs=20,
            batch_size=75,
            measure=accuracy_under_noise,
        )
        for name, added in noise.items()
    ]


def train(experiment, seed, epochs, log_dir):
    """Train one network; returns its `Result`, and its test accuracy at each level of noise, (levels,)."""
    log_dir = new_run(log_dir, experiment.name, seed)
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test) = data = experiment.data()
    model = experiment.build_model()
    whole_epochs(model, seed)  # faster; without this line it is plain Keras
    model.fit(
        x_train,
        y_train,
        batch_size=75,
        validation_data=(x_test, y_test),
        epochs=epochs,
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
    result = Result(experiment.title, train_accuracy, test_accuracy)
    return result, accuracy_under_noise(model, data)["under_noise"]


def run(seed=1, epochs=20, log_dir="logs", data=None):
    trained = {one.name: train(one, seed, epochs, log_dir) for one in experiments(data)}
    figure = draw({name: accuracies[None] for name, (_, accuracies) in trained.items()}, f"seed {seed}")
    figure.savefig(new_run(log_dir, "noise", seed) / "under_noise.png", dpi=120)
    return [result for result, _ in trained.values()]


def draw(under_noise, seeds):
    """Draw test accuracy against the noise in the test images; `under_noise` has arrays (seeds, levels)."""
    by_technique = {TITLES[name.rpartition("_")[2]]: values for name, values in under_noise.items()}
    middle = len(LEVELS) // 2
    found = ", ".join(f"{np.median(values[:, middle]):.2f} with {name}" for name, values in by_technique.items())
    title = f"Test accuracy under noise of {LEVELS[middle]}: {found}; {seeds}"
    panels = {"test accuracy (share of images)": by_technique}
    return lines(LEVELS, panels, "standard deviation of the noise in the test images", title)


def summarize(study):
    under_noise = {name: members.measured["under_noise"][:, 1] for name, members in study.members.items()}
    for name, values in under_noise.items():
        medians = ", ".join(f"{np.median(values[:, i]):.3f} at {level:g}" for i, level in enumerate(LEVELS))
        print(f"{study.title(name)}: test accuracy by noise in the images: {medians} (medians)")
    return {"under_noise": draw(under_noise, number_of_seeds(study, with_epochs=False))}


SCRIPT = Script(__doc__, run, experiments, summarize)

if __name__ == "__main__":
    SCRIPT.main()
