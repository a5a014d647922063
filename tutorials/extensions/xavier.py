"""Xavier: deep tanh learns when its weights are drawn as Glorot and Bengio proposed.

The weights of the tutorial's deep tanh network come from [0, 1], all positive and too large: the units saturate.
Glorot uniform weights are spread about zero, so that signals and gradients keep their size from layer to layer.
`run` trains both from one seed, so that TensorBoard shows the gradients of every layer side by side; `study` adds deep
ReLU with He-uniform weights for comparison.
Found with 30 seeds: with Glorot weights all learn, to a median test accuracy of 0.836; with weights in [0, 1] none.
"""

from functools import partial

from tutorials.lab import EpochMetrics, new_run, plot_accuracy, plot_gradients, two_circles, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment, learned_sentence
from tutorials.studies.study_plots import gradient_profiles
from tutorials.vanishing import deep_relu

import keras
from keras.initializers import GlorotUniform, RandomUniform
from keras.layers import Dense
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor


def build_model(initializer):
    """Deep tanh; `initializer` returns a new Keras initializer, as one object would start all layers alike."""
    hidden = [Dense(5, "tanh", kernel_initializer=initializer(), name=f"dense_{i}") for i in range(1, 6)]
    output = Dense(1, "sigmoid", kernel_initializer=initializer(), name="dense_6")
    model = keras.Sequential([keras.Input((2,)), *hidden, output])
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model


UNIFORM = Experiment("deep_tanh", "tanh, 5 hidden layers", partial(build_model, lambda: RandomUniform(0, 1)))
GLOROT = Experiment("deep_tanh_glorot", "tanh, 5 hidden layers, Glorot", partial(build_model, GlorotUniform))


def train(experiment, seed, epochs, log_dir):
    """Train one network; returns its `Result` and its `GradientMonitor`."""
    log_dir = new_run(log_dir, experiment.name, seed)
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test) = two_circles()
    model = experiment.build_model()
    whole_epochs(model, seed)  # thirty times faster; without this line it is plain Keras
    gradients = GradientMonitor(log_dir, histogram_freq=1)
    weights = WeightNormMonitor(log_dir, histogram_freq=1)
    history = model.fit(
        x_train,
        y_train,
        validation_data=(x_test, y_test),
        epochs=epochs,
        verbose=0,
        callbacks=[gradients, weights, EpochMetrics(log_dir), TqdmCallback(desc=experiment.name, verbose=0)],
    )
    _, train_accuracy = model.evaluate(x_train, y_train, verbose=0)
    _, test_accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"{experiment.title}: Train: {train_accuracy:.3f}, Test: {test_accuracy:.3f}")
    plot_accuracy(history, experiment.title).savefig(log_dir / "accuracy.png", dpi=120)
    return Result(experiment.title, train_accuracy, test_accuracy), gradients


def run(seed=1, epochs=500, log_dir="logs"):
    uniform, uniform_gradients = train(UNIFORM, seed, epochs, log_dir)
    glorot, glorot_gradients = train(GLOROT, seed, epochs, log_dir)
    figure = plot_gradients({"weights uniform in [0, 1]": uniform_gradients, "Glorot weights": glorot_gradients})
    figure.savefig(new_run(log_dir, "xavier", seed) / "gradients.png", dpi=120)
    return [uniform, glorot]


def summarize(study):
    for name, members in study.members.items():
        before, after = (members.activations["saturated_fraction"][:, when, 1:-1] for when in (0, 1))
        saturated = f"saturated hidden units {before.mean():.0%} before, {after.mean():.0%} after training"
        print(f"{study.title(name)}: {learned_sentence(members)}; {saturated if before.mean() >= 0 else 'ReLU'}.")
    return {"gradient_profile": gradient_profiles(study)}


SCRIPT = Script(__doc__, run, [UNIFORM, GLOROT, deep_relu.EXPERIMENT], summarize)

if __name__ == "__main__":
    SCRIPT.main()
