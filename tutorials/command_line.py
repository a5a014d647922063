"""The command line of the scripts: their flags, the checks before anything slow, and what is printed at the end."""

import argparse
import os
import shlex
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote, urlsplit

from tutorials import interruption
from tutorials.backend import wrong_backend

if TYPE_CHECKING:
    from .script import Result, Script

SEEDS = 30
"""Seeds that a study trains unless --seeds says otherwise."""

ADDRESS = "http://localhost:6006"
"""Where TensorBoard serves its pages unless told otherwise, or something else does."""

MOST_SELECTED = 40
"""Runs of which TensorBoard selects all at first; if there are more it selects none."""

MOST_NAMED = 4
"""New runs that are named at the end."""


class Parser(argparse.ArgumentParser):
    """An argument parser that keeps the lines of its description and reports a mistake in one sentence."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def run_script(script: "Script", argv: Sequence[str] | None = None) -> None:
    """Run one script from the command line with the flags in `argv`; None takes those of the process."""
    parser = Parser(description=script.description)
    add_flags(parser)
    if script.takes_data:
        add_data(parser)
    arguments = parser.parse_args(argv)
    check(parser, arguments)
    until_interrupted([lambda: run(script, arguments)], arguments.log_dir, [script.name] if script.experiments else [])


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a training: epochs, seed, and where it writes."""
    parser.add_argument("--epochs", type=_positive, metavar="N", help="epochs to train (default: the script's own)")
    parser.add_argument("--seed", type=_natural, metavar="S", default=1, help="of weights and batches (default: 1)")
    add_log_dir(parser)


def add_study_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a study."""
    parser.add_argument("--seeds", type=_positive, metavar="N", default=SEEDS, help=f"how many (default: {SEEDS})")
    parser.add_argument("--jobs", type=_positive, metavar="N", default=1, help="processes to use (default: 1)")
    parser.add_argument("--dask", metavar="ADDRESS", help="scheduler of a Dask cluster to train on, tcp://HOST:PORT")


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the flag of the scripts that train on handwritten digits."""
    parser.add_argument(
        "--data", metavar="FILE", help="images instead of scikit-learn's digits: an .npz file like MNIST's, or mnist"
    )


def add_log_dir(parser: argparse.ArgumentParser) -> None:
    """Add the flag that says where runs go."""
    parser.add_argument(
        "--logdir", dest="log_dir", type=Path, metavar="DIR", default=Path("logs"), help="where runs go (default: logs)"
    )


def check(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """End with exit code 2 and a sentence saying what is wrong with the arguments, if anything is."""
    if sentence := wrong_backend():
        parser.error(sentence)
    try:
        arguments.log_dir.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=arguments.log_dir).close()
    except OSError as error:
        parser.error(f"--logdir {arguments.log_dir} cannot be written ({error.strerror}): name a folder that can")
    if getattr(arguments, "dask", None):
        _check_dask(parser, arguments.dask)
    if getattr(arguments, "data", None):
        from tutorials.lab import digits  # loads TensorFlow

        try:
            digits(arguments.data)
        except (FileNotFoundError, ValueError) as error:
            parser.error(f"--data {arguments.data}: {error}")


def _check_dask(parser: argparse.ArgumentParser, address: str) -> None:
    """Ends with a sentence unless a Dask scheduler with workers answers at the address."""
    try:
        from distributed import Client  # optional, and slow to import
    except ImportError:
        parser.error("--dask needs the package distributed: pip install distributed")
    try:
        place = urlsplit(address)
        socket.create_connection((place.hostname, place.port), 10).close()  # fails sooner than Client
        with Client(address, timeout=10, set_as_default=False) as client:
            workers = client.scheduler_info()["workers"]
    except (OSError, TypeError, ValueError):
        parser.error(f"no Dask scheduler answers at --dask {address}: give its address as tcp://HOST:PORT")
    if not workers:
        parser.error(f"the scheduler at --dask {address} has no workers: start some with dask worker {address}")


def run(script: "Script", arguments: argparse.Namespace) -> "list[Result]":
    """Run a script with one seed, as the arguments ask; returns the accuracies of what it trained."""
    options = {"seed": arguments.seed, "log_dir": arguments.log_dir}
    if arguments.epochs is not None:
        options["epochs"] = arguments.epochs
    if script.takes_data:
        options["data"] = getattr(arguments, "data", None)
    return script.run(**options) or []


