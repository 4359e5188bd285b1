"""Entering flytekit's contexts."""

from __future__ import annotations

import dis
import inspect
import logging
import traceback
from typing import Any

from flytekit.core.context_manager import FlyteContext, FlyteContextManager
from flytekit.loggers import developer_logger

from flytewarm_worker import flytekit_private

# Those that were read, by which one is told that somebody has replaced.
_PUSH, _POP = FlyteContextManager.push_context, FlyteContextManager.pop_context


class entered:  # noqa: N801  # used as contextlib's own are
    """FlyteContextManager.with_context, but for the walk over the stack: `origin` is what that would find.

    Without the text for the log that flytekit makes each time, where nobody would read it. On leaving, the stack of
    contexts is as deep as before.
    """

    __slots__ = ("_context", "_depth", "_origin")

    def __init__(self, context: FlyteContext, origin: traceback.FrameSummary) -> None:
        self._context, self._origin = context, origin

    def __enter__(self) -> FlyteContext:
        if _is_told():
            FlyteContextManager.push_context(self._context, self._origin)
        else:
            self._context.set_stackframe(self._origin)
            flytekit_private.context_stack().append(self._context)
        self._depth = len(flytekit_private.context_stack())
        return self._context

    def __exit__(self, *_: object) -> None:
        # A conditional that fails leaves its contexts behind.
        stack = flytekit_private.context_stack()
        if len(stack) == self._depth and not _is_told():
            stack.pop()
            return
        while FlyteContextManager.size() >= self._depth:
            FlyteContextManager.pop_context()


def origin_in(function: Any) -> traceback.FrameSummary:
    """What FlyteContextManager.with_context() finds where a function of flytekit's calls it first; line 0 where that is
    not to be seen."""
    code = inspect.unwrap(function).__code__
    line = 0
    # By its code, as to look for its source may load modules that are imported lazily.
    for one in dis.get_instructions(code):
        line = one.starts_line or line
        if one.argval == FlyteContextManager.with_context.__name__:
            return traceback.FrameSummary(code.co_filename, line, code.co_name)
    return traceback.FrameSummary(code.co_filename, 0, code.co_name)


def _is_told() -> bool:
    """Whether flytekit, or who stands in for it, has something to tell of each step."""
    is_replaced = FlyteContextManager.push_context is not _PUSH or FlyteContextManager.pop_context is not _POP
    return is_replaced or developer_logger.isEnabledFor(logging.DEBUG)
