"""Life cycles as pure data: a table of what may follow what, and a machine that refuses everything else."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Generic, TypeVar


class State(Enum):
    """One of a table's. Enum's own hash is a function of Python's, and states are looked up all the time."""

    __hash__ = object.__hash__


StateT = TypeVar("StateT", bound=State)
Table = Mapping[StateT, frozenset[StateT]]

# States kept for the message of an illegal transition. A worker's life has two states for each execution.
_HISTORY = 16


class IllegalTransitionError(Exception):
    """A change of state that the table does not have: a fault of this program, told with its story."""


class Lifecycle(Generic[StateT]):
    """The state of one thing, moved only along its table."""

    def __init__(
        self,
        name: str,
        table: Table[StateT],
        initial: StateT,
        on_change: Callable[[StateT | None, StateT], None] | None = None,
    ) -> None:
        """`on_change(old, new)` is called after each move, and once with old None for the initial state."""
        self._name = name
        self._table = table
        self._state = initial
        self._history = deque([initial], maxlen=_HISTORY)
        self._on_change = on_change
        if on_change is not None:
            on_change(None, initial)

    @property
    def state(self) -> StateT:
        """The state now."""
        return self._state

    @property
    def ended(self) -> bool:
        """Whether nothing can follow."""
        return not self._table[self._state]

    def move(self, new: StateT) -> None:
        """Goes to `new`. Raises IllegalTransitionError when the table does not allow it."""
        old = self._state
        if new not in self._table[old]:
            story = " -> ".join(state.name for state in self._history)
            raise IllegalTransitionError(f"{self._name}: {old.name} -> {new.name} is not allowed; its story: {story}")
        self._state = new
        self._history.append(new)
        if self._on_change is not None:
            self._on_change(old, new)