def until_interrupted(
    tasks: "Sequence[Callable[[], list[Result] | None]]", log_dir: Path, to_study: Sequence[str] = ()
) -> None:
    """Do one task after another; end with the table of their results and the next lines to type.

    Ctrl-C ends it with exit code 130, after the table of what was finished.

    Args:
        tasks: functions that return a list of `Result`, or None.
        log_dir: where they write.
        to_study: names of the scripts that were run with one seed and can be studied with many.
    """
    results: list[Result] = []
    interrupted = False
    before = _runs(log_dir)
    interruption.listen()
    try:
        for task in tasks:
            results += task() or []
    except KeyboardInterrupt:
        interrupted = True
        print(
            "\nInterrupted: what is finished stays, and the run under way keeps its finished epochs.", file=sys.stderr
        )
    if results:
        print(f"\n{table(results)}")
    if to_study:
        print(
            f"\nOne seed proves little. To train {SEEDS} seeds of each configuration, and judge the course's claims by "
            f"them:\n\n    python -m tutorials study {' '.join(to_study)}\n    python -m tutorials claims"
        )
    runs = _runs(log_dir)
    print(f"\n{_where_to_look(log_dir, [run for run in runs if run not in before], len(runs))}")
    if interrupted:
        sys.exit(130)


def _runs(log_dir: Path) -> list[Path]:
    """The directories with event files, relative to the log directory, in the order in which they were last written.

    TensorBoard calls each of them a run.
    """
    files = sorted(log_dir.rglob("*tfevents*"), key=lambda path: (path.stat().st_mtime, path.name))
    return list(dict.fromkeys(path.parent.relative_to(log_dir) for path in files))


def _where_to_look(log_dir: Path, new: Sequence[Path], runs: int) -> str:
    """The lines that name what was written to the log directory, and how to look at it.

    Args:
        log_dir: the log directory.
        new: the runs that the command wrote, relative to the log directory.
        runs: how many runs are there altogether.
    """
    from callbacks.tensorboard.tab.trainings import Training, suggestion

    is_study = any(run.parts[0] == "study" for run in new)
    folder = log_dir / "study" if is_study else log_dir
    places = [str(log_dir / run) for run in new if run.parts[0] != "study"] or [str(folder)]
    more = f" and {len(places) - MOST_NAMED} more" if len(places) > MOST_NAMED else ""
    lines = [f"Plots and event files are in {', '.join(places[:MOST_NAMED])}{more}. To look at them in TensorBoard:"]
    lines += ["", f"    {_tensorboard()} --logdir {shlex.quote(str(folder))}"]
    trainings = [Training(run.as_posix(), log_dir / run, started) for started, run in enumerate(new)]
    for training in trainings:
        training.update()
    recorded = [training for training in reversed(trainings) if training.evidence is not None]
    if recorded and not is_study:
        chosen = "".join(f"&run{i}={quote(name, safe='')}" for i, name in enumerate(suggestion(recorded), 1))
        lines += [
            "",
            "Then open this link for the gradients of each layer, and what is wrong with the training:",
            "",
            f"    {ADDRESS}/#layers{chosen}",
        ]
    if runs > MOST_SELECTED:
        lines += [
            "",
            f"{log_dir} holds {runs} runs. Of more than {MOST_SELECTED}, TensorBoard's other tabs show none at first: "
            "tick some in the list at the left, or name a folder of it as --logdir.",
        ]
    return "\n".join(lines)


def table(results: "Sequence[Result]") -> str:
    """Return a table of the results as text: model, published accuracies, measured accuracies."""
    from tutorials.studies.study_tables import text_table, train_and_test  # loads TensorFlow, as the results have

    head = ("model", "published train / test", "measured train / test")
    rows = []
    for one in results:
        published = one.published if isinstance(one.published, str) else train_and_test(*one.published)
        rows.append((one.title, published, train_and_test(one.train_accuracy, one.test_accuracy)))
    return text_table([head, *rows])


def _tensorboard() -> str:
    """The command as it has to be typed: with its folder, unless the shell finds this environment's own."""
    ours = Path(sys.executable).parent / "tensorboard"
    found = shutil.which("tensorboard")
    if found and Path(found).absolute() == ours.absolute():
        return "tensorboard"
    return shlex.quote(os.path.relpath(ours)) if ours.exists() else "tensorboard"


def _positive(text: str) -> int:
    return _whole_number(text, 1, "1 or more")


def _natural(text: str) -> int:
    return _whole_number(text, 0, "0 or more")


def _whole_number(text: str, least: int, range_in_words: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not least <= number < 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of {range_in_words}")
    return number
