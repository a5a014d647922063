"""Ctrl-C, noticed even where Python loses it.

Python drops a KeyboardInterrupt that arrives while it deletes an object, and a training creates and deletes thousands
of objects a second. So the signal also sets an event, at which a training looks after every epoch.
"""

import signal
import threading
from types import FrameType

_interrupted = threading.Event()


def listen() -> None:
    """Makes Ctrl-C raise KeyboardInterrupt, at the latest when `raise_if_interrupted` is called next."""
    _interrupted.clear()
    signal.signal(signal.SIGINT, _interrupt)


def raise_if_interrupted() -> None:
    """Raises KeyboardInterrupt if Ctrl-C was pressed since `listen`."""
    if _interrupted.is_set():
        raise KeyboardInterrupt


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    _interrupted.set()
    raise KeyboardInterrupt
