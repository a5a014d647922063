"""The command line of a script: its flags, its checks before anything slow, and what it prints at the end."""

import argparse
import dataclasses
import os
import shlex
import shutil
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path
from urllib.parse import urlsplit

from .experiment import Settings


class Parser(argparse.ArgumentParser):
    """An argument parser that keeps the lines of its description and reports a mistake in one sentence."""

    def __init__(self, **options):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}\n")


def main(run, description, study=False):
    """Runs a script from the command line: its flags, then `run(settings)`, then its table.

    Args:
        run: function of a `Settings` that returns a list of `Result`.
        description: the script's docstring; `--help` prints it.
        study: whether the script trains many seeds, and so takes the flags of a study.
    """
    parser = Parser(description=description)
    add_flags(parser, study)
    run_all([run], check(parser, parser.parse_args()))


def add_flags(parser, study=False):
    """Adds the flags that all scripts share, and those of a study."""
    parser.add_argument("--epochs", type=_positive, metavar="N", help="epochs to train (default: the experiment's own)")
    parser.add_argument(
        "--seed",
        type=_natural,
        metavar="S",
        default=1,
        help=f"{'the first ' if study else ''}seed of weights and batches (default: 1)",
    )
    if study:
        parser.add_argument("--seeds", type=_positive, metavar="N", default=30, help="how many seeds (default: 30)")
        parser.add_argument("--jobs", type=_positive, metavar="N", default=1, help="processes to use (default: 1)")
        parser.add_argument(
            "--dask", metavar="ADDRESS", help="scheduler of a Dask cluster to train on, tcp://HOST:PORT"
        )
        parser.add_argument(
            "--data",
            metavar="FILE",
            help="images for the studies of digits: an .npz file as MNIST's, or mnist for Keras's cached copy",
        )
    add_logdir(parser)


def add_logdir(parser):
    """Adds the flag that says where runs go."""
    parser.add_argument(
        "--logdir", type=Path, metavar="DIR", default=Path("logs"), help="where runs go (default: logs)"
    )


def check(parser, arguments):
    """Returns the `Settings` asked for, or ends with exit code 2 and a sentence saying what is wrong."""
    backend = os.environ["KERAS_BACKEND"]
    if backend != "tensorflow":
        parser.error(f"the tutorials need Keras on TensorFlow, but KERAS_BACKEND is {backend!r}: set it to tensorflow")
    try:
        arguments.logdir.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=arguments.logdir).close()
    except OSError as error:
        parser.error(f"--logdir {arguments.logdir} cannot be written ({error.strerror}): name a folder that can")
    asked = vars(arguments)
    if asked.get("data"):
        from .data import digits

        try:
            digits(asked["data"])
        except (FileNotFoundError, ValueError) as error:
            parser.error(f"--data {asked['data']}: {error}")
    if asked.get("dask"):
        _check_dask(parser, asked["dask"])
    return Settings(**{field.name: asked[field.name] for field in dataclasses.fields(Settings) if field.name in asked})


def _check_dask(parser, address):
    """Ends with a sentence unless a Dask scheduler with workers answers at the address."""
    try:
        from distributed import Client
    except ImportError:
        parser.error("--dask needs the package distributed: pip install distributed")
    try:
        place = urlsplit(address)
        socket.create_connection((place.hostname, place.port), 10).close()  # Client says nothing helpful for minutes
        with Client(address, timeout=10, set_as_default=False) as client:
            workers = client.scheduler_info()["workers"]
    except (OSError, TypeError, ValueError):
        parser.error(f"no Dask scheduler answers at --dask {address}: give its address as tcp://HOST:PORT")
    if not workers:
        parser.error(f"the scheduler at --dask {address} has no workers: start some with dask worker {address}")


INTERRUPTED = threading.Event()
"""Set by Ctrl-C. Python drops a KeyboardInterrupt that happens to arrive while it tidies up an object, and a training
makes and drops thousands of them a second; so `Progress` looks here after each epoch."""


def _interrupt(signal_number, frame):
    INTERRUPTED.set()
    raise KeyboardInterrupt


def run_all(runs, settings):
    """Runs each of `runs` with the settings; ends with the table of results and the next line to type.

    Ctrl-C ends it with exit code 130, after the table of what was finished.
    """
    results, interrupted = [], False
    load_tensorflow()
    INTERRUPTED.clear()
    signal.signal(signal.SIGINT, _interrupt)
    try:
        for run in runs:
            results += run(settings)
    except KeyboardInterrupt:
        interrupted = True
        print(
            "\nInterrupted: what is finished stays, and the run under way keeps its finished epochs.", file=sys.stderr
        )
    if results:
        print(f"\n{table(results)}")
    print(
        f"\nFigures and event files are in {settings.logdir}. To look at them in TensorBoard (diagnoses under Text, all"
    )
    print("layers of a run in one chart under Custom Scalars):\n")
    print(f"    {_tensorboard()} --logdir {shlex.quote(str(settings.logdir))}")
    if interrupted:
        sys.exit(130)


def load_tensorflow():
    """Imports TensorFlow without its start-up notices, which C++ prints past every Python setting."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import keras
        import tensorflow as tf

        tf.zeros(1) + 1  # the search for a GPU speaks up here
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
    return keras


def table(results):
    """Returns a table of the results as text: model, published accuracies, measured accuracies."""
    rows = [("model", "published train / test", "measured train / test")]
    for result in results:
        measured = (result.train_accuracy, result.test_accuracy)
        rows.append((result.experiment.title, _accuracies(result.experiment.published), _accuracies(measured)))
    return text_table(rows)


def text_table(rows):
    """Returns rows of words as lines of text in columns, the first row underlined."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _accuracies(value):
    return value if isinstance(value, str) else "{:.3f} / {:.3f}".format(*value)


def _tensorboard():
    """The command as it has to be typed: with its folder, unless the shell finds this environment's own."""
    ours = Path(sys.executable).parent / "tensorboard"
    found = shutil.which("tensorboard")
    if found and Path(found).absolute() == ours.absolute():
        return "tensorboard"
    return shlex.quote(os.path.relpath(ours)) if ours.exists() else "tensorboard"


def _positive(text):
    return _whole_number(text, 1, "1 or more")


def _natural(text):
    return _whole_number(text, 0, "0 or more")


def _whole_number(text, least, words):
    try:
        number = int(text)
    except ValueError:
        number = None
    if number is None or not least <= number < 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of {words}")
    return number
