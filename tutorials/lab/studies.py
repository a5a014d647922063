"""Studies: experiments times seeds, trained in jobs, each job's result kept as soon as it is there.

A study leaves in `LOGDIR/study/NAME` a table `results.csv`, an index `study.json`, its figures, and runs for
TensorBoard's HParams tab. The members themselves lie in `LOGDIR/study/trained`, in a file named by a digest of all that
decides their numbers, so that studies share them and a second run trains only what is missing.
"""

import contextlib
import csv
import dataclasses
import hashlib
import inspect
import json
import os
import re
import shutil
import zipfile
from pathlib import Path

import joblib
import numpy as np
from tqdm import tqdm

from .command import load_tensorflow, text_table
from .experiment import Measurement
from .results import LEARNED, Replicates, wilson, write_whole

SEEDS_A_JOB = 50
"""Members of one job, at most: what a lost worker or Ctrl-C can cost."""


@dataclasses.dataclass(frozen=True)
class Study:
    """The finished configurations of a study.

    Attributes:
        directory: where its table and figures are.
        configurations: dict of an experiment's name to a dict: its `title`, and the columns that describe it.
        members: dict of an experiment's name to its `Replicates`.
    """

    directory: Path
    configurations: dict
    members: dict

    @classmethod
    def load(cls, logdir, name):
        """Reads a study that `study` left; raises `FileNotFoundError` where there is none."""
        directory = Path(logdir, "study", name)
        index = json.loads((directory / "study.json").read_text(encoding="utf-8"))
        configurations = {one.pop("name"): one for one in index["configurations"]}
        members = {
            name: Replicates.load(directory.parent / "trained" / one.pop("file")).select(index["seeds"])
            for name, one in configurations.items()
        }
        return cls(directory, configurations, members)

    @property
    def trained(self):
        """The members that are models: those of `Experiment`, not of `Measurement`."""
        return {name: members for name, members in self.members.items() if members.test_accuracy is not None}

    def title(self, name):
        """Returns the words for an experiment."""
        return self.configurations[name]["title"]

    def table(self):
        """Returns the study as text, a line a configuration: medians and quartiles, seeds that learned, gradients."""
        rows = [("model", "test accuracy, median (quartiles)", "learned", "first/last gradient")]
        for name, members in self.trained.items():
            low, middle, high = np.quantile(members.test_accuracy, [0.25, 0.5, 0.75])
            accuracy = f"{middle:.3f} ({low:.3f} to {high:.3f})"
            learned = f"{members.learned.sum()} of {len(members.seeds)}"
            rows.append((self.title(name), accuracy, learned, f"{gradient_ratio(members):.3g}"))
        return text_table(rows)


def gradient_ratio(members):
    """Returns the mean |gradient| of the first kernel over that of the last, the median over seeds that have one.

    The last is the output's; kernels of heads, which a model may have beside it, come later.
    """
    output = max(number for number, name in enumerate(members.layers) if "head" not in name)
    first, last = members.gradients[:, 0], members.gradients[:, output]
    return float(np.median(first[last > 0] / last[last > 0])) if (last > 0).any() else np.nan


def run_study(name, experiments, settings, look=None):
    """Trains a study, prints its table, and draws its figures.

    Args:
        name: names its directory.
        experiments: list of `Experiment`, no two of one name.
        settings: `Settings`.
        look: function of the `Study` that prints what it shows and returns a dict of names to matplotlib figures.

    Returns:
        An empty list: a study adds nothing to the table of single runs.
    """
    done = study(name, experiments, settings)
    if done.trained:
        print(f"\n{done.table()}\n", flush=True)
    figures = look(done) if look else {}
    for figure_name, figure in figures.items():
        path = done.directory / f"{figure_name}.png"
        figure.savefig(path, dpi=120)
        print(f"wrote {path}")
    _write_tensorboard(done, figures)
    return []


def look_at_seeds(done):
    """The figure of a study that brings none of its own: every seed's accuracy over the epochs."""
    from .figures import accuracy_of_seeds

    return {"accuracy_of_seeds": accuracy_of_seeds(done)}


