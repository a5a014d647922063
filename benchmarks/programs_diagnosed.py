"""How often the diagnosis names the cause: the programs of the second zoo, fitted and diagnosed.

Run with `python -m benchmarks.programs_diagnosed`; some minutes on two cores. Of every faulty program it asks whether
the first cause that is printed is the fault that was built in.
"""

import argparse
import collections
import contextlib
import importlib
import io
import time
import warnings

from tutorials.studies.study_tables import text_table

import joblib
import keras

from benchmarks import programs_chosen_on, programs_held_out

HALVES = {"chosen on": programs_chosen_on.PROGRAMS, "held out": programs_held_out.PROGRAMS}

RIGHT = {
    "softmax over one unit": {"softmax_over_one_unit"},
    "cross-entropy of what is no probability": {"no_probabilities", "logits_of_probabilities"},
    "categorical cross-entropy of one unit, or of sigmoids": {
        "categorical_loss_of_one_unit",
        "categorical_loss_of_sigmoids",
        "softmax_over_one_unit",
    },
    "binary cross-entropy of labels outside [0, 1]": {"labels_outside_0_to_1"},
    "sparse labels that are no class numbers": {"labels_no_classes"},
    "targets that the output cannot reach": {"targets_out_of_reach"},
    "scale of the targets": {"large_targets"},
    "scale of the inputs": {"large_inputs"},
    "accuracy of a regression": {"accuracy_of_a_regression", "distance_of_classes"},
    "no non-linearity between the layers": {"no_nonlinearity"},
    "units or layers that start alike": {"units_alike"},
    "learning rate": {"learning_rate", "updates_too_large", "weights_not_moving", "loss_oscillating"},
    "NaN or infinity in the data": {"nonfinite_data"},
    "inputs without information": {"constant_inputs"},
    "labels in order, not shuffled": {"labels_in_order"},
    "one class outnumbers the others": {"one_class"},
    "initial weights": {
        "nonfinite_initial_weights",
        "exploding_gradient",
        "vanishing_gradient",
        "saturated",
        "dead_units",
        "units_alike",
    },
    "units that die or saturate": {"dead_units", "saturated", "vanishing_gradient"},
    "the loss does not fit the task": {
        "distance_of_classes",
        "binary_loss_of_softmax",
        "targets_broadcast",
        "targets_no_distribution",
        "categorical_loss_of_sigmoids",
        "categorical_loss_of_one_unit",
        "no_probabilities",
    },
    "nothing is trained": {"nothing_trainable", "weights_not_moving", "no_gradient", "no_sample_weight"},
}
"""A family of faults to the rules that name it."""

SYMPTOMS = {
    *("loss_not_falling", "loss_oscillating", "accuracy_at_chance", "predictions_alike", "gradients_zero"),
    *("impossible_loss", "accuracy_contradicts_loss", "nonfinite", "few_steps"),
}
"""Rules that name a sign and no cause."""


def fit(half, number, seed):
    """Fit one program with a `Diagnosis`; returns its findings, what was printed, whether it learned, seconds."""
    from callbacks import Diagnosis, check

    program = HALVES[half][number]
    keras.utils.set_random_seed(seed)
    began, history, printed = time.perf_counter(), None, io.StringIO()
    model, options = program.make()
    diagnosis = Diagnosis()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            history = model.fit(**options, callbacks=[diagnosis], verbose=0).history
            findings = diagnosis.findings
        except Exception as error:  # what Keras itself stops, `check` explains
            print(f"{type(error).__name__}: {str(error)[:200]}")
            findings = check(model, options["x"], options.get("y"))
            print(*findings, sep="\n")
    learned = program.learned(history) if program.learned and history else None
    return findings, printed.getvalue(), learned, time.perf_counter() - began


def judgement(program, findings):
    """Return what a program's findings are worth: named, symptoms, nothing or wrong; or false alarm, and notes."""
    causes = [finding for finding in findings if not finding.follows_from]
    alarms = [finding.rule for finding in causes if finding.severity != "note"]
    if not program.is_faulty:
        return "false alarm" if alarms else "notes" if causes else "silent"
    right = RIGHT[program.family]
    if alarms:
        named = [rule for rule in alarms if rule not in SYMPTOMS]
        return "named" if right & {*alarms} else "wrong" if named else "symptoms"
    return "named in a note" if right & {finding.rule for finding in causes} else "wrong" if causes else "nothing"


def main(argv=None):
    """Fit the programs and print what was found of each family."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=HALVES, help="one half only (default: both)")
    parser.add_argument("--seed", type=int, default=1, help="of weights and batches (default: 1)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="programs (default: all)")
    parser.add_argument("--jobs", type=int, default=2, help="processes to use (default: 2)")
    parser.add_argument("--verbose", action="store_true", help="print what each program's diagnosis said")
    arguments = parser.parse_args(argv)
    for half, programs in HALVES.items():
        if arguments.half in (None, half):
            chosen = [i for i, one in enumerate(programs) if not arguments.only or one.name in arguments.only]
            fit_in_worker = importlib.import_module("benchmarks.programs_diagnosed").fit  # not __main__'s
            found = joblib.Parallel(arguments.jobs, batch_size=1)(
                joblib.delayed(fit_in_worker)(half, number, arguments.seed) for number in chosen
            )
            report(half, [programs[number] for number in chosen], found, arguments.verbose)


def report(half, programs, found, verbose):
    """Print the counts of one half, by family."""
    counts = collections.defaultdict(collections.Counter)
    for program, (findings, printed, learned, _) in zip(programs, found, strict=True):
        judged = judgement(program, findings)
        counts[program.family][judged] += 1
        counts["together"][judged] += 1
        causes = [f"{finding.severity} {finding.rule}" for finding in findings if not finding.follows_from]
        is_odd = program.learned and learned is not None and learned == program.is_faulty
        print(f"{judged:15} {program.name} [{program.family}]{' NOT AS LABELLED' * bool(is_odd)}: {', '.join(causes)}")
        if verbose:
            print(printed)
    kinds = ("named", "named in a note", "symptoms", "nothing", "wrong", "silent", "notes", "false alarm")
    rows = [(family, *(str(counts[family][kind] or "") for kind in kinds)) for family in sorted(counts)]
    print(f"\n{half}\n{text_table([('', *kinds), *rows])}\n")


if __name__ == "__main__":
    main()
