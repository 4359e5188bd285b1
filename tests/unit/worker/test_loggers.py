"""flytekit's loggers and the interpreter's settings, put back and kept. In forks: they belong to the process."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable

import pytest
from flytekit.loggers import logger, user_space_logger

from flytewarm_worker.interpreter_settings import InterpreterSettings
from flytewarm_worker.loggers import FlyteLoggers, Loggers, LoggerState

InFork = Callable[[Callable[[], None]], None]


def test_loggers_are_what_modules_made_them(in_fork: InFork) -> None:
    def check() -> None:
        known = logging.getLogger("known")
        handler = logging.NullHandler()
        known.addHandler(handler)
        known.setLevel(logging.ERROR)
        loggers = Loggers()
        for name in ("known", "made.by.the.task"):
            changed = logging.getLogger(name)
            changed.handlers = [logging.StreamHandler()]
            changed.addFilter(lambda _: False)
            changed.setLevel(logging.CRITICAL)
            changed.propagate, changed.disabled = False, True
        logging.disable(logging.CRITICAL)
        loggers.restore()
        made = logging.getLogger("made.by.the.task")
        assert (known.handlers, known.level, known.filters, known.propagate) == ([handler], logging.ERROR, [], True)
        assert (made.handlers, made.level, made.filters, made.propagate) == ([], logging.NOTSET, [], True)
        assert not known.disabled
        assert not made.disabled
        assert known.isEnabledFor(logging.ERROR)
        assert made.isEnabledFor(logging.ERROR)

    in_fork(check)


def test_what_comes_after_loggers_were_gathered_is_seen(in_fork: InFork) -> None:
    def check() -> None:
        loggers = Loggers()
        loggers.restore()
        logging.getLogger("made.later").setLevel(logging.ERROR)
        loggers.restore()
        made = logging.getLogger("made.later")
        assert made.level == logging.NOTSET
        before = loggers.read()
        made.setLevel(logging.ERROR)
        loggers.adopt(before)
        loggers.restore()
        assert made.level == logging.ERROR
        # As getLogger() makes it, which is what it had to be before.
        made.setLevel(logging.NOTSET)
        loggers.restore()
        assert made.level == logging.ERROR

    in_fork(check)


def test_what_modules_have_disabled_stays_disabled(in_fork: InFork) -> None:
    def check() -> None:
        logging.disable(logging.INFO)
        loggers = Loggers()
        logging.disable(logging.NOTSET)
        loggers.restore()
        assert logging.root.manager.disable == logging.INFO

    in_fork(check)


def test_the_environment_decides_and_nothing_adds_up(in_fork: InFork) -> None:
    def check() -> None:
        loggers = FlyteLoggers()
        for level in (10, 50, 10):
            os.environ["FLYTE_SDK_LOGGING_LEVEL"] = str(level)
            loggers.set_up()
            assert logger.level == level
            assert len(logger.handlers) == len(user_space_logger.handlers) == 1
            logger.handlers[0].setFormatter(logging.Formatter("changed %(message)s"))
            user_space_logger.disabled = True
            user_space_logger.addHandler(logging.NullHandler())
            loggers.restore()
            assert "changed" not in str(logger.handlers[0].formatter._fmt)  # type: ignore[union-attr]
            assert not user_space_logger.disabled
            assert len(user_space_logger.handlers) == 1

    in_fork(check)


def test_those_of_flytekit_do_not_have_all_others_looked_at(in_fork: InFork, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have another state in an execution than before the first one."""

    def look(_: Loggers, name: str, _logger: logging.Logger) -> LoggerState:
        raise AssertionError(f"{name} is as it was")

    monkeypatch.setattr(Loggers, "_state_of", look)

    def check() -> None:
        every, own = Loggers(), FlyteLoggers()
        for _ in range(2):
            own.set_up()
            logger.setLevel(1)
            every.restore()
            own.restore()
            assert logger.level != 1

    in_fork(check)


def test_a_level_that_is_no_number_is_told(in_fork: InFork) -> None:
    def check() -> None:
        os.environ["FLYTE_SDK_LOGGING_LEVEL"] = "loud"
        with pytest.raises(ValueError, match="loud"):
            FlyteLoggers().set_up()

    in_fork(check)


def test_settings_are_put_back_and_adopted(in_fork: InFork) -> None:
    def check() -> None:
        settings = InterpreterSettings()
        limit, filters, level = sys.getrecursionlimit(), list(warnings.filters), logging.getLogger().level
        for adopted in (False, True):
            before = settings.read()
            sys.setrecursionlimit(limit + 7)
            warnings.simplefilter("error")
            logging.getLogger().setLevel(level + 5)
            sys.excepthook = print
            if adopted:
                settings.adopt(before)
            settings.restore()
            assert sys.getrecursionlimit() == limit + 7 * adopted
            assert (warnings.filters == filters) is not adopted
            assert logging.getLogger().level == level + 5 * adopted
            assert (sys.excepthook is print) is adopted

    in_fork(check)
