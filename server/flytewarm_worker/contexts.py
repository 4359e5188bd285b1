"""Entering flytekit's contexts."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator

from flytekit.core.context_manager import FlyteContext, FlyteContextManager


@contextlib.contextmanager
def entered(context: FlyteContext, origin: traceback.FrameSummary) -> Iterator[FlyteContext]:
    """FlyteContextManager.with_context, but for the walk over the stack: `origin` is what that would find."""
    FlyteContextManager.push_context(context, origin)
    depth = FlyteContextManager.size()
    try:
        yield context
    finally:
        # A conditional that fails leaves its contexts behind.
        while FlyteContextManager.size() >= depth:
            FlyteContextManager.pop_context()
