"""The command line of the callbacks.

python -m callbacks diagnose DIR         say what was wrong with the trainings whose event files are in DIR
python -m callbacks diagnose DIR DIR     and what changed from the first run to the second
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from .diagnosis import command


class _Parser(argparse.ArgumentParser):
    """An argument parser that keeps the lines of its description and reports a mistake in one sentence."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; `argv` None takes the arguments of the process."""
    program = f"python -m {__package__}" if sys.argv[0].endswith("__main__.py") else None
    parser = _Parser(prog=program)
    parser.description = (__doc__ or "").replace("python -m callbacks", parser.prog)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    diagnose = commands.add_parser(
        "diagnose", help="say what was wrong with trainings", description=command.DESCRIPTION
    )
    command.add_arguments(diagnose)
    return command.diagnose(diagnose, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
