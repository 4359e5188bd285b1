"""Bytes from a worker's pipes -> log events: whole lines, valid text, bounded size."""

from __future__ import annotations

import codecs

# A line longer than this is sent in pieces.
_LONGEST_LINE = 64 << 10


class LineAssembler:
    """Cuts a byte stream into text that ends at line ends; a progress bar's carriage return is one."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = b""

    def feed(self, data: bytes) -> str:
        """Adds bytes; returns what is complete."""
        self._pending += data
        end = max(self._pending.rfind(b"\n"), self._pending.rfind(b"\r")) + 1
        if end == 0 and len(self._pending) > _LONGEST_LINE:
            end = len(self._pending)
        complete, self._pending = self._pending[:end], self._pending[end:]
        return self._decoder.decode(complete)

    def flush(self) -> str:
        """Returns the unfinished rest."""
        rest, self._pending = self._pending, b""
        return self._decoder.decode(rest, final=True)


class LogBudget:
    """Bounds the log of one execution and counts what was left out."""

    def __init__(self, limit: int) -> None:
        """`limit`: bytes of text that are kept."""
        self._left = limit
        self.dropped = 0

    def take(self, size: int) -> bool:
        """Whether an event of `size` bytes is kept; nothing is, once something was left out."""
        if self.dropped or size > self._left:
            self.dropped += size
            return False
        self._left -= size
        return True

    def admit(self, text: str) -> str:
        """Returns the part of `text` that is kept; nothing is, once something was left out."""
        data = text.encode()
        if not self.dropped and len(data) <= self._left:
            self._left -= len(data)
            return text
        kept = "" if self.dropped else data[: self._left].decode(errors="ignore")
        self.dropped += len(data) - len(kept.encode())
        return kept
