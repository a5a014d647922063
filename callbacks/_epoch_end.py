"""What callbacks read of a model where an epoch ends."""

from collections.abc import Callable, Hashable
from typing import Any

import keras

from . import backend
from .keras_internals import running_callback_list


class EpochEnd:
    """Reads, where an epoch ends, what several callbacks look at: at once, where that is faster.

    With XLA and on JAX it is one compiled function, and the first callback that asks has it called for all. (To call
    a compiled function takes a tenth of a millisecond, however little it computes, and a short epoch takes two
    milliseconds.) So all of them get the values of that moment. Therefore callbacks share an `EpochEnd` only if they
    are neighbours in the list that `fit` was given: no other callback can change a weight between them.

    >>> end = EpochEnd(model)
    >>> end.add(monitor, backend.compiled(variables, function))
    >>> end.read(monitor)                      # what `function` returned, as an array

    Args:
        model: the model that is trained; where XLA compiles its train step, it compiles what is read together.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._readings: dict[Hashable, Any] = {}
        self._read_together: Callable[[], list[Callable[[], Any]]] | None = None
        self._results: dict[Hashable, Callable[[], Any]] = {}  # of this epoch, not asked for yet
        self._reads_separately = False

    @classmethod
    def of(cls, callback: keras.callbacks.Callback) -> "EpochEnd":
        """Return the `EpochEnd` of the callback before this one in the list that `fit` was given, or a new one.

        Called while the list runs one of their hooks.
        """
        running = running_callback_list()
        callbacks = [] if running is None else list(running.callbacks)
        place = next((i for i, other in enumerate(callbacks) if other is callback), 0)
        before = getattr(callbacks[place - 1], "epoch_end", None) if place else None
        return before if isinstance(before, cls) else cls(callback.model)

    def add(self, owner: Hashable, reading: Callable[[], Any]) -> None:
        """Add the reading of a callback, or replace the one that it added before."""
        self._readings[owner] = reading
        self._results.pop(owner, None)
        self._read_together = None

    def forget(self) -> None:
        """Forget results that nobody asked for: another epoch begins."""
        self._results = {}

    def read(self, owner: Hashable) -> Any:
        """Return the result of a callback's reading, computed now or when another callback asked in this epoch."""
        if owner not in self._results and not self._reads_separately:
            self._read_all()
        return self._results.pop(owner, self._readings[owner])()

    def _read_all(self) -> None:
        try:
            if self._read_together is None:
                by_xla = bool(self._model.jit_compile) and not self._model.run_eagerly
                self._read_together = backend.together([*self._readings.values()], by_xla)
            if self._read_together is None:
                self._reads_separately = True
            else:
                # A result that nobody asked for yet is not read again: its counts have begun anew.
                self._results = dict(zip(self._readings, self._read_together(), strict=True)) | self._results
        except Exception:
            # One reading failed, or XLA cannot compile them: from now on each is read alone, and only that one fails.
            self._reads_separately = True
