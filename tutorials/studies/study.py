"""Studies: experiments times seeds, trained in jobs, each job's result stored as soon as it is there."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from tutorials.lab.hyperparameters import describe
from tutorials.lab.keras_loop import build_with_seed

import joblib
from matplotlib.figure import Figure
from tqdm import tqdm

from .experiment import Experiment, Measurement
from .fingerprint import fingerprint
from .many_seeds import THREADS, measured, pretrained_members, replicate
from .replicates import Replicates
from .store import Study, stored, write_study, write_tensorboard
from .study_plots import accuracy_of_seeds

SEEDS_PER_JOB = 50
"""Members of one job, at most: what a lost worker or Ctrl-C can cost."""

Job = tuple[Experiment | Measurement, list[int], int, Path]
"""An experiment, its seeds, its epochs, and where a measurement that resumes keeps what it needs to go on."""


def study(
    name: str,
    experiments: Sequence[Experiment | Measurement],
    seeds: Sequence[int] = range(1, 31),
    epochs: int | None = None,
    log_dir: str | Path = "logs",
    jobs: int = 1,
    dask: str | None = None,
) -> Study:
    """Train every experiment with every seed, as far as that is not done yet.

    Args:
        name: names the directory, `LOG_DIR/study/NAME`, or `NAME_20_epochs` if that is not the experiments' own length.
        experiments: no two of one name.
        seeds: of weights and batches.
        epochs: passes over the training samples; None takes each experiment's own.
        log_dir: where the studies lie.
        jobs: processes to use; 1 is this one.
        dask: address of a Dask scheduler whose workers train; None trains on this machine.

    Returns:
        A `Study`. After Ctrl-C what is finished is on disk, and the next call goes on from there.

    >>> study("depth", EXPERIMENTS, seeds=range(1, 31)).members["tanh_5_layers_5_wide"].learned.sum()
    """
    seeds = list(seeds)
    pretrained_members.cache_clear()
    lengths = {one.epochs for one in experiments if isinstance(one, Experiment)}
    at_own_length = epochs is None or lengths <= {epochs}
    root = Path(log_dir, "study")
    directory = root / (name if at_own_length else f"{name}_{epochs}_epochs")
    directory.mkdir(parents=True, exist_ok=True)
    configurations = {one.name: _configuration(one, epochs) for one in experiments}
    files = {one["file"] for one in configurations.values()}
    kept = {file: stored(root / "trained" / file) for file in sorted(files)}
    waiting: dict[tuple[str, int], Job] = {}
    for experiment in experiments:
        file = configurations[experiment.name]["file"]
        members = kept[file]
        done = set() if members is None else set(members.seeds.tolist())
        missing = [seed for seed in seeds if seed not in done]
        at_once = 1 if isinstance(experiment, Measurement) and experiment.resumes else SEEDS_PER_JOB
        for first in range(0, len(missing), at_once):
            length = configurations[experiment.name].get("epochs", 0)
            own = (root / "trained" / file).resolve().with_suffix("")
            waiting[file, first] = (experiment, missing[first : first + at_once], length, own)
    total, missing_members = len(files) * len(seeds), sum(len(job[1]) for job in waiting.values())
    try:
        done_before = total - missing_members
        # `disable=None`: in a terminal only, as a notebook or a log would keep every state of the bar.
        with tqdm(total=total, initial=done_before, desc=name, unit="model", disable=None) as bar:
            for (file, _), new in _train_all(waiting, jobs, dask):
                old = kept[file]
                joined = new if old is None else old.joined(new)
                joined.save(root / "trained" / file)
                kept[file] = joined
                bar.update(len(new.seeds))
    finally:
        finished = {
            file: members.select(seeds)
            for file, members in kept.items()
            if members is not None and {*seeds} <= {*members.seeds.tolist()}
        }
        configurations = {name: one for name, one in configurations.items() if one["file"] in finished}
        members_by_name = {name: finished[one["file"]] for name, one in configurations.items()}
        found = Study(directory, configurations, members_by_name)
        write_study(found, seeds)
    return found


def show(done: Study, summarize: Callable[[Study], dict[str, Figure]] | None = None) -> None:
    """Print a study's table, draw its plots and write them for TensorBoard.

    Args:
        done: the `Study`.
        summarize: function that prints what the study shows and returns a dict of names to matplotlib figures; None
            draws every seed's accuracy over the epochs.
    """
    if done.trained:
        print(f"\n{done.table()}\n", flush=True)
    figures = summarize(done) if summarize else {"accuracy_of_seeds": accuracy_of_seeds(done)}
    for name, figure in figures.items():
        figure.savefig(done.directory / f"{name}.png", dpi=120)
        print(f"wrote {done.directory / f'{name}.png'}")
    write_tensorboard(done, figures)


def _configuration(experiment: Experiment | Measurement, epochs: int | None) -> dict[str, Any]:
    """What `Study.configurations` says of an experiment, and the file of its members."""
    if isinstance(experiment, Measurement):
        return {"title": experiment.title, "file": f"{fingerprint(experiment, 0)}.npz"}
    length = epochs or experiment.epochs
    model = build_with_seed(experiment.build_model, 0)
    return {
        "title": experiment.title,
        **describe(model),
        "epochs": length,
        "own_epochs": experiment.epochs,
        "file": f"{fingerprint(experiment, length, model)}.npz",
    }


def _train_all(
    waiting: dict[tuple[str, int], Job], jobs: int, dask: str | None
) -> Iterator[tuple[tuple[str, int], Replicates]]:
    """Trains jobs, each under a key; yields key and `Replicates` in the order in which they are finished."""
    if not waiting:
        return
    if jobs == 1 and not dask:
        for key, job in waiting.items():
            yield _train(key, *job)
        return
    with contextlib.ExitStack() as cluster:
        # TensorFlow reads these when it starts, as the workers' first job makes it do: one job, one processor.
        settings = {"TF_NUM_INTRAOP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        if dask:
            from distributed import Client  # optional, and slow to import

            client = cluster.enter_context(Client(dask, timeout=30))
            for name, value in settings.items():
                client.run(os.putenv, name, value)
            cluster.enter_context(joblib.parallel_config("dask", client=client))
            jobs = -1
        cluster.enter_context(mock.patch.dict(os.environ, settings))  # processes started here inherit them
        parallel = joblib.Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")
        results = parallel(joblib.delayed(_train)(key, *job, threads=1) for key, job in waiting.items())
        cluster.callback(results.close)
        yield from results


def _train(
    key: tuple[str, int],
    experiment: Experiment | Measurement,
    seeds: list[int],
    epochs: int,
    directory: Path,
    threads: int = THREADS,
) -> tuple[tuple[str, int], Replicates]:
    """Trains one job, perhaps in another process or on another machine; returns its key and its `Replicates`."""
    if isinstance(experiment, Measurement):
        return key, measured(experiment, seeds, directory)
    return key, replicate(experiment, seeds, epochs, threads)
