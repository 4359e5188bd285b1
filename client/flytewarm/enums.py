"""The contract's enumerations as Python's, for readers: they print as their names and are equal to the numbers."""

from __future__ import annotations

import enum
import re
from typing import TypeVar

_Self = TypeVar("_Self", bound="_Named")


class _Named(enum.IntEnum):
    """Prints as its name. A number of a newer service that this client does not know becomes UNSPECIFIED."""

    def __str__(self) -> str:
        return self.name

    @classmethod
    def parse(cls: type[_Self], value: str | int) -> _Self:
        """The member for its name, short or as in the contract, in any case; or for a member or number.

        Raises ValueError, which names those that there are.
        """
        if isinstance(value, int):
            return cls(value)
        prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).upper() + "_"
        found = cls.__members__.get(value.upper().replace("-", "_").removeprefix(prefix))
        if not found:
            names = ", ".join(member.name for member in cls if member)
            raise ValueError(f"{value!r} is no {cls.__name__}: expected one of {names}")
        return found

    @classmethod
    def _missing_(cls: type[_Self], value: object) -> _Self:  # noqa: ARG003  # the parameters are given
        return cls(0)


class ErrorCause(_Named):
    """Who or what made an execution fail; see ErrorCause in execution.proto."""

    UNSPECIFIED = 0
    USER = 1
    USER_RECOVERABLE = 2
    INPUTS = 3
    SYSTEM = 4
    OUT_OF_MEMORY = 5
    TIMEOUT = 6
    CANCELLED = 7
    PREEMPTED = 8
    WORKER_LOST = 9


class ExecutionState(_Named):
    """Where an execution is; see ExecutionState in execution.proto."""

    UNSPECIFIED = 0
    QUEUED = 1
    STARTING = 2
    RUNNING = 3
    SUCCEEDED = 4
    FAILED = 5
    CANCELLED = 6
    TIMED_OUT = 7
    LOST = 8

    @property
    def is_terminal(self) -> bool:
        """Whether the execution has ended."""
        return self >= ExecutionState.SUCCEEDED


class Isolation(_Named):
    """How far an execution is kept apart from others; see Isolation in settings.proto."""

    UNSPECIFIED = 0
    CONTEXT = 1
    PROCESS = 2


class OnDisconnect(_Named):
    """What a client's disconnect means for its execution; see OnDisconnect in settings.proto."""

    UNSPECIFIED = 0
    CANCEL = 1
    CONTINUE = 2