def study(name, experiments, settings):
    """Trains every experiment with every seed, as far as that is not done yet.

    Args:
        name: names the directory, `LOGDIR/study/NAME`.
        experiments: list of `Experiment`, no two of one name.
        settings: `Settings`; the seeds are `settings.seeds` from `settings.seed` on.

    Returns:
        A `Study`. After Ctrl-C what is finished is on disk, and the next call goes on from there.
    """
    seeds = list(range(settings.seed, settings.seed + settings.seeds))
    directory = settings.logdir / "study" / name
    trained = settings.logdir / "study" / "trained"
    for folder in (directory, trained):
        folder.mkdir(parents=True, exist_ok=True)
    configurations, jobs, kept = {}, {}, {}
    for experiment in experiments:
        epochs = settings.epochs or getattr(experiment, "epochs", None)
        file = f"{fingerprint(experiment, epochs)}.npz"
        configurations[experiment.name] = {"title": experiment.title, **describe(experiment), "file": file}
        if file not in kept:
            kept[file] = _kept(trained / file)
            missing = [seed for seed in seeds if kept[file] is None or seed not in kept[file].seeds]
            for first in range(0, len(missing), SEEDS_A_JOB):
                jobs[file, first] = (experiment, missing[first : first + SEEDS_A_JOB], epochs)
    try:
        missing = sum(len(job[1]) for job in jobs.values())
        with tqdm(
            total=len(kept) * len(seeds), initial=len(kept) * len(seeds) - missing, desc=name, unit="model"
        ) as bar:
            for (file, _), members in _train_all(jobs, settings):
                kept[file] = members if kept[file] is None else kept[file].joined(members)
                kept[file].save(trained / file)
                bar.update(len(members.seeds))
    finally:
        finished = {file for file, members in kept.items() if members is not None and {*seeds} <= {*members.seeds}}
        configurations = {name: one for name, one in configurations.items() if one["file"] in finished}
        members = {name: kept[one["file"]].select(seeds) for name, one in configurations.items()}
        done = Study(directory, configurations, members)
        _write_index(done, seeds)
        _write_table(done)
    return done


def fingerprint(experiment, epochs):
    """Returns a digest of all that decides a member's numbers but its seed.

    The model's configuration, the optimizer's, the data, batch size, epochs, the versions of TensorFlow and Keras, and
    the source of this package's training and of the experiment's own functions; of a `Measurement` its script.
    """
    import keras
    import tensorflow as tf

    from . import replicates, training

    facts = [tf.__version__, keras.__version__]
    if isinstance(experiment, Measurement):
        facts += [experiment.name, inspect.getsource(inspect.getmodule(experiment.measure))]
    else:
        task, optimizer = experiment.task, keras.optimizers.serialize(experiment.build_optimizer())
        model = training.initial_model(experiment, 0)
        facts += [_configuration(model), _renamed(optimizer, {})]
        facts += [variable.regularizer.get_config() for variable in model.trainable_variables if variable.regularizer]
        facts += [experiment.batch_size, epochs, joblib.hash(task.data()), task.loss, _source(task.accuracy)]
        facts += [_source(experiment.measure), _source(experiment.build_callbacks)]
        facts += [inspect.getsource(module) for module in (replicates, training)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:20]


def _configuration(model):
    """What a model computes: its configuration; of a class of our own its source, its layers and its numbers."""
    if type(model).__module__.startswith("keras."):
        return _renamed(model.get_config(), {})
    names, own = {}, {key: value for key, value in vars(model).items() if not key.startswith("_")}
    layers = [_renamed(layer.get_config(), names) for layer in model._flatten_layers(include_self=False)]
    numbers = {key: value for key, value in own.items() if isinstance(value, int | float)}
    return [inspect.getsource(type(model)), layers, numbers]


def _source(function):
    return inspect.getsource(function) if callable(function) else function


def _renamed(value, names):
    """A configuration with numbers for names, which Keras counts up from model to model: `sequential_3`."""
    if isinstance(value, dict):
        for key in ("name", "layer_name"):
            if isinstance(value.get(key), str):
                names.setdefault(value[key], f"#{len(names)}")
        return {key: _renamed(one, names) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(one, names) for one in value]
    return names.get(value, value) if isinstance(value, str) else value


def describe(experiment):
    """Returns the columns that describe an experiment, read off its model and its optimizer; none of a `Measurement`.

    `hidden_layers` and `width` count kernels and the units of the first; activation and initializer are those
    of the first layer that has one.
    """
    if isinstance(experiment, Measurement):
        return {}
    from callbacks.monitor import kernels

    from .training import initial_model

    model, optimizer = initial_model(experiment, 0), experiment.build_optimizer()
    shapes = [kernel.shape for kernel in kernels(model).values()]
    activations = [layer.activation.__name__ for layer in model.layers if getattr(layer, "activation", None)]
    initializers = [layer.kernel_initializer for layer in model.layers if hasattr(layer, "kernel_initializer")]
    initializer = re.sub(r"(?<!^)(?=[A-Z])", "_", type(initializers[0]).__name__).lower() if initializers else ""
    return {
        "hidden_layers": len(shapes) - 1,
        "width": int(shapes[0][-1]),
        "activation": activations[0] if activations else "",
        "kernel_initializer": initializer,
        "optimizer": type(optimizer).__name__.lower(),
        "learning_rate": float(f"{float(optimizer.learning_rate):.6g}"),
    }


