"""Calls the functions that task authors have registered (flytewarm.worker)."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any

from flytewarm_api.worker import wake
from flytewarm_api.worker.hooks import HOOKS, Hook
from flytewarm_worker.broken import StartHookError
from flytewarm_worker.random_state import RANDOM_STATES


class WorkerHooks:
    """Those of this process, as a worker uses them."""

    def __init__(self) -> None:
        # How many of each kind are of modules, and so stay.
        self._kept = (0, 0)
        self._fault = ""

    def start(self) -> None:
        """Calls those for the start of a worker that have not been called yet. Raises StartHookError."""
        if not HOOKS.worker_start:
            return
        while HOOKS.worker_start:
            hook = HOOKS.worker_start.pop(0)
            try:
                hook()
            except BaseException as error:
                # The whole story goes to the log; the reason is one line.
                traceback.print_exc()
                self._fault = f"on_worker_start hook {_name(hook)}: {type(error).__name__}: {error}"
                raise StartHookError(self._fault) from error
        # One that seeds a generator means all executions.
        RANDOM_STATES.adopt()

    def adopt(self) -> None:
        """Keeps those that are registered now: modules are not imported again."""
        self._kept = len(HOOKS.worker_start), len(HOOKS.cancel)

    def restore(self) -> str:
        """Drops those of an execution. Returns why this process must not be used again, or an empty string."""
        del HOOKS.worker_start[self._kept[0] :], HOOKS.cancel[self._kept[1] :]
        return self._fault


class Cancellation:
    """What comes of SIGTERM while an execution runs: its hooks first, then what would come of it without them."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        # The handler that this one stands in for, while it does.
        self._before: Any = None

    @contextlib.contextmanager
    def awaited(self) -> Iterator[None]:
        """While the block, an execution, runs. Without hooks nothing is changed: SIGTERM ends also what hangs in C."""
        HOOKS.cancel_added = self._arm
        try:
            if HOOKS.cancel:
                self._arm()
            yield
        finally:
            HOOKS.cancel_added = None
            if self._before is not None:
                signal.signal(signal.SIGTERM, self._before)
                self._before = None
                _sleep_on()

    def _arm(self) -> None:
        if self._before is not None:
            return
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("the first @on_cancel of an execution has to be called in the main thread")
        # One of C code can be seen, but not set.
        self._before = signal.getsignal(signal.SIGTERM) or signal.SIG_DFL
        signal.signal(signal.SIGTERM, self._cancel)
        # One of others, as Go's, interrupts system calls, too.
        if signal.getsignal(wake.SIGNAL) == signal.SIG_DFL:
            signal.signal(wake.SIGNAL, _interrupt)

    def _cancel(self, _number: int, _frame: FrameType | None) -> None:
        # What hooks wait in is not to be interrupted.
        _sleep_on()
        # A process that the task has forked has this handler, too, and gets the signal of the group.
        if os.getpid() == self._pid:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            for hook in reversed(list(HOOKS.cancel)):
                _call(hook)
            _flush()
        signal.signal(signal.SIGTERM, self._before)
        os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """That it was called has already served: a system call has returned, and the handler of SIGTERM had its turn."""


def _sleep_on() -> None:
    if signal.getsignal(wake.SIGNAL) is _interrupt:
        signal.signal(wake.SIGNAL, signal.SIG_DFL)


def _call(hook: Hook) -> None:
    try:
        hook()
    except BaseException:  # noqa: BLE001  # the others are called all the same
        story = f"on_cancel hook {_name(hook)}:\n{traceback.format_exc()}"
        # Python's own stream cannot be written to where the signal has interrupted a writing to it.
        os.write(2, story.encode(errors="backslashreplace"))


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        # The task may have closed or replaced them, or be writing to them.
        with contextlib.suppress(Exception):
            stream.flush()


def _name(hook: Hook) -> str:
    return f"{getattr(hook, '__module__', '')}.{getattr(hook, '__qualname__', repr(hook))}"


#: Those of this process, which has one of each.
WORKER_HOOKS = WorkerHooks()
