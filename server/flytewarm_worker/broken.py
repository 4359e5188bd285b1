"""Why an environment cannot be used: errors whose message is the whole reason, in one line for its author."""

from __future__ import annotations

# What is told of a reason, in characters: it has to fit into a frame.
_LONGEST_REASON = 64 << 10


class BrokenEnvironmentError(Exception):
    """The base: no traceback is needed to understand it."""


class UnfitToForkError(BrokenEnvironmentError):
    """The process cannot be forked safely."""

    def __init__(self, kind: str, reason: str) -> None:
        """`kind`: what is in the way, "threads" or "cuda"."""
        super().__init__(reason)
        self.kind = kind


class HidesLibrariesError(BrokenEnvironmentError):
    """The code has modules in place of libraries that the process has imported for all environments."""


class PreloadError(BrokenEnvironmentError):
    """A module of the environment cannot be imported."""


class StartHookError(BrokenEnvironmentError):
    """A hook of the environment's code, for the start of a worker, has raised."""


def told(reason: str) -> str:
    """A reason as a message can hold it: neither with lone surrogates, which code may raise, nor of any length."""
    return reason.encode("utf-8", "backslashreplace").decode()[-_LONGEST_REASON:]
