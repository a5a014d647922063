"""What a program of the second zoo is: ordinary Keras code with one fault, or healthy code that comes close to one.

The programs stand in `programs_chosen_on`, which the rules of the diagnosis were made with, and in
`programs_held_out`, which was written and committed before these rules. `benchmarks.programs_diagnosed` runs them.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

FAMILIES = (
    "softmax over one unit",
    "cross-entropy of what is no probability",
    "categorical cross-entropy of one unit, or of sigmoids",
    "binary cross-entropy of labels outside [0, 1]",
    "sparse labels that are no class numbers",
    "targets that the output cannot reach",
    "scale of the targets",
    "scale of the inputs",
    "accuracy of a regression",
    "no non-linearity between the layers",
    "units or layers that start alike",
    "learning rate",
    "NaN or infinity in the data",
    "inputs without information",
    "labels in order, not shuffled",
    "one class outnumbers the others",
    "initial weights",
    "units that die or saturate",
    "the loss does not fit the task",
    "nothing is trained",
)
"""The kinds of fault that a program can have."""


@dataclasses.dataclass(frozen=True)
class Program:
    """A Keras program, up to `fit`.

    Attributes:
        name: of the function that makes it.
        family: one of `FAMILIES`: the fault, or for a healthy program the fault that it comes close to.
        is_faulty: whether it has the fault.
        make: function that returns a compiled model, and the keyword arguments of its `fit`: `x`, `y`, `epochs`.
        learned: function of the history's dict that tells whether the task was learned; None where the fault does not
            keep the network from learning.
    """

    name: str
    family: str
    is_faulty: bool
    make: Callable[[], tuple[Any, dict[str, Any]]]
    learned: Callable[[dict[str, list[float]]], bool] | None


class Programs(list):
    """The programs of a module, collected by decorators."""

    def faulty(self, family: str, learned: Callable | None = None) -> Callable:
        """Return a decorator for a program with a fault."""
        return lambda make: self._add(make, family, True, learned)

    def healthy(self, near: str, learned: Callable) -> Callable:
        """Return a decorator for a program without a fault, near one."""
        return lambda make: self._add(make, near, False, learned)

    def _add(self, make: Callable, family: str, is_faulty: bool, learned: Callable | None) -> Callable:
        assert family in FAMILIES, family
        self.append(Program(make.__name__, family, is_faulty, make, learned))
        return make
