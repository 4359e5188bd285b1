"""Whether dictionaries have changed, by the version that CPython up to 3.12 counts in each (PEP 509)."""

from __future__ import annotations

import ctypes
import itertools
import operator
import sys
from collections.abc import Sequence
from typing import Any

# Where ma_version_tag is: after reference count, type and length (dictobject.h).
_OFFSET = 24
_WORD = 8
_HAS_VERSIONS = sys.implementation.name == "cpython" and sys.version_info < (3, 13)
# The memory of this process, by which the versions are read all at once. As far as addresses go on 64 bits.
_MEMORY = (ctypes.c_uint64 * (1 << 45)).from_address(0)


def version(dictionary: dict[str, Any]) -> object:
    """Of one; another dictionary has another one."""
    return id(dictionary), _version(dictionary)


def _version(dictionary: dict[str, Any]) -> object:
    # Where there are none, what is in a dictionary tells: right as well, but slow.
    return _MEMORY[(id(dictionary) + _OFFSET) // _WORD] if _HAS_VERSIONS else list(map(id, dictionary.values()))


class Versions:
    """Of some dictionaries, as they were seen last."""

    def __init__(self, dictionaries: Sequence[dict[str, Any]]) -> None:
        self._dictionaries = dictionaries
        self._words = [(id(one) + _OFFSET) // _WORD for one in dictionaries]
        self._seen = self._read()

    def changed(self) -> list[int]:
        """The indices of those that are not what was seen."""
        # A loop of Python's over thousands of them takes as long as a small task.
        return list(itertools.compress(itertools.count(), map(operator.ne, self._read(), self._seen)))

    def accept(self, index: int) -> None:
        """Takes one as it is now."""
        self._seen[index] = _version(self._dictionaries[index])

    def _read(self) -> Any:
        if len(self._words) < 2 or not _HAS_VERSIONS:
            return list(map(_version, self._dictionaries))
        return list(operator.itemgetter(*self._words)(_MEMORY))


class _GatheredVersions(Versions):
    """Read and compared by numpy, which makes no object of each number."""

    def __init__(self, dictionaries: Sequence[dict[str, Any]], numpy: Any) -> None:
        # What is called later is bound here: a task may replace functions of numpy.
        addresses = [id(one) + _OFFSET for one in dictionaries]
        first = min(addresses)
        memory = numpy.asarray(_Words(first, (max(addresses) - first) // _WORD + 1))
        self._take = memory.take
        self._places = (numpy.array(addresses, dtype=numpy.int64) - first) // _WORD
        super().__init__(dictionaries)

    def changed(self) -> list[int]:
        """The indices of those that are not what was seen."""
        found: list[int] = (self._read() != self._seen).nonzero()[0].tolist()
        return found

    def _read(self) -> Any:
        return self._take(self._places)


class _Words:
    """Memory from an address on, as numpy asks for it. Not from 0, which numpy takes for none."""

    def __init__(self, address: int, count: int) -> None:
        order = "<" if sys.byteorder == "little" else ">"
        self.__array_interface__ = {"version": 3, "typestr": f"{order}u8", "shape": (count,), "data": (address, True)}


def versions_of(dictionaries: Sequence[dict[str, Any]]) -> Versions:
    """Those of dictionaries that live as long as what is returned. By numpy where it is loaded: that is faster."""
    numpy = sys.modules.get("numpy")
    if dictionaries and _HAS_VERSIONS and numpy is not None and hasattr(numpy, "ndarray"):
        return _GatheredVersions(dictionaries, numpy)
    return Versions(dictionaries)
