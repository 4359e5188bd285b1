"""Whether dictionaries have changed, by the version that CPython up to 3.12 counts in each (PEP 509)."""

from __future__ import annotations

import ctypes
import gc
import itertools
import operator
import sys
from collections.abc import Sequence
from typing import Any

# Where ma_version_tag is: after reference count, type and length (dictobject.h).
_OFFSET = 24
_WORD = 8
#: Whether there are any.
HAS_VERSIONS = sys.implementation.name == "cpython" and sys.version_info < (3, 13)
# The memory of this process, by which the versions are read all at once. As far as addresses go on 64 bits.
_MEMORY = (ctypes.c_uint64 * (1 << 45)).from_address(0)


def version(dictionary: dict[Any, Any]) -> object:
    """Of one; another dictionary has another one."""
    return id(dictionary), _version(dictionary)


def names_of_class(kind: type) -> dict[str, Any]:
    """The dictionary itself: what __dict__ gives of a class is a view of it."""
    (names,) = (one for one in gc.get_referents(kind.__dict__) if isinstance(one, dict))
    return names


def _version(dictionary: dict[Any, Any]) -> object:
    # Where there are none, what is in a dictionary tells: right as well, but slow.
    return _MEMORY[(id(dictionary) + _OFFSET) // _WORD] if HAS_VERSIONS else list(map(id, dictionary.values()))


class Versions:
    """Of some dictionaries, as they were seen last."""

    def __init__(self) -> None:
        self.dictionaries: list[dict[str, Any]] = []
        self._words: Any = []
        self._seen: Any = []

    def extend(self, dictionaries: Sequence[dict[str, Any]]) -> None:
        """Adds some, as they are now; they live as long as this. The others are not touched: their memory may be shared
        with other processes."""
        self.dictionaries += dictionaries
        self._words += [(id(one) + _OFFSET) // _WORD for one in dictionaries]
        self._seen += map(_version, dictionaries)

    def changed(self) -> list[int]:
        """The indices of those that are not what was seen."""
        # A loop of Python's over thousands of them takes as long as a small task.
        return list(itertools.compress(itertools.count(), map(operator.ne, self._read(), self._seen)))

    def accept(self, index: int) -> None:
        """Takes one as it is now."""
        self._seen[index] = _version(self.dictionaries[index])

    def _read(self) -> Any:
        if len(self._words) < 2 or not HAS_VERSIONS:
            return list(map(_version, self.dictionaries))
        return list(operator.itemgetter(*self._words)(_MEMORY))


class _GatheredVersions(Versions):
    """Read and compared by numpy, which makes no object of each number."""

    def __init__(self, numpy: Any) -> None:
        super().__init__()
        # What is called later is bound here: a task may replace functions of numpy.
        self._array, self._asarray, self._joined = numpy.array, numpy.asarray, numpy.concatenate
        self._word = numpy.int64
        self._words = self._array([], dtype=self._word)

    def extend(self, dictionaries: Sequence[dict[str, Any]]) -> None:
        """Adds some, as they are now; they live as long as this."""
        if not dictionaries:
            return
        self.dictionaries += dictionaries
        words = self._array([(id(one) + _OFFSET) // _WORD for one in dictionaries], dtype=self._word)
        self._words = self._joined((self._words, words))
        first, last = int(self._words.min()), int(self._words.max())
        self._take = self._asarray(_Words(first * _WORD, last - first + 1)).take
        self._places = self._words - first
        now = self._take(words - first)
        self._seen = self._joined((self._seen, now)) if len(self._seen) else now

    def changed(self) -> list[int]:
        """The indices of those that are not what was seen."""
        if not self.dictionaries:
            return []
        found: list[int] = (self._take(self._places) != self._seen).nonzero()[0].tolist()
        return found


class _Words:
    """Memory from an address on, as numpy asks for it. Not from 0, which numpy takes for none."""

    def __init__(self, address: int, count: int) -> None:
        order = "<" if sys.byteorder == "little" else ">"
        self.__array_interface__ = {"version": 3, "typestr": f"{order}u8", "shape": (count,), "data": (address, True)}


def versions_of(dictionaries: Sequence[dict[str, Any]]) -> Versions:
    """Those of dictionaries that live as long as what is returned. By numpy where it is loaded: that is faster."""
    numpy = _numpy()
    versions = Versions() if numpy is None else _GatheredVersions(numpy)
    versions.extend(dictionaries)
    return versions


def extended(versions: Versions, dictionaries: Sequence[dict[str, Any]]) -> Versions:
    """The same with some more, as they are now, and by numpy if that has come since."""
    if type(versions) is Versions and _numpy() is not None:
        return versions_of([*versions.dictionaries, *dictionaries])
    versions.extend(dictionaries)
    return versions


def _numpy() -> Any:
    numpy = sys.modules.get("numpy")
    return numpy if HAS_VERSIONS and hasattr(numpy, "ndarray") else None
