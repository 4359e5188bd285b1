"""Whether objects are as they were. Told by identity: what a task has put into them may refuse to be compared."""

from __future__ import annotations

import operator
from typing import Any

_MISSING = object()


class Snapshot:
    """The attributes of some objects, with the entries of those that are dictionaries and lists."""

    def __init__(self, *objects: Any) -> None:
        self._owners = [(one, vars(one)) for one in objects]
        containers: list[Any] = []
        for _, names in self._owners:
            containers += [names, *(value for value in names.values() if type(value) in (dict, list))]
        self._containers = [(one, one.copy()) for one in containers]

    def holds(self) -> bool:
        """Whether nothing was set, added or removed."""
        return all(vars(one) is names for one, names in self._owners) and all(
            _is_same(now, was) for now, was in self._containers
        )


def _is_same(now: Any, was: Any) -> bool:
    if len(now) != len(was):
        return False
    found = map(now.get, was, [_MISSING] * len(was)) if type(was) is dict else now
    return all(map(operator.is_, found, was.values() if type(was) is dict else was))
