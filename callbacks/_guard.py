"""The promise that a callback never gets in the way of training: one guard around all that it does during a `fit`."""

import contextlib
import re
import textwrap
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import keras

from ._errors import NothingToWatchError
from .keras_internals import running_callback_list

LONGEST_REASON = 300
"""Characters of an exception's message that a warning quotes, at most."""


class GuardedCallback(keras.callbacks.Callback):
    """A callback whose faults end no training; a base class for the callbacks of this package.

    Keras calls `on_train_begin`, `on_epoch_begin`, `on_epoch_end` and `on_train_end`, and these call `_train_begin`,
    `_epoch_begin`, `_epoch_end` and `_train_end`, which a subclass overrides. The first exception that comes out of
    one of them, or of anything else that runs through `guarded`, switches the callback off until the next `fit`: it
    releases what it holds, and the training goes on without it. When training ends, one warning says what happened.
    What it holds it releases too when `fit` ends with an exception, as soon as Python has discarded what `fit` held.
    Only an `Exception` that was raised inside is caught: `KeyboardInterrupt` passes, and so does what the user's own
    code raises, as it does not run inside.

    Attributes:
        warns: whether to warn when training ends; not where another callback runs this one and speaks for it.
    """

    _OF_A_FIT: tuple[str, ...] = ()
    """Attributes that are held during a `fit` only; outside, and in copies and pickles, they are None."""

    def __init__(self) -> None:
        super().__init__()
        self.warns = True
        self._is_off = False
        self._trouble: str | None = None
        self._last_epoch: int | None = None  # the last one that ended in this `fit`
        self._end_of_fit: weakref.finalize | None = None

    @property
    def trouble(self) -> str | None:
        """Str or None: what kept the callback from seeing all of the last training, to be read after its name."""
        return self._trouble

    def guarded(self, action: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        """Call a function; should it raise an `Exception`, switch this callback off for the rest of the training."""
        if self._is_off:
            return
        try:
            action(*arguments, **named)
        except Exception as error:
            self._is_off = True
            happened = "recorded nothing" if self._last_epoch is None else f"failed after epoch {self._last_epoch + 1}"
            self._trouble = f"{happened}: {_reason(error)}"
            with contextlib.suppress(Exception):
                self._release()

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._is_off, self._trouble, self._last_epoch = False, None, None
        self._forget_the_fit()
        callbacks = running_callback_list()
        if callbacks is not None:
            self._end_of_fit = weakref.finalize(callbacks, self._release_after_an_exception)
        self.guarded(self._train_begin, logs)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.guarded(self._epoch_begin, epoch, logs)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.guarded(self._epoch_end, epoch, logs)
        self._last_epoch = epoch

    def on_train_end(self, logs: dict | None = None) -> None:
        self._forget_the_fit()
        self.guarded(self._train_end, logs)
        self.guarded(self._release)
        if self.trouble and self.warns:
            warnings.warn(f"{type(self).__name__} {self.trouble} Training was not affected.", stacklevel=2)

    def _forget_the_fit(self) -> None:
        if self._end_of_fit is not None:
            self._end_of_fit.detach()
            self._end_of_fit = None

    def _release_after_an_exception(self) -> None:
        """Called when `fit` is over and `on_train_end` was not."""
        self._end_of_fit = None
        self.guarded(self._release)

    def _train_begin(self, logs: dict | None = None) -> None:
        """What `on_train_begin` does, guarded; and so on."""

    def _epoch_begin(self, epoch: int, logs: dict | None = None) -> None: ...

    def _epoch_end(self, epoch: int, logs: dict | None = None) -> None: ...

    def _train_end(self, logs: dict | None = None) -> None: ...

    def _release(self) -> None:
        """Give back all that is held during a `fit`; called once, when it ends or when the callback is switched off."""
        for name in self._OF_A_FIT:
            setattr(self, name, None)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | dict.fromkeys((*self._OF_A_FIT, "_end_of_fit"))


def _reason(error: Exception) -> str:
    """An exception as a sentence on one line."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))  # Keras writes the first words of some messages in bold
    text = textwrap.shorten(text, LONGEST_REASON, placeholder=" ...")
    if not isinstance(error, NothingToWatchError):
        text = ": ".join(filter(None, (type(error).__name__, text)))
    return text if text.endswith((".", "!", "?")) else f"{text}."
