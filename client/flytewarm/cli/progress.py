"""A line on a terminal that tells how long an execution has been going on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

_INTERVAL_S = 1.0
_ERASE = "\r\x1b[K"


class Progress:
    """Writes to stdout and stderr with a progress line between the writes. A context manager.

    The line is on `terminal`, appears after a second and is renewed each second and erased at the end. Without a
    terminal there is none. What is written to a terminal afterwards starts a line of its own.
    """

    def __init__(self, label: str, terminal: TextIO, interval: float = _INTERVAL_S) -> None:
        self._label = label
        self._terminal = terminal
        self._interval = interval
        self._phase: str | Callable[[], str] = "waiting for a worker"
        self._shown = False
        self._unfinished: TextIO | None = None
        """The terminal on which the last text that was written has not ended its line."""
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True) if terminal.isatty() else None

    def __enter__(self) -> Progress:
        self._started = time.monotonic()
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            self._erase()
            if self._unfinished is not None:
                self._unfinished.write("\n")
                self._unfinished.flush()

    def phase(self, phase: str | Callable[[], str]) -> None:
        """Says what the execution is doing now, in words or by what says so each time that the line is renewed."""
        self._phase = phase

    def write(self, stream: TextIO, text: str) -> None:
        """Writes text where the line may be: both streams are often the same terminal."""
        with self._lock:
            self._erase()
            stream.write(text)
            stream.flush()
            self._unfinished = stream if stream.isatty() and not text.endswith("\n") else None

    def _erase(self) -> None:
        if self._shown:
            self._terminal.write(_ERASE)
            self._terminal.flush()
            self._shown = False

    def _tick(self) -> None:
        while not self._ended.wait(self._interval):
            elapsed = time.monotonic() - self._started
            phase = self._phase if isinstance(self._phase, str) else self._phase()
            with self._lock:
                self._terminal.write(f"{_ERASE}{self._label}: {phase}, {elapsed:.0f} s")
                self._terminal.flush()
                self._shown = True
