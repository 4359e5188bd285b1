"""Settings of the interpreter that a task may change, each with a way to read it and one to put it back."""

from __future__ import annotations

import functools
import gc
import locale
import logging
import multiprocessing.context
import socket
import sys
import threading
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

from flytewarm_worker.loggers import LoggerState


def _set_filters(filters: list[Any]) -> None:
    warnings.filters[:] = filters  # type: ignore[index]  # a list, whatever typeshed says
    # The interpreter keeps what it has looked up; there is no public way to say that the list is another.
    warnings._filters_mutated()  # type: ignore[attr-defined]


def _set_collector_callbacks(callbacks: list[Any]) -> None:
    gc.callbacks[:] = callbacks


def _attribute(owner: Any, name: str) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    return lambda: getattr(owner, name), lambda value: setattr(owner, name, value)


_MISSING = object()


def _optional(owner: Any, name: str) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    """An attribute that is there only where somebody has set it."""

    def write(value: Any) -> None:
        if value is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, value)

    # A look in vain by getattr takes longer than all other settings.
    return functools.partial(vars(owner).get, name, _MISSING), write


def _trace_memory(traced: bool) -> None:
    if traced:
        tracemalloc.start()
    else:
        tracemalloc.stop()


def _choose_start_method(context: Any) -> None:
    multiprocessing.context._default_context._actual_context = context  # type: ignore[attr-defined]


_SETTINGS: tuple[tuple[Callable[[], Any], Callable[[Any], Any]], ...] = (
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (sys.getswitchinterval, sys.setswitchinterval),
    (gc.get_threshold, lambda threshold: gc.set_threshold(*threshold)),
    (lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)),
    (lambda: list(warnings.filters), _set_filters),
    (gc.isenabled, lambda enabled: gc.enable() if enabled else gc.disable()),
    (gc.get_debug, gc.set_debug),
    (lambda: list(gc.callbacks), _set_collector_callbacks),
    (sys.gettrace, sys.settrace),
    (sys.getprofile, sys.setprofile),
    (threading.gettrace, threading.settrace),
    (threading.getprofile, threading.setprofile),
    (threading.stack_size, threading.stack_size),
    (sys.get_asyncgen_hooks, lambda hooks: sys.set_asyncgen_hooks(*hooks)),
    (sys.get_coroutine_origin_tracking_depth, sys.set_coroutine_origin_tracking_depth),
    (tracemalloc.is_tracing, _trace_memory),
    # The public way refuses to choose again.
    (lambda: multiprocessing.context._default_context._actual_context, _choose_start_method),  # type: ignore[attr-defined]
    (socket.getdefaulttimeout, socket.setdefaulttimeout),
    (lambda: LoggerState.of(logging.getLogger()), lambda state: state.restore()),
    _attribute(warnings, "showwarning"),
    _attribute(logging, "_warnings_showwarning"),
    _optional(sys, "tracebacklimit"),
    _attribute(sys, "excepthook"),
    _attribute(sys, "displayhook"),
    _attribute(sys, "unraisablehook"),
    _attribute(threading, "excepthook"),
    _attribute(sys.modules["__main__"], "__name__"),
)
# Python has a limit for digits since 3.10.7.
if hasattr(sys, "set_int_max_str_digits"):
    _SETTINGS += ((sys.get_int_max_str_digits, sys.set_int_max_str_digits),)


class InterpreterSettings:
    """The settings as they were, and the way back to them."""

    def __init__(self) -> None:
        self._values = self.read()

    @staticmethod
    def read() -> list[Any]:
        """The settings as they are."""
        return [read() for read, _ in _SETTINGS]

    def adopt(self, before: list[Any]) -> None:
        """Keeps what has changed since `before`: imported modules did it, which are not imported again."""
        for index, now in enumerate(self.read()):
            if now != before[index]:
                self._values[index] = now

    def restore(self) -> None:
        """Puts back what has changed."""
        if (found := self.read()) == self._values:
            return
        for (_, write), now, value in zip(_SETTINGS, found, self._values, strict=True):
            if now != value:
                write(value)
