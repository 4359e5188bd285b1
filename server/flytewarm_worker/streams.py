"""Descriptors 0 to 2 of a worker, and Python's objects on them."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TextIO

from flytewarm_api.worker import processes
from flytewarm_worker.channel import move_to_high_fd
from flytewarm_worker.descriptors import is_same_file, mark

_OUTPUTS = (1, 2)
_BACKSLASHES = "backslashreplace"
# Signals that nobody minds: a process that has these descriptors may ask to be sent one when they can be written to.
_MARKS = (signal.SIGCHLD, signal.SIGCONT, signal.SIGWINCH)


class StandardStreams:
    """No input, and two pipes that the server reads; put back after each execution."""

    def __init__(self, stdout_fd: int, stderr_fd: int) -> None:
        """Takes ownership of the write ends of the pipes and makes them descriptors 1 and 2."""
        self._kept = {1: move_to_high_fd(stdout_fd), 2: move_to_high_fd(stderr_fd)}
        self._kept[0] = move_to_high_fd(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        self._nowhere = move_to_high_fd(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC))
        for kept, number in zip(self._kept.values(), _MARKS, strict=True):
            # One without a mark is put back each time.
            with contextlib.suppress(OSError):
                mark(kept, number)
        self._restore_descriptors()
        # As the interpreter has chosen them at its start.
        self._encoding, self._errors = sys.stdout.encoding, sys.stdout.errors or "strict"
        self._stdin = _open_stdin(self._encoding, self._errors)
        self._stdout, self._stderr = self._open_stdout(), self._open_stderr()
        self._restore_objects()

    def restore(self) -> None:
        """Makes 0 to 2 what they were, then flushes: what a task left in a buffer belongs to its own output."""
        self._restore_descriptors()
        for stream in {id(one): one for one in (sys.stdout, sys.stderr, self._stdout, self._stderr)}.values():
            # A task may have closed or replaced them, by what raises anything.
            with contextlib.suppress(BaseException):
                stream.flush()
        processes.flush_c_stdio()
        if self._stdin.closed:
            self._stdin = _open_stdin(self._encoding, self._errors)
        if not _configured(self._stdout, 1, self._encoding, self._errors):
            self._stdout = self._open_stdout()
        if not _configured(self._stderr, 2, self._encoding, _BACKSLASHES):
            self._stderr = self._open_stderr()
        self._restore_objects()

    def divert(self) -> None:
        """From now on what is written to 1 and 2 goes nowhere."""
        for fd in _OUTPUTS:
            os.dup2(self._nowhere, fd)

    def attach(self) -> None:
        """From now on what is written to 1 and 2 goes to the pipes again."""
        for stream in (self._stdout, self._stderr):
            # What finalizers have left in a buffer; they may have closed it, too.
            with contextlib.suppress(ValueError):
                stream.flush()
        for fd in _OUTPUTS:
            os.dup2(self._kept[fd], fd)

    def _open_stdout(self) -> TextIO:
        return _open(1, self._encoding, self._errors)

    def _open_stderr(self) -> TextIO:
        return _open(2, self._encoding, _BACKSLASHES)

    def _restore_descriptors(self) -> None:
        for fd, kept in self._kept.items():
            if not is_same_file(fd, kept):
                os.dup2(kept, fd)
            if not os.get_blocking(fd):
                os.set_blocking(fd, True)

    def _restore_objects(self) -> None:
        sys.stdin, sys.stdout, sys.stderr = self._stdin, self._stdout, self._stderr
        # Final, says typeshed, but a task may set them.
        sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore


def _open_stdin(encoding: str, errors: str) -> TextIO:
    return open(0, closefd=False, encoding=encoding, errors=errors)


def _open(fd: int, encoding: str, errors: str) -> TextIO:
    # Line buffering: what a task prints is seen while it runs, as in a container with unbuffered output.
    return open(fd, "w", buffering=1, closefd=False, encoding=encoding, errors=errors)


def _configured(stream: TextIO, fd: int, encoding: str, errors: str) -> bool:
    """Configures a stream anew. False when there is none any more, or when something is in place of its methods."""
    try:
        if (stream.encoding, stream.errors) != (encoding, errors):
            return False
        # What it says of newlines cannot be read.
        stream.reconfigure(newline=None, line_buffering=True, write_through=False)  # type: ignore[attr-defined]
        parts = (stream, stream.buffer, stream.buffer.raw)  # type: ignore[attr-defined]
        return [vars(one) for one in parts] == [{"mode": "w"}, {}, {"name": fd}]
    except ValueError:
        # Closed, or detached.
        return False
