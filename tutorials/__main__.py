"""The command line of the tutorials: lists the scripts, runs them.

python -m tutorials                      list every script, a line each
python -m tutorials run deep_tanh        run one, or several, or a whole folder: `run vanishing`
"""

import ast
import difflib
import importlib
import sys
from pathlib import Path

from .lab.command import Parser, add_flags, check, run_all
from .vanishing import SECTIONS as VANISHING

FOLDERS = {"vanishing": VANISHING}


def main(argv=None):
    """Parses the arguments, lists or runs, and exits with 2 where they make no sense."""
    parser = Parser(prog="python -m tutorials", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    run = commands.add_parser("run", help="run scripts by name", description="Runs scripts, or a folder of them.")
    run.add_argument("names", nargs="+", metavar="NAME", help="a script or folder that `python -m tutorials` lists")
    add_flags(run)
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        print(listing())
        return
    sections = [section for name in arguments.names for section in _sections(run, name)]
    settings = check(run, arguments)
    run_all([_runner(folder, name) for folder, name in sections], settings)


def listing():
    """Returns the scripts as text, a line each, folder by folder, in the order of the course."""
    lines = []
    for folder, names in FOLDERS.items():
        lines.append(f"{folder}/")
        lines += [f"  {name:20}{_first_line(folder, name)}" for name in names]
    return "\n".join(
        [*lines, "", "Run some with: python -m tutorials run NAME... [--epochs N] [--seed S] [--logdir DIR]"]
    )


def _first_line(folder, name):
    """The first line of a script's docstring, read without importing it."""
    source = Path(__file__).with_name(folder).joinpath(f"{name}.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(source)).splitlines()[0]


def _sections(parser, name):
    """The scripts that a name stands for, as pairs of folder and script."""
    if name in FOLDERS:
        return [(name, section) for section in FOLDERS[name]]
    for folder, names in FOLDERS.items():
        if name in names:
            return [(folder, name)]
    known = [*FOLDERS, *(section for names in FOLDERS.values() for section in names)]
    near = difflib.get_close_matches(name, known) or known
    parser.error(f"there is no script {name!r}; the nearest names are {', '.join(near)}")


def _runner(folder, name):
    """A function that imports a script, says its name and runs it."""

    def run(settings):
        script = importlib.import_module(f"tutorials.{folder}.{name}")
        print(f"\n{name}: {_first_line(folder, name)}", flush=True)
        return script.run(settings)

    return run


if __name__ == "__main__":
    sys.exit(main())
