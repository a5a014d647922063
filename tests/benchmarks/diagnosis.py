"""How often the diagnosis is right: the zoo trained, each rule's precision and recall, published rules beside it.

Run with `python -m tests.benchmarks.diagnosis`; ten minutes on two cores the first time, seconds after that, as what
was recorded is kept in `logs/zoo`.
"""

import argparse
import time
from pathlib import Path

import joblib
import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from callbacks import Diagnosis
from tutorials.lab.training import fit

from . import zoo, zoo_held_out

HALVES = {"chosen on": zoo, "held out": zoo_held_out}
SEEDS = (1, 2)


class Units(keras.callbacks.Callback):
    """Measures by itself, at each epoch's end, the share of dead and of saturated units of every layer.

    As SageMaker Debugger defines them: a ReLU is dead that is active for less than 1 % of the inputs; a tanh or sigmoid
    saturated that is at its limit (tanh of 9.5 or more, a sigmoid of -23 or less, 17 or more) for more than 99 %.
    """

    def __init__(self, probe):
        super().__init__()
        self.probe, self.dead, self.saturated = tf.constant(probe), [], []

    def on_train_begin(self, logs=None):
        named = [(layer, getattr(getattr(layer, "activation", None), "__name__", "")) for layer in self.model.layers]
        chosen = [(layer, name) for layer, name in named if name in ("relu", "tanh", "sigmoid")]
        self.names = [name for layer, name in chosen]
        outputs = [layer.output for layer, _ in chosen]
        self.look = tf.function(keras.Model(self.model.inputs, outputs), autograph=False) if outputs else None

    def on_epoch_end(self, epoch, logs=None):
        dead, saturated = [], []
        outputs = keras.tree.flatten(self.look(self.probe)) if self.look else []
        for name, output in zip(self.names, outputs, strict=True):
            output = output.numpy().reshape(-1, output.shape[-1])
            if name == "relu":
                dead.append(((output > 0).mean(0) < 0.01).mean())
            else:
                limit = np.abs(output) >= 0.9999999 if name == "tanh" else (output > 0.9999999) | (output < 1e-10)
                saturated.append((limit.mean(0) > 0.99).mean())
        self.dead.append(max(dead, default=0))
        self.saturated.append(max(saturated, default=0))


def train(specimen, seed):
    """Trains one specimen; returns what the diagnosis saw, and what came of it."""
    keras.utils.set_random_seed(seed)
    train, test = specimen.task.data()
    model = specimen.build()
    model.compile(specimen.optimizer(), specimen.task.loss, metrics=list(specimen.task.metrics))
    probe = train[0][:256]
    watching = [Diagnosis(probe=probe, verbose=0), units := Units(probe)]
    began = time.perf_counter()
    if specimen.task.compiled_epochs:
        fit(model, train, test, specimen.epochs, specimen.batch_size, seed, watching)
        history = model.history.history
    else:
        data = tf.data.Dataset.from_tensor_slices(train).cache().shuffle(len(train[0]), seed).batch(specimen.batch_size)
        options = {"validation_data": tf.data.Dataset.from_tensors(test), "verbose": 0}
        if specimen.warm_epochs:
            model.fit(data, epochs=specimen.warm_epochs, shuffle=False, **options)
        history = model.fit(data, epochs=specimen.epochs, shuffle=False, callbacks=watching, **options).history
    return {
        "evidence": watching[0].evidence,
        "history": {name: np.array(values) for name, values in history.items()},
        "dead": np.array(units.dead),
        "saturated": np.array(units.saturated),
        "seconds": time.perf_counter() - began,
    }


def record(half, number, seed, path):
    """One job of a worker: trains a specimen and keeps what was recorded."""
    specimen = specimens(half)[number]
    recorded = train(specimen, seed)
    joblib.dump(recorded, path, compress=3)


def specimens(half):
    return HALVES[half].HEALTHY + HALVES[half].FAULTY


def jobs(records):
    """All trainings: half, number of the specimen, seed, and the file that keeps what was recorded."""
    for half in reversed(HALVES):
        for number, specimen in enumerate(specimens(half)):
            name = "".join(c if c.isalnum() else "_" for c in specimen.name)
            for seed in SEEDS:
                yield half, number, seed, records / f"{half.replace(' ', '_')}_{name}_{seed}.pkl"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=Path, default=Path("logs/zoo"))
    records = parser.parse_args().records
    records.mkdir(parents=True, exist_ok=True)
    missing = [job for job in jobs(records) if not job[-1].exists()]
    trained = joblib.Parallel(n_jobs=2, batch_size=1, return_as="generator_unordered")(
        joblib.delayed(record)(*job) for job in missing
    )
    for _ in tqdm(trained, total=len(missing), unit="training"):
        pass


if __name__ == "__main__":
    main()
