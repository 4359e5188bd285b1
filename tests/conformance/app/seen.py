"""How tasks of cases tell what they see: as text that is the same for the same things."""

from __future__ import annotations

import json
from collections.abc import Callable


def told(**seen: object) -> str:
    """JSON, a line for each thing; what JSON cannot hold is told by its str()."""
    return json.dumps(seen, indent=1, sort_keys=True, default=str)


def raised(function: Callable[[], object]) -> str:
    """The exception that a call raises, or what it returns."""
    try:
        return f"returned {function()!r}"
    except BaseException as error:  # what it is, is what the case compares
        return f"{type(error).__name__}: {error}"
