"""Signal handlers, masks and timers, as they were."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what the module signal is made of
import faulthandler
import itertools
import operator
import signal
from collections.abc import Callable
from typing import Any

from flytewarm_api.worker.stacks import SIGNAL

# The kernel lets nobody change these.
_SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
# Where each signal has the stacks written to.
_files: dict[int, int] = {signal.SIGUSR1: 2}
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
# Without the names of handlers, which it takes longer to look up than to ask for the handler.
_handler_of: Callable[[int], Any] = _signal.getsignal
# Nor with those of signals.
_set_mask: Callable[[int, set[int]], Any] = _signal.pthread_sigmask


class Signals:
    """A snapshot, and the way back to it."""

    def __init__(self) -> None:
        self._handlers = self.read()
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self._wakeup = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(self._wakeup)

    @staticmethod
    def read() -> list[tuple[int, Any]]:
        """The handlers as they are."""
        return [(int(number), _handler_of(number)) for number in _SIGNALS]

    def adopt(self, before: list[tuple[int, Any]]) -> None:
        """Keeps those that were set since they were read."""
        for index, (now, was) in enumerate(zip(self.read(), before, strict=True)):
            if now[1] is not was[1]:
                self._handlers[index] = now

    def restore(self) -> None:
        """Puts everything back. A signal that a task has blocked, and that came, is delivered now."""
        for timer in _TIMERS:
            signal.setitimer(timer, 0)
        faulthandler.cancel_dump_traceback_later()
        changed = map(operator.is_not, map(_handler_of, _SIGNALS), map(operator.itemgetter(1), self._handlers))
        for number, handler in list(itertools.compress(self._handlers, changed)):
            # Others than Python's own can be seen, but not set: a task cannot have replaced them by such.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self._wakeup)
        register_stacks()
        _set_mask(signal.SIG_SETMASK, self._mask)


def register_stacks(descriptor: int | None = None) -> None:
    """Has SIGUSR1 write the stacks of all threads to standard error, as the entrypoint does, and the server's signal to
    `descriptor`, or to that of an earlier call.

    They lie under Python's own handlers, which do not tell whether a task has replaced them: so it is always done anew.
    """
    if descriptor is not None:
        _files[SIGNAL] = descriptor
    for number, file in _files.items():
        faulthandler.unregister(number)
        faulthandler.register(number, file=file)
