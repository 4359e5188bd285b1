"""Environment variables of executions, set without a trace in the memory of the process.

setenv() of the GNU C library keeps every value that was ever set, as somebody may still hold a pointer to it: with ids
and paths of its own for each execution a worker would grow for ever. putenv() of C takes memory that is the caller's.
"""

from __future__ import annotations

import collections
import ctypes
import itertools
import os
from collections.abc import Mapping

_C = ctypes.CDLL(None)
_C_ENTRIES = ctypes.POINTER(ctypes.c_char_p)
_environ = ctypes.c_void_p.in_dll(_C, "environ")
# More than the service lets one execution set, so that nothing is freed that is in use; and what was set a while ago,
# for libraries that keep a pointer to it.
_MOST = 2048
_kept: collections.deque[ctypes.Array[ctypes.c_char]] = collections.deque(maxlen=_MOST)


def raw_environment() -> dict[bytes, bytes]:
    """The environment as os.environ keeps it. Comparing through its public face encodes and decodes every variable
    every time, which costs more than a small task."""
    data: dict[bytes, bytes] = os.environ._data  # type: ignore[attr-defined]  # CPython's own, unchanged since 3.2
    return data


def set_variables(variables: Mapping[str, str]) -> None:
    """Sets variables for one execution, after which all that differ from what was before must be unset or set again.

    Raises ValueError for names and values that no variable can have, and for more than 2,048 of them.
    """
    if len(variables) > _MOST:
        raise ValueError(f"{len(variables)} environment variables are more than {_MOST}")
    environment = raw_environment()
    for name, value in variables.items():
        encoded_name, encoded_value = os.fsencode(name), os.fsencode(value)
        if not name or b"=" in encoded_name or b"\0" in encoded_name + encoded_value:
            # Without the value, which may be a secret.
            raise ValueError(f"no environment variable can be {name!r}, or its value has a NUL")
        # What has this value already stays when the execution ends: it must not be in memory that is freed then.
        if environment.get(encoded_name) != encoded_value:
            entry = ctypes.create_string_buffer(encoded_name + b"=" + encoded_value)
            _kept.append(entry)
            _C.putenv(entry)
            environment[encoded_name] = encoded_value


class EnvironmentOfC:
    """What getenv() finds and processes inherit. os.environ is a copy, and does not see what C code sets."""

    def __init__(self) -> None:
        self._see()

    def restore(self) -> None:
        """Makes it what os.environ is now."""
        if self._is_as_seen():
            return
        if (found := _c_entries()) != self._entries:
            wanted, present = raw_environment(), dict(_pair(entry) for entry in found)
            for name in present.keys() - wanted.keys():
                os.unsetenv(name)
            for name, value in wanted.items():
                if present.get(name) != value:
                    os.putenv(name, value)
        self._see()

    def _see(self) -> None:
        self._entries = _c_entries()
        self._place = _environ.value
        self._bytes = ctypes.sizeof(ctypes.c_char_p) * (len(self._entries) + 1)
        if self._place:
            self._pointers = ctypes.string_at(self._place, self._bytes)
            self._strings = (ctypes.c_char_p * len(self._entries)).from_address(self._place)

    def _is_as_seen(self) -> bool:
        """Whether the strings are where they were, and the same: C code may write into them. Only what has not moved is
        read as if it was as long as before."""
        return (
            _environ.value == self._place is not None
            and ctypes.string_at(self._place, self._bytes) == self._pointers
            and self._strings[:] == self._entries
        )


def _c_entries() -> list[bytes]:
    place = _C_ENTRIES.in_dll(_C, "environ")
    if not place:
        return []
    # Until the one that is NULL, without a loop of Python's.
    return list(iter(map(place.__getitem__, itertools.count()).__next__, None))


def _pair(entry: bytes) -> tuple[bytes, bytes]:
    name, _, value = entry.partition(b"=")
    return name, value
