"""Loggers, as they were; and flytekit's, as a new process has them in the environment of the execution.

flytekit sets its own up when it is imported: which handlers and levels they get depends on environment variables, of
which each execution has its own values, and a task may change them.
"""

from __future__ import annotations

import logging
import operator
import os
import sys
from typing import Any, NamedTuple

from flytekit import loggers

from flytewarm_worker.variables import raw_environment
from flytewarm_worker.versions import version

_VARIABLES = tuple(
    map(
        os.fsencode,
        (
            loggers.LOGGING_ENV_VAR,
            loggers.LOGGING_DEV_ENV_VAR,
            loggers.LOGGING_FMT_ENV_VAR,
            loggers.LOGGING_RICH_FMT_ENV_VAR,
        ),
    )
)


class LoggerState(NamedTuple):
    """A logger as it was."""

    logger: logging.Logger
    level: int
    propagate: bool
    disabled: bool
    handlers: list[tuple[logging.Handler, int, logging.Formatter | None, list[Any]]]
    filters: list[Any]

    @classmethod
    def of(cls, logger: logging.Logger) -> LoggerState:
        """The logger as it is."""
        handlers = [(one, one.level, one.formatter, list(one.filters)) for one in logger.handlers]
        return cls(logger, logger.level, logger.propagate, logger.disabled, handlers, list(logger.filters))

    def restore(self) -> None:
        """Makes the logger and its handlers what they were."""
        logger = self.logger
        if logger.level != self.level:
            # Not by assignment: loggers remember which levels are enabled.
            logger.setLevel(self.level)
        logger.propagate, logger.disabled = self.propagate, self.disabled
        logger.handlers[:] = [handler for handler, *_ in self.handlers]
        logger.filters[:] = self.filters
        for handler, level, formatter, filters in self.handlers:
            handler.level, handler.formatter = level, formatter
            handler.filters[:] = filters


_Parts = tuple[int, bool, bool, list[logging.Handler], list[Any]]
# Of a logger as getLogger() makes it.
_parts = operator.attrgetter("level", "propagate", "disabled", "handlers", "filters")
_AS_MADE: _Parts = (logging.NOTSET, True, False, [], [])


# flytekit's own, which have another state while a task runs.
_OF_FLYTEKIT = (loggers.logger, loggers.user_space_logger, loggers.developer_logger)


class Loggers:
    """All loggers but flytekit's: those that modules have set up stay as they are, others become what getLogger()
    makes."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[_Parts, LoggerState]] = {}
        # The version of the table of all when what they have to be was gathered from it, and that.
        self._table: object = None
        self._loggers: dict[str, logging.Logger] = {}
        self._expected: list[_Parts] = []
        self._disabled = logging.NOTSET
        self.adopt((logging.NOTSET, {}))

    def read(self) -> tuple[int, dict[str, _Parts]]:
        """All as they are now."""
        named = logging.root.manager.loggerDict
        return logging.root.manager.disable, {
            name: (*_parts(one)[:3], list(one.handlers), list(one.filters))
            for name, one in named.items()
            if isinstance(one, logging.Logger)
        }

    def adopt(self, before: tuple[int, dict[str, _Parts]]) -> None:
        """Keeps what has changed since it was read."""
        disabled, now = self.read()
        self._table = None
        if disabled != before[0]:
            self._disabled = disabled
        for name, parts in now.items():
            if parts != before[1].get(name):
                self._kept[name] = (parts, LoggerState.of(logging.getLogger(name)))

    def restore(self) -> None:
        """Makes all what they were, but for handlers that stayed and were changed."""
        if logging.root.manager.disable != self._disabled:
            logging.disable(self._disabled)
        if (table := version(logging.root.manager.loggerDict)) != self._table:
            self._gather()
            self._table = table
        # All at once: a loop of Python's over a hundred of them takes a tenth of a small task.
        if list(map(_parts, self._loggers.values())) != self._expected:
            for (name, logger), parts in zip(self._loggers.items(), self._expected, strict=True):
                if _parts(logger) != parts:
                    self._state_of(name, logger).restore()

    def _gather(self) -> None:
        named = logging.root.manager.loggerDict.items()
        self._loggers = {
            name: one for name, one in named if isinstance(one, logging.Logger) and one not in _OF_FLYTEKIT
        }
        self._expected = [self._kept[name][0] if name in self._kept else _AS_MADE for name in self._loggers]

    def _state_of(self, name: str, logger: logging.Logger) -> LoggerState:
        return self._kept[name][1] if name in self._kept else LoggerState(logger, *_AS_MADE[:3], [], [])


class FlyteLoggers:
    """The loggers of flytekit, set up for one execution after the other."""

    def __init__(self) -> None:
        self._first = [LoggerState.of(logger) for logger in _OF_FLYTEKIT]
        self._key: tuple[object, ...] = ()
        self._states = self._first

    def set_up(self) -> None:
        """Gives them what they have in a new process with os.environ and sys.stderr as they are now.

        Raises ValueError when a level in the environment is no number, as importing flytekit does.
        """
        environment = raw_environment()
        has_execution = b"FLYTE_INTERNAL_EXECUTION_ID" in environment
        key = (sys.stderr, has_execution, *map(environment.get, _VARIABLES))
        if key != self._key:
            for state in self._first:
                state.restore()
                # flytekit adds to those of the user's logger.
                state.logger.handlers.clear()
            loggers.initialize_global_loggers()
            self._key = key
            self.adopt()

    def restore(self) -> None:
        """Makes them what they were for the execution before the task began, and so for one with the same variables."""
        for state in self._states:
            state.restore()

    def adopt(self) -> None:
        """Keeps them as they are for executions with the same variables, and their filters for all."""
        self._states = [LoggerState.of(state.logger) for state in self._states]
        self._first = [
            first._replace(filters=state.filters) for first, state in zip(self._first, self._states, strict=True)
        ]
