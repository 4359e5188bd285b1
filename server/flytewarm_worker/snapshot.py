"""Whether objects are as they were. Told by identity: what a task has put into them may refuse to be compared."""

from __future__ import annotations

import operator
from typing import Any

from flytewarm_worker.versions import Versions

_MISSING = object()


class Snapshot:
    """The attributes of some objects, with the entries of those that are dictionaries and lists."""

    def __init__(self, *objects: Any) -> None:
        self._owners = [(one, vars(one)) for one in objects]
        containers: list[Any] = []
        for _, names in self._owners:
            containers += [names, *(value for value in names.values() if type(value) in (dict, list))]
        self._lists = [(one, one.copy()) for one in containers if type(one) is list]
        self._dictionaries = [(one, one.copy()) for one in containers if type(one) is dict]
        self._versions = Versions()
        self._versions.extend([one for one, _ in self._dictionaries])

    def holds(self) -> bool:
        """Whether nothing was set, added or removed."""
        return (
            all(vars(one) is names for one, names in self._owners)
            and all(len(now) == len(was) and all(map(operator.is_, now, was)) for now, was in self._lists)
            and all(map(self._is_same, self._versions.changed()))
        )

    def _is_same(self, index: int) -> bool:
        now, was = self._dictionaries[index]
        found = map(now.get, was, [_MISSING] * len(was))
        if is_same := len(now) == len(was) and all(map(operator.is_, found, was.values())):
            self._versions.accept(index)
        return is_same
