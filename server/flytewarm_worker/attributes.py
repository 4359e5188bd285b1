"""Functions and classes that a task replaced in modules and classes: put back after each execution.

Covers the modules of Python, of flytekit and of the environment's own code, and the classes of Python and flytekit, but
not other installed packages: each dictionary more costs every execution some time, and a worker has thousands. What was
assigned to is found by the versions of their dictionaries, so that an execution that replaced nothing costs one
comparison of numbers.
"""

from __future__ import annotations

import builtins
import functools
import itertools
import operator
import sys
from collections.abc import Callable, Collection, Iterable
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from flytewarm_worker.versions import extended, names_of_class, version, versions_of

# Whatever is of another type may be meant to change, such as a cache or a client that is made on first use.
_KEPT = (
    FunctionType,
    BuiltinFunctionType,
    type,
    ModuleType,
    staticmethod,
    classmethod,
    property,
    functools.cached_property,
    type(functools.lru_cache(int)),
)
# Of classes that Python code made; others cannot be assigned to. Py_TPFLAGS_HEAPTYPE of CPython's object.h.
_HEAP_TYPE = 1 << 9
_PACKAGES = sys.stdlib_module_names | {"flytekit", "flytewarm_worker"}


# What `__module__` of a class is read by.
_TYPE_MODULE: Any = type.__dict__["__module__"]


class Attributes:
    """What modules and classes had when adopt() was called last."""

    def __init__(self) -> None:
        self._namespaces: list[_Namespace] = []
        self._known: set[int] = set()
        # The version of their table when it was gone through last.
        self._modules: object = None
        # In the order of the namespaces.
        self._versions = versions_of([])

    def adopt(self) -> None:
        """Takes modules and classes as they are from now on."""
        self._settle(_Namespace.adopt)
        if (now := version(sys.modules)) == self._modules:
            return
        self._modules = now
        self._add_modules(list(sys.modules.values()))
        self._versions = versions_of([namespace.names for namespace in self._namespaces])

    def adopt_imported(self, imported: Collection[str]) -> None:
        """As adopt(), where these modules are all that have come since: the others, and so the memory that they share
        with other processes, are not touched, unless they have changed."""
        self._settle(_Namespace.adopt)
        known = len(self._namespaces)
        self._add_modules([sys.modules[name] for name in imported])
        self._modules = version(sys.modules)
        self._versions = extended(self._versions, [namespace.names for namespace in self._namespaces[known:]])

    def restore(self, imported: Collection[str] = ()) -> None:
        """Puts back functions and classes that were replaced, or removed, since.

        Those of `imported` modules stay: modules replace others when they are imported, and are not imported again.
        """
        self._settle(functools.partial(_Namespace.restore, imported=imported))
        if imported:
            self.adopt_imported(imported)

    def _settle(self, what: Callable[[_Namespace], None]) -> None:
        for index in self._versions.changed():
            what(self._namespaces[index])
            self._versions.accept(index)

    def _add_modules(self, modules: Iterable[ModuleType]) -> None:
        for module in modules:
            # A task may have put anything there; and the libraries of cffi only say that they are modules.
            if _is_a(module, ModuleType):
                self._add_module(module)

    def _add_module(self, module: ModuleType) -> None:
        names = object.__getattribute__(module, "__dict__")
        package = _package(names.get("__name__"))
        if id(names) in self._known or (package not in _PACKAGES and _is_installed(names.get("__file__"))):
            return
        # What others are given later may be submodules, or what they make on first use.
        exact = names is vars(builtins) or names is vars(sys.modules["__main__"])
        self._add(_Namespace(module, names, closed=exact, kinds=object if exact else _KEPT))
        if package in _PACKAGES:
            for value in list(names.values()):
                if _is_a(value, type) and value.__flags__ & _HEAP_TYPE:
                    self._add_class(value)

    def _add_class(self, owner: type) -> None:
        names = names_of_class(owner)
        if id(names) not in self._known and _package(names.get("__module__")) in _PACKAGES:
            self._add(_Namespace(owner, names, closed=True))

    def _add(self, namespace: _Namespace) -> None:
        self._known.add(id(namespace.names))
        self._namespaces.append(namespace)


def _is_a(value: object, kinds: type | tuple[type, ...]) -> bool:
    """As isinstance, but for what a value says of itself: that has modules loaded that load when they are looked at."""
    return issubclass(type(value), kinds)


def _is_of(value: Any, modules: Collection[str]) -> bool:
    name = _origin(value)
    return type(name) is str and name in modules


def _origin(value: Any) -> object:
    """The module that a function or a class is of; None for all else, which is not asked: it may be a task's."""
    kind = type(value)
    if kind in (staticmethod, classmethod):
        return _origin(value.__func__)
    if kind is property:
        return _origin(value.fget)
    if kind is ModuleType:
        return object.__getattribute__(value, "__dict__").get("__name__")
    if issubclass(kind, type):
        return _TYPE_MODULE.__get__(value)
    return value.__module__ if kind in (FunctionType, BuiltinFunctionType) else None


def _is_installed(file: object) -> bool:
    return isinstance(file, str) and ("/site-packages/" in file or "/dist-packages/" in file)


def _package(module: object) -> str:
    return str(module).partition(".")[0]


class _Namespace:
    """A module's or a class's names."""

    __slots__ = ("_closed", "_kept", "_kinds", "_owner", "names")

    def __init__(
        self, owner: ModuleType | type, names: dict[str, Any], *, closed: bool, kinds: type | tuple[type, ...] = _KEPT
    ) -> None:
        """`closed`: whether what is added later is taken away. `kinds`: what is looked at."""
        self._owner = owner
        self.names = names
        self._closed = closed
        self._kinds = kinds
        self.adopt()

    def adopt(self) -> None:
        self._kept = {name: value for name, value in self.names.items() if _is_a(value, self._kinds)}

    def restore(self, imported: Collection[str]) -> None:
        names, kept = self.names, self._kept
        # Without a loop of Python's over what has not changed: some modules change in every execution.
        for name in list(itertools.compress(kept, map(operator.is_not, map(names.get, kept), kept.values()))):
            if not _is_of(names.get(name), imported):
                self._set(name, kept[name])
        if self._closed:
            added = [name for name, value in names.items() if name not in kept and _is_a(value, self._kinds)]
            for name in added:
                if not _is_of(names[name], imported):
                    self._delete(name)

    def _set(self, name: str, value: Any) -> None:
        if isinstance(self._owner, ModuleType):
            self.names[name] = value
        else:
            type.__setattr__(self._owner, name, value)

    def _delete(self, name: str) -> None:
        if isinstance(self._owner, ModuleType):
            del self.names[name]
        else:
            type.__delattr__(self._owner, name)


ATTRIBUTES = Attributes()
