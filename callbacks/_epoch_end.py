"""What callbacks read of a model where an epoch ends, in one compiled call for all that stand next to each other."""

from collections.abc import Callable, Hashable
from typing import Any

import keras

from . import backend
from .keras_internals import running_callback_list


class EpochEnd:
    """Reads, at the first of its callbacks that asks, what all of them look at.

    To call a compiled function takes a tenth of a millisecond, however little it computes, and an epoch may take two.
    What is read together was there when the first callback asked, so it is for callbacks only between which no other
    one can change a weight: those that follow each other in the list that `fit` was given.

    >>> end = EpochEnd(model)
    >>> end.add(monitor, backend.compiled(variables, function))
    >>> end.read(monitor)                      # what `function` returned, as an array

    Args:
        model: the model that is trained; where XLA compiles its train step, it compiles what is read together.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._readings: dict[Hashable, Any] = {}
        self._read_together: Callable[[], list[Any]] | None = None
        self._found: dict[Hashable, Any] = {}
        self._is_apart = False

    @classmethod
    def of(cls, callback: keras.callbacks.Callback) -> "EpochEnd":
        """Return the one of the callback before this one in the list, whose hook is running, or one of its own."""
        running = running_callback_list()
        callbacks = [] if running is None else list(running.callbacks)
        place = next((i for i, other in enumerate(callbacks) if other is callback), 0)
        before = getattr(callbacks[place - 1], "epoch_end", None) if place else None
        return before if isinstance(before, cls) else cls(callback.model)

    def add(self, name: Hashable, reading: Callable[[], Any]) -> None:
        """Read something too, in place of what was read under this name before."""
        self._readings[name] = reading
        self._read_together, self._found = None, {}

    def forget(self) -> None:
        """Forget what was read and not asked for: another epoch begins."""
        self._found = {}

    def read(self, name: Hashable) -> Any:
        """Return what is read under this name, as it is now or was when another was asked for in this epoch."""
        if self._is_apart:
            return self._readings[name]()
        if name not in self._found:
            if self._read_together is None:
                by_xla = bool(self._model.jit_compile) and not self._model.run_eagerly
                self._read_together = backend.together([*self._readings.values()], by_xla)
            try:
                self._found = dict(zip(self._readings, self._read_together(), strict=True))
            except Exception:  # of one of them, or XLA cannot compile it: whose it is, is seen when each reads alone
                self._is_apart = True
                return self._readings[name]()
        return self._found.pop(name)
