"""Deep tanh: five hidden layers instead of one, and the network no longer learns.

Do more layers learn more? Everything else is as in `shallow_tanh`.
The tutorial reports accuracies of 0.530 on the training half and 0.468 on the test half, which is chance level.
Found with seed 1: they do not; the accuracies are 0.564 and 0.520 after 500 epochs. `gradient_diagnosis` looks for the
reason. Of 30 seeds none learns; the median test accuracy is 0.511.
"""

from tutorials.lab import EpochMetrics, new_run, plot_accuracy, two_circles, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment

import keras
from keras.initializers import RandomUniform
from keras.layers import Dense
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor


def build_model():
    hidden = [Dense(5, "tanh", kernel_initializer=RandomUniform(0, 1), name=f"dense_{i}") for i in range(1, 6)]
    output = Dense(1, "sigmoid", kernel_initializer=RandomUniform(0, 1), name="dense_6")
    model = keras.Sequential([keras.Input((2,)), *hidden, output])
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model


EXPERIMENT = Experiment("deep_tanh", "tanh, 5 hidden layers", build_model, published=(0.530, 0.468))


def run(seed=1, epochs=500, log_dir="logs"):
    log_dir = new_run(log_dir, "deep_tanh", seed)
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test) = two_circles()
    model = build_model()
    whole_epochs(model, seed)  # thirty times faster; without this line it is plain Keras
    history = model.fit(
        x_train,
        y_train,
        validation_data=(x_test, y_test),
        epochs=epochs,
        verbose=0,
        callbacks=[
            GradientMonitor(log_dir),
            WeightNormMonitor(log_dir),
            EpochMetrics(log_dir),
            TqdmCallback(desc="deep_tanh", verbose=0),
        ],
    )
    _, train_accuracy = model.evaluate(x_train, y_train, verbose=0)
    _, test_accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Train: {train_accuracy:.3f}, Test: {test_accuracy:.3f}")
    plot_accuracy(history, EXPERIMENT.title).savefig(log_dir / "accuracy.png", dpi=120)
    return [Result(EXPERIMENT.title, train_accuracy, test_accuracy, EXPERIMENT.published)]


SCRIPT = Script(__doc__, run, [EXPERIMENT])

if __name__ == "__main__":
    SCRIPT.main()
