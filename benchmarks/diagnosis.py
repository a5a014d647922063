"""How often the diagnosis is right: the zoo trained, each rule's precision and recall, published rules beside it.

Run with `python -m benchmarks.diagnosis`; half an hour on two cores the first time, seconds after that, as what
was recorded is kept in `logs/zoo`.
"""

import argparse
import dataclasses
from pathlib import Path

from tutorials.lab import whole_epochs
from tutorials.studies import text_table

import joblib
import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from benchmarks import zoo, zoo_held_out
from callbacks import Diagnosis
from callbacks.diagnosis.rules import diagnose

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
    if specimen.task.compiled_epochs:
        whole_epochs(model, seed)
        options = {"batch_size": specimen.batch_size, "epochs": specimen.epochs, "validation_data": test, "verbose": 0}
        history = model.fit(*train, callbacks=watching, **options).history
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
    }


def record(half, number, seed, path, epochs=None):
    """One job of a worker: trains a specimen, for other than its own epochs if asked, and keeps what was recorded."""
    specimen = specimens(half)[number]
    recorded = train(dataclasses.replace(specimen, epochs=epochs or specimen.epochs), seed)
    joblib.dump(recorded, path, compress=3)


def specimens(half):
    """Return the healthy and the faulty specimens of one half of the zoo."""
    return HALVES[half].HEALTHY + HALVES[half].FAULTY


def jobs(records):
    """All trainings: half, number of the specimen, seed, and the file that keeps what was recorded."""
    for half in reversed(HALVES):
        for number, specimen in enumerate(specimens(half)):
            name = "".join(c if c.isalnum() else "_" for c in specimen.name)
            for seed in SEEDS:
                yield half, number, seed, records / f"{half.replace(' ', '_')}_{name}_{seed}.pkl"


