"""Exit codes of the command line, and which one an exception means."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TextIO

OK = 0
FAILED = 1
USAGE = 2
CALL_FAILED = 3
INTERRUPTED = 130
PIPE_CLOSED = 141


class UsageError(Exception):
    """The command was used wrongly; the message says how."""


class NoServiceError(Exception):
    """Nothing listens at the target."""


def say(message: str, stream: TextIO | None = None) -> None:
    """Speaks to the user, on stderr by default."""
    print(message, file=stream or sys.stderr)  # a command speaks to its user


def guarded(command: Callable[[list[str]], int], argv: list[str], name: str) -> int:
    """Runs a command and returns its exit code; every exception that is meant for the user becomes a message."""
    try:
        code = command(argv)
        sys.stdout.flush()  # now, so that a reader who has gone is noticed here
    except UsageError as error:
        say(f"{name}: {error}")
        return USAGE
    except NoServiceError as error:
        say(f"{name}: {error}")
        return CALL_FAILED
    except KeyboardInterrupt as interrupt:
        say(": ".join([name, "interrupted", *map(str, interrupt.args)]))
        return INTERRUPTED
    except BrokenPipeError:
        _discard_stdout()
        return PIPE_CLOSED
    except Exception as error:
        from flytewarm.errors import FlytewarmError

        if not isinstance(error, FlytewarmError):
            raise
        return _report(error, name)
    return code


def _report(error: Exception, name: str) -> int:
    from flytewarm.errors import CallError, InvalidRequest

    if not isinstance(error, CallError):
        say(f"{name}: {error}")
        return CALL_FAILED
    say(f"{name}: {error}")
    for field, description in error.violations:
        if f"{field}: {description}" not in error.details:
            say(f"  {field}: {description}")
    if error.retry_after is not None:
        say(f"  try again in {error.retry_after:g} s")
    return USAGE if isinstance(error, InvalidRequest) else CALL_FAILED


def _discard_stdout() -> None:
    # The interpreter flushes stdout once more when it ends, and would complain then.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
