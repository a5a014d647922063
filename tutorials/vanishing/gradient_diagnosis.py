"""Gradient diagnosis: deep tanh and deep ReLU once more, to see why one fails where the other succeeds.

The networks and the seed are those of `deep_tanh` and `deep_relu`, so the accuracies are the same to the last digit.
Those scripts record the mean gradient of every layer. Here `Diagnosis` also records, after each epoch, histograms of
every kernel's gradient and weights, and statistics of the activations on the training samples; and it says what is
wrong.
In TensorBoard, open Distributions or Histograms and filter by `kernel_0_grad`; dense_1 is the first hidden layer,
dense_6 the output.
Found with seed 1: in deep tanh the output layer's mean |gradient| is 0.07 and the middle layers' 0.003; in deep
ReLU all layers have between 0.015 and 0.10, the first hidden layer the most.
"""

from tutorials.lab import EpochMetrics, new_run, plot_accuracy, plot_gradients, two_circles, whole_epochs, write_image
from tutorials.script import Script

import keras
from keras.initializers import GlorotUniform, HeUniform, RandomUniform
from keras.layers import Dense
from tabulate import tabulate
from tqdm.keras import TqdmCallback

from callbacks import Diagnosis


def build_tanh():
    hidden = [Dense(5, "tanh", kernel_initializer=RandomUniform(0, 1), name=f"dense_{i}") for i in range(1, 6)]
    output = Dense(1, "sigmoid", kernel_initializer=RandomUniform(0, 1), name="dense_6")
    return keras.Sequential([keras.Input((2,)), *hidden, output])


def build_relu():
    hidden = [Dense(5, "relu", kernel_initializer=HeUniform(), name=f"dense_{i}") for i in range(1, 6)]
    output = Dense(1, "sigmoid", kernel_initializer=GlorotUniform(), name="dense_6")
    return keras.Sequential([keras.Input((2,)), *hidden, output])


def train(name, title, build, seed, epochs, log_dir):
    """Train one of the networks; returns the `GradientMonitor` that the diagnosis keeps."""
    log_dir = new_run(log_dir, name, seed)
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test) = two_circles()
    model = build()
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    whole_epochs(model, seed)  # thirty times faster; without this line it is plain Keras
    diagnosis = Diagnosis(log_dir, histogram_freq=1, probe=x_train)
    history = model.fit(
        x_train,
        y_train,
        validation_data=(x_test, y_test),
        epochs=epochs,
        verbose=0,
        callbacks=[EpochMetrics(log_dir), TqdmCallback(desc=name, verbose=0), diagnosis],
    )
    _, train_accuracy = model.evaluate(x_train, y_train, verbose=0)
    _, test_accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Train: {train_accuracy:.3f}, Test: {test_accuracy:.3f}")
    plot_accuracy(history, title).savefig(log_dir / "accuracy.png", dpi=120)
    diagnosis.gradients.plot().savefig(log_dir / "gradients.png", dpi=120)
    return diagnosis.gradients


def run(seed=1, epochs=500, log_dir="logs"):
    """Train both networks, print each layer's gradient and plot them side by side."""
    tanh = train("tanh_gradients", "tanh, 5 hidden layers", build_tanh, seed, epochs, log_dir)
    relu = train("relu_gradients", "ReLU, 5 hidden layers", build_relu, seed, epochs, log_dir)
    columns = [monitor.history["abs_mean"].mean(axis=0) for monitor in (tanh, relu)]
    rows = zip(tanh.layers, *columns, strict=True)
    print(f"\n{tabulate(rows, ['mean |gradient|', 'deep tanh', 'deep ReLU'], floatfmt='.2e')}")
    figure = plot_gradients({"tanh, 5 hidden layers": tanh, "ReLU, 5 hidden layers": relu})
    directory = new_run(log_dir, "tanh_against_relu", seed)
    figure.savefig(directory / "gradients.png", dpi=120)
    write_image(directory, "tanh_against_relu", figure)


SCRIPT = Script(__doc__, run)

if __name__ == "__main__":
    SCRIPT.main()