def suffers(specimen, history):
    """Whether a training turned out as badly as its label says.

    It has not learned its task, or, where the fault is oscillation, its score on the test half still moves by a tenth.
    """
    if "loss_oscillating" in specimen.has:
        score = next(values for name, values in history.items() if name.startswith("val_") and name != "val_loss")
        return np.ptp(score[-max(3, len(score) // 3) :]) >= 0.1 or not specimen.task.learned(history)
    return not specimen.task.learned(history)


RULES = tuple(
    dict.fromkeys(rule for zoo_half in HALVES.values() for one in zoo_half.FAULTY for rule in sorted(one.has))
)
"""The rules about gradients, weights, units and rates, which the collection is about."""


def rules_that_speak(evidence):
    """Return the rules that find something, notes aside."""
    return {finding.rule for finding in diagnose(evidence) if finding.severity != "note"}


def ours(recorded):
    """Return the rules of `Diagnosis` that find something after the last epoch."""
    return rules_that_speak(recorded["evidence"])


def ours_without_probe(recorded):
    """Return those that find something where activations were not recorded."""
    return rules_that_speak(dataclasses.replace(recorded["evidence"], activations=None))


def ours_at_any_time(recorded):
    """All rules that spoke after some epoch, even if they took it back."""
    evidence, found = recorded["evidence"], set()
    for count in range(1, len(evidence.epochs) + 1):
        if count <= 30 or count % 5 == 0:
            found |= rules_that_speak(evidence.until(count))
    return found


def sagemaker(recorded):
    """The rules of Amazon SageMaker Debugger with their default thresholds, asked after each epoch.

    https://docs.aws.amazon.com/sagemaker/latest/dg/debugger-built-in-rules.html
    """
    evidence, loss = recorded["evidence"], recorded["history"]["loss"]
    gradient, ratio = evidence.gradients.history, evidence.weights.history["update_ratio"]
    with np.errstate(all="ignore"):
        signs = {
            "vanishing_gradient": (gradient["abs_mean"] < 1e-7).any(),
            "nonfinite": (gradient["nonfinite"] > 0).any() or not np.isfinite(loss).all(),
            "dead_units": (recorded["dead"] > 0.5).any(),
            "saturated": (recorded["saturated"] > 0.5).any(),
            "updates_too_large": (ratio > 10).any(),
            "weights_not_moving": (ratio < 1e-8).any(),
            "loss_not_falling": any(now > 0.999 * then for then, now in zip(loss[:-10:10], loss[10::10], strict=False)),
        }
    return {rule for rule, sign in signs.items() if sign}


def autotrainer(recorded):
    """The rules of AUTOTRAINER (Zhang et al., ICSE 2021) with its repository's parameters; for classifiers only."""
    evidence, history = recorded["evidence"], recorded["history"]
    if "accuracy" not in history:
        return set()
    norms, zeros = evidence.gradients.history["l2"], evidence.gradients.history["zero_fraction"]
    sizes = np.array([np.prod(one["shape"]) for one in evidence.facts["kernels"].values()])
    accuracy, test = history["accuracy"], history["val_accuracy"]
    found = set()
    if not np.isfinite([*history["loss"], *history["val_loss"]]).all() or max(history["loss"]) >= 1e3:
        found.add("nonfinite")
    with np.errstate(all="ignore"):
        first_to_last = norms[:, 0] / norms[:, -1]
        low, still = max(*accuracy, *test) < 0.7, max(*np.diff(accuracy), *np.diff(test)) < 0.01
        if low or still:  # it looks for causes only then
            if ((zeros * sizes).sum(axis=1) / sizes.sum() >= 0.7).any():
                found.add("dead_units")
            elif (first_to_last > 70).any():
                found.add("exploding_gradient")
            elif ((first_to_last < 1e-3) & (norms[:, 0] < 1e-4)).any():
                found.add("vanishing_gradient")
            elif max(*accuracy, *test) < 0.7 and max(*np.diff(accuracy), *np.diff(test)) < 0.01:
                found.add("loss_not_falling")
    middle = accuracy[1:-1]
    peaks = middle[(middle >= accuracy[:-2]) & (middle >= accuracy[2:])]
    valleys = middle[(middle <= accuracy[:-2]) & (middle <= accuracy[2:])]
    both = min(len(peaks), len(valleys))
    if (peaks[:both] - valleys[:both] >= 0.03).sum() >= 0.2 * len(accuracy):
        found.add("loss_oscillating")
    return found


JUDGES = {
    "ours": ours,
    "ours, without a probe": ours_without_probe,
    "ours, at any time of the run": ours_at_any_time,
    "SageMaker Debugger": sagemaker,
    "AUTOTRAINER": autotrainer,
}


def report(half, recorded):
    """Prints the table of one half: `recorded`, pairs of a specimen and what was recorded of one seed."""
    healthy, faulty, others = [], [], []
    for specimen, one in recorded:
        as_labelled = suffers(specimen, one["history"]) if specimen.has else specimen.task.learned(one["history"])
        (others if not as_labelled else faulty if specimen.has else healthy).append((specimen, one))
    kinds = [len({specimen.name for specimen, _ in group}) for group in (healthy, faulty)]
    print(f"\n{half}: {len(healthy)} healthy trainings of {kinds[0]} kinds, {len(faulty)} faulty ones of {kinds[1]}")
    if others:
        print(f"left out, as they did not turn out as labelled: {', '.join(specimen.name for specimen, _ in others)}")
    rows = [("", "false alarms", *[rule.replace("_", " ") for rule in RULES])]
    for judge, judged in JUDGES.items():
        found = [(specimen, judged(one)) for specimen, one in [*healthy, *faulty]]
        alarms = [specimen.name for specimen, rules in found if not specimen.has and rules]
        row = [judge, f"{len(alarms)} of {len(healthy)}"]
        for rule in RULES:
            right = sum(rule in rules for specimen, rules in found if rule in specimen.has)
            wrong = sum(rule in rules for specimen, rules in found if rule not in specimen.has | specimen.may)
            there = sum(rule in specimen.has for specimen, _ in found)
            row.append(f"{right}/{there}" + (f" +{wrong}" if wrong else ""))
        rows.append(tuple(row))
        if judge == "ours":
            missed = [(s.name, rule) for s, rules in found for rule in s.has - rules]
            extra = [
                (s.name, rule) for s, rules in found for rule in rules - s.has - s.may if rule in RULES or not s.has
            ]
            print(f"missed: {missed}\nwrong: {extra}")
    print(text_table(list(zip(*rows, strict=True))))
    print("n/m: found in n of the m trainings that have it; +k: found in k more where it has no place")


def main(argv=None):
    """Train what is not recorded yet, and print the table of both halves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, default=Path("logs/zoo"), help="where records are kept")
    parser.add_argument("--no-training", action="store_true", help="judge what is recorded")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="specimens to train (default: all)")
    parser.add_argument("--epochs", type=int, help="to train (default: each specimen's own)")
    parser.add_argument("--jobs", type=int, default=2, help="processes to use (default: 2)")
    arguments = parser.parse_args(argv)
    arguments.records.mkdir(parents=True, exist_ok=True)
    everything = [
        job for job in jobs(arguments.records) if not arguments.only or specimens(job[0])[job[1]].name in arguments.only
    ]
    missing = [job for job in everything if not job[-1].exists()] if not arguments.no_training else []
    trained = joblib.Parallel(n_jobs=arguments.jobs, batch_size=1, return_as="generator_unordered")(
        joblib.delayed(record)(*job, arguments.epochs) for job in missing
    )
    for _ in tqdm(trained, total=len(missing), unit="training", disable=not missing):
        pass
    for half in HALVES:
        jobs_of = [
            (specimens(half)[number], path) for name, number, _, path in everything if name == half and path.exists()
        ]
        report(half, [(specimen, joblib.load(path)) for specimen, path in jobs_of])


if __name__ == "__main__":
    main()
