"""The command line of the tutorials: lists the scripts, runs them, studies them over many seeds.

python -m tutorials                      list every script, a line each
python -m tutorials run deep_tanh        run one, or several, or a whole folder: `run vanishing`
python -m tutorials study depth          train its experiments with 30 seeds each; `study all` for every script
python -m tutorials claims               judge the course's claims by the studies that lie in the log directory
python -m tutorials report               one HTML page of all that lies in the log directory
python -m tutorials diagnose DIR         what is wrong with the runs in DIR, yours too; of two DIRs, what changed
"""

import difflib
import sys
from pathlib import Path

from .catalogue import FOLDERS, experiments, first_line, script, sections
from .lab.command import Parser, add_flags, add_logdir, check, run_all


def main(argv=None):
    """Parses the arguments, does what they ask, and exits with 2 where they make no sense."""
    parser = Parser(prog="python -m tutorials", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    run = commands.add_parser("run", help="run scripts by name", description="Runs scripts, or a folder of them.")
    run.add_argument("names", nargs="+", metavar="NAME", help="a script or folder that `python -m tutorials` lists")
    add_flags(run)
    study = commands.add_parser(
        "study",
        help="train a script's experiments with many seeds",
        description="Trains the experiments of scripts with many seeds. What is finished is kept, not trained again.",
    )
    study.add_argument("names", nargs="+", metavar="NAME", help="a script or folder, or `all`")
    add_flags(study, study=True)
    claims = commands.add_parser(
        "claims",
        help="judge the course's claims",
        description="Prints and writes a verdict on every claim that the studies in the log directory can judge.",
    )
    report = commands.add_parser(
        "report",
        help="write one HTML page",
        description="Writes DIR/report.html: results, claims and figures of all that lies in the log directory.",
    )
    for command in (claims, report):
        add_logdir(command)
    diagnosis = commands.add_parser(
        "diagnose",
        help="say what is wrong with a run",
        description="Reads the event files of Diagnosis and of the monitors and says what is wrong with the runs.\n"
        "Exit status: 0 nothing is wrong, 1 something is, 2 the directory cannot be read.",
    )
    diagnosis.add_argument("directories", nargs="+", type=Path, metavar="DIR", help="a run, or runs; two, to compare")
    diagnosis.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        print(listing())
    elif arguments.command == "diagnose":
        from .diagnose import diagnose

        return diagnose(diagnosis, arguments.directories, arguments.json)
    elif arguments.command in ("claims", "report"):
        from .report import print_claims, write_report

        settings = check(commands.choices[arguments.command], arguments)
        {"claims": print_claims, "report": write_report}[arguments.command](settings.logdir)
    else:
        chosen = commands.choices[arguments.command]
        asked = dict.fromkeys(section for name in arguments.names for section in _sections(chosen, name))
        studying = arguments.command == "study"
        if studying:
            asked = [section for section in asked if experiments(*section)]
            if not asked:
                chosen.error(f"{' '.join(arguments.names)} trains nothing that could be studied; try deep_tanh")
        settings = check(chosen, arguments)
        run_all([_runner(*section, studying) for section in asked], settings)


def listing():
    """Returns the scripts as text, a line each, folder by folder, in the order of the course."""
    lines = []
    for folder, names in FOLDERS.items():
        lines.append(f"{folder}/")
        lines += [f"  {name:20}{first_line(folder, name)}" for name in names]
    flags = "[--epochs N] [--seed S] [--logdir DIR]"
    return "\n".join(
        [
            *lines,
            "",
            f"Run some with:     python -m tutorials run NAME... {flags}",
            f"Over many seeds:   python -m tutorials study NAME... {flags} [--seeds N] [--jobs N]",
            "Judge the claims:  python -m tutorials claims [--logdir DIR]",
            "Write a report:    python -m tutorials report [--logdir DIR]",
            "Diagnose a run:    python -m tutorials diagnose DIR [DIR] [--json]",
        ]
    )


def _sections(parser, name):
    """The scripts that a name stands for, as pairs of folder and script."""
    found = [(folder, one) for folder, one in sections() if name in (folder, one, "all")]
    if found:
        return found
    known = ["all", *FOLDERS, *(one for _, one in sections())]
    near = difflib.get_close_matches(name, known) or known
    parser.error(f"there is no script {name!r}; the nearest names are {', '.join(near)}")


def _runner(folder, name, studying):
    """A function that says a script's name and runs or studies it."""

    def run(settings):
        print(f"\n{name}: {first_line(folder, name)}", flush=True)
        module = script(folder, name)
        if not studying:
            return module.run(settings)
        from .lab.studies import look_at_seeds, run_study

        return run_study(
            name, experiments(folder, name, settings.data), settings, getattr(module, "look", look_at_seeds)
        )

    return run


if __name__ == "__main__":
    sys.exit(main())
