"""The train function that stands in for a model's own while a `fit` is recorded."""

import contextlib
from collections.abc import Callable
from typing import Any

import keras

from .backend import END_OF_DATA, Recording


class TrainFunctionTap:
    """Stands in for `model.train_function` during one `fit`, so that listeners are there while the step is traced.

    Keras keeps its compiled train function from one `fit` to the next, so a recording one is compiled beside it and
    the model's own comes back at the end. The listeners' contexts are open only while a step runs. Should `fit` end
    with an exception, the model is restored at once if the exception passes through here; if not (another callback
    raised it), the next call notices that its `fit` is over.

    Attributes:
        recording: `Recording`, which makes what the listeners keep their results in.

    Needs `Model.train_function` and `Model.make_train_function`, which Keras describes but does not document as an
    interface, and `Model.history`, which it replaces with each `fit`. A `train_step` that callbacks may wrap would
    replace all three.
    """

    @classmethod
    def of(cls, model: keras.Model) -> "TrainFunctionTap":
        """Return the tap of the `fit` under way, made if there is none."""
        tap = model.train_function
        if isinstance(tap, cls):
            if not tap._is_stale():
                return tap
            tap.restore()
        return cls(model)

    def __init__(self, model: keras.Model) -> None:
        self._listeners: list[Callable[[], contextlib.AbstractContextManager]] = []
        self._model = model
        self._fit = getattr(model, "history", None)
        self._own = model.train_function
        self.recording = Recording(model)
        self._recorded = self.recording.new_train_function()
        model.train_function = self

    def __call__(self, *arguments: Any) -> Any:
        """Run the next steps as Keras's own train function would, with the listeners' contexts open."""
        if self._is_stale():
            self.restore()
            self._model.make_train_function()
            return self._model.train_function(*arguments)
        try:
            with contextlib.ExitStack() as contexts:
                for listener in list(self._listeners):  # one that fails removes itself
                    contexts.enter_context(listener())
                return self._recorded(*arguments)
        except END_OF_DATA:
            raise
        except BaseException:
            self.restore()
            raise

    def add(self, listener: Callable[[], contextlib.AbstractContextManager]) -> None:
        """Add a function that returns the context manager to open around each call of the train function."""
        self._listeners.append(listener)

    def remove(self, listener: Callable[[], contextlib.AbstractContextManager]) -> None:
        """Remove a listener; with the last one the model gets its own train function back."""
        self._listeners.remove(listener)
        if not self._listeners:
            self.restore()

    def restore(self) -> None:
        """Give the model its own train function back."""
        if self._model.train_function is self:
            self._model.train_function = self._own

    def _is_stale(self) -> bool:
        return getattr(self._model, "history", None) is not self._fit
