"""The C library's memory: pages that large values have freed are kept for the next ones, and given back after them."""

from __future__ import annotations

import ctypes

#: Inputs and outputs of so many bytes in all are worth it: below, the allocator keeps about as much anyway.
LARGE_BYTES = 1 << 20

# The GNU C library's; others give pages back by themselves.
_libc = ctypes.CDLL(None)
_trim, _set_option = (getattr(_libc, name, None) for name in ("malloc_trim", "mallopt"))
# Options of mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
# Bytes that stay free at the end of the heap, and from which on memory is mapped for one value alone, and so given back
# as that is freed: while large values come one after the other, and otherwise. What is set stays, so the latter are
# what the C library comes to by itself in a process that frees such values.
_WHILE_LARGE = (128 << 20, 32 << 20)
_OTHERWISE = (64 << 20, 32 << 20)


def use_one_arena() -> None:
    """Has all threads share one arena: of others give_back() leaves what is free at their end. Called before there
    are threads, by a process in which few of them work at once."""
    if _set_option is not None:
        _set_option(_M_ARENA_MAX, 1)


def keep_freed() -> None:
    """Keeps what is freed from now on until give_back(): a page that the kernel has to give anew, and to clear, takes
    longer than to copy what goes into it."""
    _set_thresholds(*_WHILE_LARGE)


def give_back() -> None:
    """Gives freed pages back to the kernel. Takes milliseconds per gigabyte that is in use."""
    _set_thresholds(*_OTHERWISE)
    if _trim is not None:
        _trim(0)


def _set_thresholds(trim: int, mmap: int) -> None:
    if _set_option is not None:
        _set_option(_M_TRIM_THRESHOLD, trim)
        _set_option(_M_MMAP_THRESHOLD, mmap)
