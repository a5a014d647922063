"""The exception whose message callbacks tell the user as it is."""


class NothingToWatchError(ValueError):
    """What a callback is to watch is not there; the message says so in sentences for the user."""
