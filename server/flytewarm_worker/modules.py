"""Imported modules: they stay from one execution to the next, as long as they are what an import would give.

What a task replaces or removes is put back. What it imports from its own directory goes with that: the next execution
has another one, and would otherwise be given a module whose file it does not have.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from flytewarm_worker.versions import version

# What imported() returned last.
_imported: tuple[object, dict[str, ModuleType]] = None, {}


def imported() -> tuple[object, dict[str, ModuleType]]:
    """A version, and a copy of all modules. Made in a zygote, it is its workers' as well: a copy touches every module,
    and so the memory that they share."""
    global _imported  # noqa: PLW0603  # a fork takes it along
    if (now := version(sys.modules)) != _imported[0]:
        _imported = now, dict(sys.modules)
    return _imported


class Modules:
    """The modules, and what finds them, as they were."""

    def __init__(self, own_directory: str) -> None:
        """`own_directory`: where the executions' directories are, one after the other; empty for none."""
        self._own = f"{own_directory}/" if own_directory else ""
        self._version, self._modules = imported()
        lists: dict[str, list[Any]] = {"meta_path": sys.meta_path, "path_hooks": sys.path_hooks}
        self._finders = [(name, finders, list(finders)) for name, finders in lists.items()]

    def adopt(self) -> list[str]:
        """Keeps what is imported now, but for what lies in an execution's directory. Returns the names of what it has
        not kept before."""
        known = self._modules
        # What is known is not looked at: that would touch memory which other processes share.
        self._modules = {
            name: module
            for name, module in sys.modules.items()
            if module is known.get(name) or not self._is_own(module)
        }
        self._version = None
        for _, now, before in self._finders:
            before[:0] = [one for one in now if one not in before]
        return [name for name, module in self._modules.items() if module is not known.get(name)]

    def restore(self) -> list[str]:
        """Puts back what is missing or another one, and forgets what lies in an execution's directory.

        Returns the names of those that were imported and stay.
        """
        new: list[str] = []
        imported = len(sys.modules) != len(self._modules)
        if self._version is None or version(sys.modules) != self._version:
            new = [name for name, module in sys.modules.items() if module is not self._modules.get(name)]
            for name in new:
                if self._is_own(sys.modules[name]):
                    del sys.modules[name]
            new = [name for name in new if name in sys.modules and name not in self._modules]
            sys.modules.update(self._modules)
            self._modules = dict(sys.modules)
            self._version = version(sys.modules)
        # A module that was imported may need what it has added, such as a finder.
        self._restore_finders(keep=imported)
        return new

    def _restore_finders(self, *, keep: bool) -> None:
        """`keep`: whether those stay that were added."""
        for name, now, before in self._finders:
            setattr(sys, name, now)
            if now != before:
                added = [one for one in now if one not in before] if keep else []
                now[:] = before[:] = [*added, *before]

    def _is_own(self, module: ModuleType) -> bool:
        # A task may have put anything there, and the libraries of cffi only say that they are modules; and one that
        # loads when it is asked for an attribute shall not.
        if not self._own or not issubclass(type(module), ModuleType):
            return False
        names = object.__getattribute__(module, "__dict__")
        # A package without an __init__.py has no file.
        places = [names.get("__file__"), *_search_path(names.get("__path__"))]
        return any(isinstance(place, str) and place.startswith(self._own) for place in places)


def _search_path(found: object) -> list[object]:
    # Those of packages without a file are made anew when they are looked at, from the path as it is then.
    found = getattr(found, "_path", None) if type(found).__name__ == "_NamespacePath" else found
    return list(found) if isinstance(found, list) else []
