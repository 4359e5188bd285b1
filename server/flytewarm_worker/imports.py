"""Imports that happen while a task runs: what a module does when it is imported is told from what the task does."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

Around = Callable[[], AbstractContextManager[None]]

# Python leaves frames of this file out of the tracebacks of imports that fail.
_FILE = "<frozen importlib._bootstrap>"
_SOURCE = """
import sys

def _find_and_load(name, import_):
    # importlib asks also for those that are there.
    if name in sys.modules or around() is None:
        return find_and_load(name, import_)
    with imported():
        return find_and_load(name, import_)
"""
# What watched() was given last. In a list: a module whose names change is looked through after each execution.
_around: list[Around | None] = [None]


@contextlib.contextmanager
def watched(around: Around | None) -> Iterator[None]:
    """In this block the main thread imports modules within `around()`, the ones that others import within the others'.
    None switches it off."""
    before, _around[0] = _around[0], around
    try:
        yield
    finally:
        _around[0] = before


@contextlib.contextmanager
def _imported() -> Iterator[None]:
    around = _around[0]
    if around is None:
        yield
        return
    with watched(None), around():
        yield


def _present() -> Around | None:
    return _around[0] if threading.current_thread() is threading.main_thread() else None


def install() -> None:
    """Has Python ask here for each module that is not imported yet. Call it once in a process."""
    # Where C code looks the function up, too.
    bootstrap: Any = importlib._bootstrap
    names = {"find_and_load": bootstrap._find_and_load, "around": _present, "imported": _imported}
    exec(compile(_SOURCE, _FILE, "exec"), names)
    bootstrap._find_and_load = names["_find_and_load"]
