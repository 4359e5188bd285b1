"""Replaces what cannot agree between two runs by words that are the same in every run.

Two runs have other prefixes, other temporary directories, other random names and other times; everything else must be
equal. Random names are numbered in the order in which they appear, so what shares one still does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# flytekit's get_random_string(): 128 random bits as hexadecimal digits; with hyphens, a UUID.
_RANDOM = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-f])")
# In a representation: <object at 0x7f...>.
_ADDRESS = re.compile(r"\b0x[0-9a-f]{8,16}\b")
_FRAME = re.compile(r'^(?P<indent>[\s|]*)File "(?P<file>[^"]+)", line \d+, in .*$')


class Fold:
    """The replacements of one run."""

    def __init__(self, places: Sequence[tuple[str, str]]) -> None:
        """`places`: patterns of this run's own paths with the words for them; the first that fits wins."""
        self._places = [(re.compile(pattern), word) for pattern, word in places]
        self._numbers: dict[str, int] = {}

    def text(self, text: str) -> str:
        """A text with its paths and random names replaced."""
        for pattern, word in self._places:
            text = pattern.sub(word, text)
        return _RANDOM.sub(self._numbered, _ADDRESS.sub("{address}", text))

    def _numbered(self, match: re.Match[str]) -> str:
        return f"{{random {self._numbers.setdefault(match[0], len(self._numbers) + 1)}}}"


def user_frames(message: str) -> str:
    """A folded error message whose tracebacks keep only the frames of the task's own code: who called it differs."""
    kept: list[str] = []
    skipping: str | None = None
    for line in message.splitlines():
        frame = _FRAME.match(line)
        if frame:
            skipping = None if frame["file"].startswith("{cwd}/") else frame["indent"]
        elif skipping is not None and not line.startswith(skipping + " "):
            skipping = None
        if skipping is None and not _is_repetition(line):
            kept.append(line)
    return "\n".join(kept)


def _is_repetition(line: str) -> bool:
    return line.strip().startswith("[Previous line repeated")
