"""Context variables: each execution has its own values, which end with it."""

from __future__ import annotations

import contextlib
import contextvars
import decimal
from collections.abc import Callable, Iterator
from typing import Any


class ContextVariables:
    """The values that every execution starts with."""

    def __init__(self) -> None:
        self._values = contextvars.copy_context()
        self._adopted: dict[contextvars.ContextVar[Any], Any] = {}
        # The one value that programs change in place.
        self._decimal = decimal.getcontext().copy()

    def run(self, function: Callable[[], None]) -> None:
        """Calls `function` with values of its own."""
        try:
            self._values.copy().run(self._begin, function)
        finally:
            if self._adopted:
                self._values.run(self._adopt)

    @contextlib.contextmanager
    def importing(self) -> Iterator[None]:
        """Has executions to come start with what is set in this block, too: by modules, which are imported once."""
        before = contextvars.copy_context()
        try:
            yield
        finally:
            for variable, value in contextvars.copy_context().items():
                if variable not in before or before[variable] is not value:
                    self._adopted[variable] = value
            self._decimal = decimal.getcontext().copy()

    def _begin(self, function: Callable[[], None]) -> None:
        decimal.setcontext(self._decimal.copy())
        function()

    def _adopt(self) -> None:
        for variable, value in self._adopted.items():
            variable.set(value)
        self._adopted.clear()
