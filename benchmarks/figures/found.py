"""A figure, as it is written: its unit, median, lowest and highest."""

from collections.abc import Sequence
from typing import Any

from summary import spread


def found(unit: str, values: Sequence[float]) -> dict[str, Any]:
    """Of at least one value."""
    return {"unit": unit, **(spread(values) or {})}


def one(unit: str, value: float) -> dict[str, Any]:
    """Of a value that is there once."""
    return found(unit, [value])


def ratio(above: Sequence[float], below: Sequence[float]) -> dict[str, Any]:
    """Of what was measured in the same turns: made in each, as in the comparison."""
    return found("ratio", [first / second for first, second in zip(above, below, strict=True)])
