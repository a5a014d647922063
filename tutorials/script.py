"""What a script of the course is: one dataclass, which the command line and the catalogue read."""

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .command_line import run_script

if TYPE_CHECKING:  # the command line answers --help before these are loaded, as they load TensorFlow
    from matplotlib.figure import Figure

    from .studies import Experiment, Measurement, Study


@dataclasses.dataclass(frozen=True)
class Result:
    """The accuracies of one trained network, a line of the table that a script ends with.

    Args:
        title: the network.
        train_accuracy, test_accuracy: after training, on all samples of either half, 0 to 1.
        published: the tutorial's own training and test accuracy, or a phrase where it gives only a plot.
    """

    title: str
    train_accuracy: float
    test_accuracy: float
    published: tuple[float, float] | str = ""


@dataclasses.dataclass(frozen=True)
class Script:
    """A script of the course.

    Args:
        description: its docstring, which `--help` prints; the list of scripts shows the first line.
        run: function of `seed`, `epochs` and `log_dir`, all with defaults, that trains every configuration with one
            seed and returns a list of `Result`. Where `experiments` is a function, it takes `data` too.
        experiments: what `study` trains with many seeds: a list of `Experiment` and `Measurement`, or, where the data
            can be chosen with `--data`, a function of that choice (None is the default) that returns the list.
        summarize: function of the finished `Study` that prints what it shows and returns a dict of names to matplotlib
            figures; None draws every seed's accuracy over the epochs.

    >>> SCRIPT = Script(__doc__, run, [EXPERIMENT])
    >>> SCRIPT.main()
    """

    description: str | None
    run: Callable[..., "list[Result] | None"]
    experiments: "Sequence[Experiment | Measurement] | Callable[[str | None], list]" = ()
    summarize: "Callable[[Study], dict[str, Figure]] | None" = None

    @property
    def name(self) -> str:
        """The name of its file."""
        return Path(inspect.getfile(self.run)).stem

    @property
    def takes_data(self) -> bool:
        """Whether `--data` means something to it."""
        return callable(self.experiments)

    def experiments_on(self, data: str | None = None) -> "list[Experiment | Measurement]":
        """Return the experiments, on the data that `--data` names where the script lets it be chosen."""
        return self.experiments(data) if callable(self.experiments) else list(self.experiments)

    def main(self, argv: Sequence[str] | None = None) -> Any:
        """Run the script from the command line: flags, `run`, the table of results, the next line to type."""
        return run_script(self, argv)
