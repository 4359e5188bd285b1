"""The C library's memory: freed pages that it keeps for later are given back after large values."""

from __future__ import annotations

import ctypes

#: Inputs and outputs of so many bytes in all are worth it: below, the allocator keeps about as much anyway.
LARGE_BYTES = 1 << 20

# The GNU C library's; others give pages back by themselves.
_libc = ctypes.CDLL(None)
_trim, _set_option = (getattr(_libc, name, None) for name in ("malloc_trim", "mallopt"))
# An option of mallopt(3).
_M_ARENA_MAX = -8


def use_one_arena() -> None:
    """Has all threads share one arena: of others give_back() leaves what is free at their end. Called before there
    are threads, by a process in which few of them work at once."""
    if _set_option is not None:
        _set_option(_M_ARENA_MAX, 1)


def give_back() -> None:
    """Gives freed pages back to the kernel. Takes milliseconds per gigabyte that is in use."""
    if _trim is not None:
        _trim(0)
