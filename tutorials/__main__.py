"""The command line of the tutorials: lists the scripts, runs them, studies them over many seeds.

python -m tutorials                      list every script, a line each
python -m tutorials run deep_tanh        train one seed of a script's networks; or of several scripts, or of a folder
python -m tutorials study depth          train 30 seeds of each network; `study all` for every script
python -m tutorials claims               judge the course's claims by the studies that lie in the log directory
python -m tutorials report               write one HTML page of all that lies in the log directory
python -m tutorials publish              keep what the studies found in docs/results/, make the documentation from it
python -m tutorials diagnose DIR         say what is wrong with the runs in DIR, yours too; of two, what changed
"""

import argparse
import difflib
import sys
from collections.abc import Callable, Sequence

from callbacks.diagnosis import command as diagnose_command

from . import command_line
from .catalogue import FOLDERS, first_line, script, sections
from .command_line import Parser


def main(argv: Sequence[str] | None = None) -> int | None:
    """Parse the arguments and do what they ask; exits with 2 where they make no sense."""
    parser = Parser(prog="python -m tutorials", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_command(commands, "run", "train one seed", "Train every configuration of some scripts with one seed.")
    _add_command(
        commands,
        "study",
        "train many seeds",
        "Train every configuration of some scripts with many seeds. What is finished is kept, not trained again.",
    )
    purposes = {
        "claims": "Print and write a verdict on every claim that the studies in the log directory can judge.",
        "report": "Write DIR/report.html: results, claims and plots of all that lies in the log directory.",
        "publish": "Keep what the studies found in docs/results/, and make the documentation's tables and pictures.",
    }
    for name, purpose in purposes.items():
        command_line.add_log_dir(commands.add_parser(name, help=purpose.split(".")[0].lower(), description=purpose))
    diagnose = commands.add_parser(
        "diagnose", help="say what is wrong with a run", description=diagnose_command.DESCRIPTION
    )
    diagnose_command.add_arguments(diagnose)
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        print(listing())
        return None
    chosen = commands.choices[arguments.command]
    if arguments.command == "diagnose":
        return diagnose_command.diagnose(chosen, arguments)
    if arguments.command in ("run", "study"):
        _train(chosen, arguments)
        return None
    command_line.check(chosen, arguments)
    from .publishing import publish  # these load TensorFlow
    from .report import print_claims, write_report

    {"claims": print_claims, "report": write_report, "publish": publish}[arguments.command](arguments.log_dir)
    return None


def _add_command(commands: argparse._SubParsersAction, name: str, purpose: str, description: str) -> None:
    parser = commands.add_parser(name, help=purpose, description=description)
    parser.add_argument("names", nargs="+", metavar="NAME", help="a script or folder of the list, or `all`")
    command_line.add_flags(parser)
    command_line.add_data(parser)
    if name == "study":
        command_line.add_study_flags(parser)


def _train(parser: Parser, arguments: argparse.Namespace) -> None:
    """Runs or studies the scripts that were named."""
    asked = list(dict.fromkeys(section for name in arguments.names for section in _sections(parser, name)))
    command_line.check(parser, arguments)
    studying = arguments.command == "study"
    studied = [section for section in asked if script(*section).experiments]
    if studying and not studied:
        parser.error(f"{' '.join(arguments.names)} trains nothing that could be studied; try deep_tanh")
    tasks = [_task(*section, arguments) for section in (studied if studying else asked)]
    command_line.until_interrupted(tasks, arguments.log_dir, [] if studying else [name for _, name in studied])


def _task(folder: str, name: str, arguments: argparse.Namespace) -> Callable:
    """A function that prints a script's name and runs or studies it."""

    def run() -> list | None:
        print(f"\n{name}: {first_line(folder, name)}", flush=True)
        if arguments.command == "run":
            return command_line.run(script(folder, name), arguments)
        from .studies.study import show, study  # loads TensorFlow

        chosen = script(folder, name)
        seeds = range(arguments.seed, arguments.seed + arguments.seeds)
        experiments = chosen.experiments_on(arguments.data)
        done = study(name, experiments, seeds, arguments.epochs, arguments.log_dir, arguments.jobs, arguments.dask)
        show(done, chosen.summarize)
        return None

    return run


def listing() -> str:
    """Return the scripts as text, a line each, folder by folder, in the order of the course."""
    lines = []
    for folder, names in FOLDERS.items():
        lines.append(f"{folder}/")
        lines += [f"  {name:22}{first_line(folder, name)}" for name in names]
    flags = "[--epochs N] [--seed S] [--logdir DIR]"
    return "\n".join(
        [
            *lines,
            "",
            f"Train one seed:    python -m tutorials run NAME... {flags}",
            f"Train many seeds:  python -m tutorials study NAME... {flags} [--seeds N] [--jobs N]",
            "Judge the claims:  python -m tutorials claims [--logdir DIR]",
            "Write a report:    python -m tutorials report [--logdir DIR]",
            "Diagnose a run:    python -m tutorials diagnose DIR [DIR] [--json]",
        ]
    )


def _sections(parser: Parser, name: str) -> list[tuple[str, str]]:
    """The scripts that a name stands for, as pairs of folder and script."""
    found = [(folder, one) for folder, one in sections() if name in (folder, one, "all")]
    if found:
        return found
    near = difflib.get_close_matches(name, ["all", *FOLDERS, *(one for _, one in sections())])
    advice = f"did you mean {' or '.join(near)}?" if near else "python -m tutorials lists them all"
    parser.error(f"there is no script {name!r}; {advice}")


if __name__ == "__main__":
    sys.exit(main())
