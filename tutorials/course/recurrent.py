"""Recurrent networks: how many steps back a plain network learns to look, and how many an LSTM.

The task is the adding problem: two numbers in a sequence are marked, and the answer is their sum. An answer counts as
correct if it is within 0.1 of the sum. A recurrent network is as deep as its sequence is long, so its gradient can
vanish along time. The plot shows the gradient of the answer with respect to each step's input, before and after
training.
Found with 30 seeds: the plain network learns with two of them at 20 steps and with none from 50 on, the LSTM with all
up to 100 steps and with 28 at 200. The start does not explain it: before training the LSTM's gradient decays faster
than that of the plain network, whose recurrent weights are orthogonal. During training the LSTM learns to preserve it.
"""

from functools import partial

from tutorials.course.course_plots import accuracy_by_length, input_gradients
from tutorials.lab import EpochMetrics, adding_problem, new_run, whole_epochs
from tutorials.script import Result, Script
from tutorials.studies import Experiment

import keras
import numpy as np
import tensorflow as tf
from keras.layers import LSTM, Dense, SimpleRNN
from tqdm.keras import TqdmCallback

from callbacks import GradientMonitor, WeightNormMonitor

STEPS = (20, 50, 100, 200)
CELLS = {"simple_rnn": SimpleRNN, "lstm": LSTM}
TITLES = {name: cell.__name__ for name, cell in CELLS.items()}


def accuracy(y_true, y_pred):
    return keras.ops.cast(keras.ops.abs(y_true - y_pred) < 0.1, "float32")


def build_model(cell, steps):
    model = keras.Sequential([keras.Input((steps, 2)), CELLS[cell](16, name=cell), Dense(1, name="dense")])
    model.compile(keras.optimizers.Adam(0.01, clipnorm=1.0), "mse", metrics=[accuracy])
    return model


def gradient_by_step(model, data):
    """The norm of the answer's gradient with respect to each step's input, the mean over 200 test sequences."""
    x = tf.constant(data[1][0][:200])
    with tf.GradientTape() as tape:
        tape.watch(x)
        answers = model(x)
    return {"input_gradient": tf.reduce_mean(tf.norm(tape.gradient(answers, x), axis=2), axis=0).numpy()}


EXPERIMENTS = [
    Experiment(
        f"{cell}_{steps}",
        f"{TITLES[cell]}, {steps} steps",
        partial(build_model, cell, steps),
        data=partial(adding_problem, steps),
        epochs=100,
        batch_size=50,
        measure=gradient_by_step,
    )
    for steps in STEPS
    for cell in CELLS
]


def print_gradients(title, gradients):
    """Print how much of the gradient reaches the first input; `gradients` is an array (2, steps), before and after."""
    before, after = gradients[:, 0] / gradients[:, -1]
    print(f"{title}: gradient of the first input over that of the last: {before:.0e} untrained, {after:.0e} trained")


def train(experiment, seed, epochs, log_dir):
    """Train one network; returns its `Result` and the gradient by step, an array (2, steps): before and after."""
    log_dir = new_run(log_dir, experiment.name, seed)
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test) = data = experiment.data()
    model = experiment.build_model()
    whole_epochs(model, seed)  # thirty times faster; without this line it is plain Keras
    before = gradient_by_step(model, data)["input_gradient"]
    model.fit(
        x_train,
        y_train,
        batch_size=experiment.batch_size,
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
    after = gradient_by_step(model, data)["input_gradient"]
    _, train_accuracy = model.evaluate(x_train, y_train, verbose=0)
    _, test_accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"{experiment.title}: Train: {train_accuracy:.3f}, Test: {test_accuracy:.3f}")
    gradients = np.stack([before, after])
    print_gradients(experiment.title, gradients)
    return Result(experiment.title, train_accuracy, test_accuracy), gradients


def run(seed=1, epochs=100, log_dir="logs"):
    results, gradients = [], {}
    for experiment in EXPERIMENTS:
        result, gradients[experiment.name] = train(experiment, seed, epochs, log_dir)
        results.append(result)
    log_dir = new_run(log_dir, "recurrent", seed)
    for steps in STEPS:
        figure = input_gradients({title: gradients[f"{cell}_{steps}"][None] for cell, title in TITLES.items()})
        figure.savefig(log_dir / f"input_gradients_{steps}_steps.png", dpi=120)
    return results


def summarize(study):
    for name, members in study.members.items():
        print_gradients(study.title(name), np.median(members.measured["input_gradient"], axis=0))
    lengths = [steps for steps in STEPS if {f"{cell}_{steps}" for cell in CELLS} <= {*study.members}]
    figures = {"accuracy_by_length": accuracy_by_length(study, lengths, TITLES)}
    longest = max(steps for steps in lengths if steps <= 100)
    gradients = {title: study.members[f"{cell}_{longest}"].measured["input_gradient"] for cell, title in TITLES.items()}
    return figures | {"input_gradients": input_gradients(gradients)}


SCRIPT = Script(__doc__, run, EXPERIMENTS, summarize)

if __name__ == "__main__":
    SCRIPT.main()
