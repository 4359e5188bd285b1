"""What a process may do and how it is scheduled: a task can give some of it up for good."""

from __future__ import annotations

import ctypes
import functools
import os
import resource
from collections.abc import Callable
from typing import Any

from flytewarm_api.worker import processes

_LIMITS = {value: name for name, value in sorted(vars(resource).items()) if name.startswith("RLIMIT_")}
# Options of prctl(2) that return a value, and those that set it.
_ATTRIBUTES = (("openness to inspection", 3, 4), ("slack of timers", 30, 29), ("right to new privileges", 39, 38))

_PROPERTIES: list[tuple[str, Callable[[], Any], Callable[[Any], Any]]] = [
    ("user", os.getresuid, lambda value: os.setresuid(*value)),
    ("group", os.getresgid, lambda value: os.setresgid(*value)),
    ("further groups", os.getgroups, os.setgroups),
    (
        "priority",
        functools.partial(os.getpriority, os.PRIO_PROCESS, 0),
        functools.partial(os.setpriority, os.PRIO_PROCESS, 0),
    ),
    (
        "scheduling policy",
        lambda: (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority),
        lambda value: os.sched_setscheduler(0, value[0], os.sched_param(value[1])),
    ),
    ("CPUs", functools.partial(os.sched_getaffinity, 0), functools.partial(os.sched_setaffinity, 0)),
]
_PROPERTIES += [
    (name, functools.partial(resource.getrlimit, number), functools.partial(resource.setrlimit, number))
    for number, name in _LIMITS.items()
]
_PROPERTIES += [
    (
        name,
        functools.partial(processes.read_attribute, reading),
        functools.partial(processes.set_attribute, writing),
    )
    for name, reading, writing in _ATTRIBUTES
]
_PROPERTIES += [
    (
        "signal at its parent's end",
        functools.partial(processes.read_attribute_into, 2),
        lambda value: processes.set_attribute(1, value[0]),
    ),
    (
        "place as a subreaper",
        functools.partial(processes.read_attribute_into, 37),
        lambda value: processes.set_attribute(36, value[0]),
    ),
    (
        "name",
        functools.partial(processes.read_attribute_into, 16),
        functools.partial(processes.set_attribute, 15),
    ),
]


class Rights:
    """A snapshot, and the way back to it."""

    def __init__(self) -> None:
        self._values = [read() for _, read, _ in _PROPERTIES]
        self._glance = _glance()
        self._root = _identity_of_root()

    def restore(self) -> str:
        """Puts everything back. Returns what could not be, or an empty string."""
        if _glance() != self._glance and (kept := self._write()):
            return kept
        return "" if _identity_of_root() == self._root else "the task changed the root directory of its process"

    def _write(self) -> str:
        for (name, read, write), value in zip(_PROPERTIES, self._values, strict=True):
            if read() != value:
                try:
                    write(value)
                except (OSError, ValueError) as error:
                    return f"the task changed the {name} of its process, which cannot be put back: {error}"
        return ""


_prctl = ctypes.PyDLL(None).prctl
_READ_ATTRIBUTES = [reading for _, reading, _ in _ATTRIBUTES]
# Those that prctl(2) writes, each into a place of its own.
_written = ctypes.create_string_buffer(3 * 16)
_PLACES = [
    (option, ctypes.c_void_p(ctypes.addressof(_written) + 16 * index)) for index, option in enumerate((2, 37, 16))
]


def _glance() -> list[Any]:
    """All properties at once, as quickly as they can be read: other values tell that some have changed."""
    for option, place in _PLACES:
        _prctl(option, place)
    return [
        os.getresuid(),
        os.getresgid(),
        os.getgroups(),
        os.getpriority(os.PRIO_PROCESS, 0),
        os.sched_getscheduler(0),
        os.sched_getparam(0).sched_priority,
        os.sched_getaffinity(0),
        *map(resource.getrlimit, _LIMITS),
        *[_prctl(option, 0, 0, 0, 0) for option in _READ_ATTRIBUTES],
        _written.raw,
    ]


def _identity_of_root() -> tuple[int, int]:
    root = os.stat("/")
    return root.st_dev, root.st_ino
