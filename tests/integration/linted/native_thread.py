"""Starts a thread that Python knows nothing of, as libraries in C do."""

import ctypes

_libc = ctypes.CDLL(None)
_libc.pthread_create(ctypes.byref(ctypes.c_ulong()), None, _libc.pause, None)
