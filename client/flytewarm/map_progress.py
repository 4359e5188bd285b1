"""How far a map is, as a line on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncGenerator, Generator, Iterable, Sized
from contextlib import aclosing, closing
from typing import Any

from flytewarm.cli.progress import Progress
from flytewarm.mapping import MapState

_BAR = 20


def shown(
    results: Generator[Any, None, None], state: MapState, label: str, inputs: Iterable[Any]
) -> Generator[Any, None, None]:
    """Yields the same results, with a line on stderr, if that is a terminal."""
    with closing(results), bar(state, label, inputs):
        yield from results


async def shown_async(
    results: AsyncGenerator[Any, None], state: MapState, label: str, inputs: object
) -> AsyncGenerator[Any, None]:
    """The same for asyncio."""
    async with aclosing(results):
        with bar(state, label, inputs):
            async for result in results:
                yield result


def bar(state: MapState, label: str, inputs: object) -> Progress:
    """The line, as a context manager."""
    total = len(inputs) if isinstance(inputs, Sized) else None
    began = time.monotonic()
    progress = Progress(label, sys.stderr)
    progress.phase(lambda: text(state.given, state.failed, total, time.monotonic() - began))
    return progress


def text(given: int, failed: int, total: int | None, seconds: float) -> str:
    """How far it is: results that were given, of how many in `total` if that is known, failed ones among them."""
    parts = [f"{given:,} of {total:,}" if total is not None else f"{given:,} done"]
    if total:
        full = _BAR * given // total
        parts[0] = f"[{'#' * full}{'.' * (_BAR - full)}] {100 * given // total} %, {parts[0]}"
    if failed:
        parts.append(f"{failed:,} failed")
    if seconds > 0:
        parts.append(f"{given / seconds:,.0f}/s")
    return ", ".join(parts)