def _kept(path):
    """The members in a file; None where there is no file, or none that can be read."""
    try:
        return Replicates.load(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        print(f"{path} cannot be read ({error}); what it held is trained again.")
        return None


def _train_all(jobs, settings):
    """Trains the jobs, a dict of key to (experiment, seeds, epochs); yields (key, `Replicates`) as they come."""
    if not jobs:
        return
    if settings.jobs == 1 and not settings.dask:
        for key, job in jobs.items():
            yield _train(key, *job)
        return
    with contextlib.ExitStack() as cluster:
        workers = settings.jobs
        if settings.dask:
            from distributed import Client

            client = cluster.enter_context(Client(settings.dask, timeout=30))
            cluster.enter_context(joblib.parallel_config("dask", client=client))
            workers = -1
        parallel = joblib.Parallel(n_jobs=workers, batch_size=1, return_as="generator_unordered")
        results = parallel(joblib.delayed(_train)(key, *job, threads=1) for key, job in jobs.items())
        cluster.callback(results.close)
        yield from results


def _train(key, experiment, seeds, epochs, threads=None):
    """One job; it may run in another process, on another machine. Returns its key and its `Replicates`."""
    if threads:  # read when TensorFlow starts, as a worker's first job does
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    load_tensorflow()
    from .replicates import THREADS, measured, replicate

    if isinstance(experiment, Measurement):
        return key, measured(experiment, seeds)
    return key, replicate(experiment, seeds, epochs, threads or THREADS)


def _write_index(done, seeds):
    """Writes `study.json`, from which `Study.load` finds everything again."""
    index = {"seeds": seeds, "configurations": [{"name": name, **one} for name, one in done.configurations.items()]}
    with write_whole(done.directory / "study.json", "w", encoding="utf-8") as file:
        json.dump(index, file, indent=1)


def _write_table(done):
    """Writes `results.csv`, a row for each configuration and seed; the gradients' columns count from the input."""
    rows = []
    for name, members in done.members.items():
        described = {key: value for key, value in done.configurations[name].items() if key not in ("title", "file")}
        for i, seed in enumerate(members.seeds):
            row = {"experiment": name, **described, "seed": seed}
            if name in done.trained:
                reached = members.epochs_to_80[i]
                row["train_accuracy"] = f"{members.train_accuracy[i]:.4f}"
                row["test_accuracy"] = f"{members.test_accuracy[i]:.4f}"
                row["epochs_to_80"] = "" if np.isnan(reached) else int(reached)
                row |= {f"gradient_{number}": f"{g:.6g}" for number, g in enumerate(members.gradients[i], 1)}
            values = {key: array[i, 1] if name in done.trained else array[i] for key, array in members.measured.items()}
            row |= {key: f"{value:.6g}" for key, value in values.items() if value.ndim == 0}
            rows.append(row)
    columns = list(dict.fromkeys(column for row in sorted(rows, key=len, reverse=True) for column in row))
    with write_whole(done.directory / "results.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns, restval="")
        table.writeheader()
        table.writerows(rows)


def _write_tensorboard(done, figures):
    """Writes one run a configuration for the HParams tab, and the figures for the Images tab."""
    from callbacks.pictures import png
    from callbacks.summaries import SummaryWriter

    from .hparams import values

    root = done.directory / "tensorboard"
    shutil.rmtree(root, ignore_errors=True)  # a second event file in a directory would be drawn as a zigzag
    shown = {
        "median_test_accuracy": lambda members: float(np.median(members.test_accuracy)),
        "share_learned": lambda members: float(members.learned.mean()),
        "gradient_ratio_first_to_last": gradient_ratio,
    }
    with contextlib.closing(SummaryWriter.open(root)) as writer:
        writer.write(0, images={f"{done.directory.name}/{name}": png(figure) for name, figure in figures.items()})
    for name, members in done.trained.items():
        described = {key: value for key, value in done.configurations[name].items() if key not in ("title", "file")}
        with contextlib.closing(SummaryWriter.open(root / name)) as writer:
            scalars = {tag: figure_of(members) for tag, figure_of in shown.items()}
            writer.write(0, scalars, values=values(done.directory.name, described, f"{done.directory.name}/{name}"))


def learned_words(members):
    """Returns how many seeds learned, in words, with the 95 % interval of their share."""
    low, high = wilson(int(members.learned.sum()), len(members.seeds))
    return (
        f"{members.learned.sum()} of {len(members.seeds)} seeds learned (at least {LEARNED:.0%} on the test half; "
        f"95 % interval of the share {low:.0%} to {high:.0%})"
    )
