"""Reads a pipe on the event loop; logs what comes line by line."""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import Callable

import structlog

from flytewarm_server.execution.logs import LineAssembler

_log = structlog.get_logger(__name__)
_CHUNK = 64 << 10
# Of a line that goes to the service's log, in characters.
_LONGEST_LINE = 8 << 10


class PipeReader:
    """Hands what arrives in a pipe to a callback, as it comes or on demand."""

    def __init__(self, fd: int, on_data: Callable[[bytes], None]) -> None:
        """Takes ownership of `fd`, the read end."""
        os.set_blocking(fd, False)
        self._fd = fd
        self._on_data = on_data
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(fd, self._read)
        self._closed = False

    def drain(self) -> None:
        """Reads until nothing is there now."""
        while not self._closed and self._read():
            pass

    def close(self) -> None:
        """Reads what is left and closes; may be called twice."""
        self.drain()
        self._close()

    def _read(self) -> bool:
        try:
            data = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._close()
            return False
        self._on_data(data)
        return True

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._fd)
            os.close(self._fd)


class PipeReaders:
    """The pipes of one process, drained together: most of the time there is nothing, which takes one call to see."""

    def __init__(self) -> None:
        self._pipes: list[PipeReader] = []
        self._poll = select.poll()

    def add(self, fd: int, on_data: Callable[[bytes], None]) -> None:
        """For the parameters see PipeReader."""
        self._pipes.append(PipeReader(fd, on_data))
        self._poll.register(fd, select.POLLIN)

    def drain(self) -> None:
        """Reads until nothing is there now."""
        # One that was closed is reported for ever, and gives nothing.
        if self._poll.poll(0):
            for pipe in self._pipes:
                pipe.drain()

    def close(self) -> None:
        """Reads what is left and closes; may be called twice."""
        for pipe in self._pipes:
            pipe.close()


def line_logger(event: str, **names: object) -> Callable[[bytes], None]:
    """A callback that logs each line of what it is given as an `event` with `names`."""
    lines = LineAssembler()

    def log(data: bytes) -> None:
        for line in lines.feed(data).splitlines():
            left_out = len(line) - _LONGEST_LINE
            mark = f"... ({left_out} characters left out)" if left_out > 0 else ""
            _log.info(event, **names, line=line[:_LONGEST_LINE] + mark)

    return log
