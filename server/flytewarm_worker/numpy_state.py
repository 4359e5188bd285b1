"""numpy's global generator, given a state in place: to seed it takes three times as long, most of it in Python's loops
and arrays of numpy's around eight words."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from typing import Any

_WORDS = 624
_STATE_BYTES = 4 * _WORDS
# Every object begins with its count of references, which changes, and its type.
_HEADER_BYTES = object.__basicsize__


class NumpyState:
    """Where the generator has its state. Only good for one that was seeded right before."""

    def __init__(self, mtrand: Any) -> None:
        """`mtrand`: the module of the generator. Raises AttributeError where it is another one than is known here."""
        self._mtrand = mtrand
        self._generator = mtrand._rand
        bits = self._generator._bit_generator
        # Who draws holds it, and not the interpreter's.
        self._lock = bits.lock
        # Kept, as the state below is its memory.
        self._bits = bits
        # All words, then how many of them are used up.
        state = ctypes.c_uint32 * (_WORDS + 1)
        self._state = memoryview(state.from_address(bits.ctypes.state_address)).cast("B")
        # What is in the object itself: which source of bits it has, and what it keeps back, such as the second of two
        # numbers that are drawn together.
        self._place, self._size = id(self._generator) + _HEADER_BYTES, type(self._generator).__basicsize__
        self._made = self._object()
        known = bits.state
        if known["bit_generator"] != "MT19937" or self._state != (
            known["state"]["key"].tobytes() + known["state"]["pos"].to_bytes(4, sys.byteorder)
        ):
            raise AttributeError("the state is not where it was in all versions so far")

    def renew(self) -> bytes | None:
        """Gives it a state that nobody can foresee, and returns that; None when it is not just this state that somebody
        has changed: it has to be seeded then."""
        words = os.urandom(_STATE_BYTES)
        with self._lock:
            if self._mtrand._rand is not self._generator or self._object() != self._made:
                return None
            self._state[:_STATE_BYTES] = words
            self._state[_STATE_BYTES:] = _WORDS.to_bytes(4, sys.byteorder)
        return words

    def _object(self) -> bytes:
        return ctypes.string_at(self._place, self._size - _HEADER_BYTES)


def numpy_state() -> NumpyState | None:
    """That of the generator, which was seeded right before; None where it cannot be written in place."""
    if sys.implementation.name != "cpython":
        return None
    with contextlib.suppress(AttributeError, KeyError):
        return NumpyState(sys.modules["numpy.random.mtrand"])
    return None
