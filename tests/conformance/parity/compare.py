"""Tells what differs between a cold and a warm run beyond what is meant to."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from parity.meant import MEANT
from parity.runs import Run


def difference(cold: Run, warm: Run, meant: Sequence[str] = ()) -> str:
    """A readable difference; empty when both are equal but for the meant differences, each of which shows."""
    ours, theirs = cold.text(), warm.text()
    for name in meant:
        masked = MEANT[name].mask(ours), MEANT[name].mask(theirs)
        if masked == (ours, theirs):
            return f"nothing to be seen of the meant difference {name!r}"
        ours, theirs = masked
        if MEANT[name].ends_with not in {"", warm.ends_with()}:
            return f"{name!r} means an end with {MEANT[name].ends_with}, but this is one with {warm.ends_with()}"
    lines = difflib.unified_diff(ours.splitlines(), theirs.splitlines(), "cold", "warm", lineterm="", n=2)
    return "\n".join(lines)
