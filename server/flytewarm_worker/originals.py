"""The code of flytekit that the quick ways stand in for: only where it is what those were written after.

What is not seen: another `__code__` of a function that is in its place, and what is called by what a function that is
listed here calls.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import inspect
import linecache
import operator
import os
from collections.abc import Collection, Iterator
from types import CodeType, MethodType
from typing import Any

import flytekit
from flytekit.core import type_engine
from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import ExecutionState, FlyteContextManager, OutputMetadataTracker
from flytekit.core.python_auto_container import DefaultTaskResolver
from flytekit.core.python_function_task import PythonFunctionTask
from flytekit.core.type_engine import DictTransformer, ListTransformer, SimpleTransformer, TypeEngine
from flytekit.core.utils import timeit
from flytekit.models import literals
from flytekit.tools import module_loader

from flytewarm_worker.versions import HAS_VERSIONS, Versions, names_of_class

#: Those of a task, by which one that has its own is told.
METHODS = frozenset(
    {
        "dispatch_execute",
        "pre_execute",
        "execute",
        "post_execute",
        "_literal_map_to_python_input",
        "_output_to_literal_map",
        "_write_decks",
        "_outputs_interface",
        "get_type_for_output_var",
        "enable_deck",
        "python_interface",
    }
)
_CONVERSIONS = (
    "literal_map_to_kwargs",
    "_literal_map_to_kwargs",
    "async_to_python_value",
    "async_to_literal",
    "to_literal_checks",
    "calculate_hash",
)
_OF_TRANSFORMERS = ("assert_type", "type_assertions_enabled", "to_literal", "to_python_value")
_Places = tuple[tuple[Any, str], ...]
_PLACES: _Places = (
    *((PythonFunctionTask, name) for name in sorted(METHODS)),
    *((TypeEngine, name) for name in _CONVERSIONS),
    *((SimpleTransformer, name) for name in _OF_TRANSFORMERS),
    *((timeit, name) for name in ("__enter__", "__exit__", "__call__")),
)
# What those call, beside the names of their modules.
_BESIDE: _Places = (
    *((TypeEngine, name) for name in ("get_transformer", "_get_transformer", "lazy_import_transformers")),
    (PythonTask, "_write_decks"),
    (timeit, "__init__"),
    (ExecutionState, "with_params"),
    (FlyteContextManager, "with_context"),
    (OutputMetadataTracker, "get"),
)
# Digests of all of it: of flytekit 1.15.4 to 1.16.5, and of 1.16.6 to 1.16.31.
_KNOWN = frozenset(
    {
        "a6f618c210d12a0def636caefee2bf915c8f43e5923866337a5415d8c36c25cc",
        "b36f0167756c7484955a9ecf224e148041786e2f4aa1ab4c3240da84ee7f0865",
    }
)

_PLACES_OF_LISTS: _Places = (
    *((ListTransformer, name) for name in ("assert_type", "type_assertions_enabled")),
    *((ListTransformer, name) for name in ("async_to_literal", "async_to_python_value")),
    *((ListTransformer, name) for name in ("get_sub_type", "get_sub_type_or_none")),
    (type_engine, "_run_coros_in_chunks"),
    (type_engine, "modify_literal_uris"),
)
# The same in flytekit 1.15.4 and in 1.16.31.
_KNOWN_OF_LISTS = frozenset({"f796936cd28a8b36a7e9547601d29cd3b3fbc7fd039a56c638be9e31976efa29"})

_PLACES_OF_DICTIONARIES: _Places = (
    *((DictTransformer, name) for name in ("assert_type", "type_assertions_enabled")),
    *((DictTransformer, name) for name in ("async_to_literal", "async_to_python_value", "extract_types")),
    (type_engine, "_run_coros_in_chunks"),
)
# The same in flytekit 1.15.4 and in 1.16.31.
_KNOWN_OF_DICTIONARIES = frozenset({"6ad657c45f8b2b7a93bc6bcd11fe58c655fcc6642ae4fe2dbafcbf45d664a4d7"})

_MODELS = (literals.LiteralMap, literals.Literal, literals.LiteralCollection, literals.Scalar, literals.Primitive)
_PLACES_OF_MODELS: _Places = (
    *((model, name) for model in _MODELS for name in ("from_flyte_idl", "to_flyte_idl")),
    (type_engine, "_check_and_covert_float"),
    (type_engine, "_handle_flyte_console_float_input_to_int"),
)
_BESIDE_MODELS: _Places = (
    # Of its base class.
    *((model, "__setattr__") for model in _MODELS),
    # Names in the transformers.
    *((type_engine, name) for name in ("Literal", "Primitive", "Scalar")),
)
# The same in flytekit 1.15.4 and in 1.16.31.
_KNOWN_OF_MODELS = frozenset({"5389ba7978d6b5ab97e9bb70cc6448953b547cec4d673dad113d217eec2369af"})
#: flytekit's own of simple values. What they make needs no second look, which flytekit takes at all literals.
TRANSFORMERS: dict[type, SimpleTransformer[Any]] = {
    int: type_engine.IntTransformer,
    float: type_engine.FloatTransformer,
    bool: type_engine.BoolTransformer,
    str: type_engine.StrTransformer,
    datetime.datetime: type_engine.DatetimeTransformer,
    datetime.timedelta: type_engine.TimedeltaTransformer,
    datetime.date: type_engine.DateTransformer,
}

_PLACES_OF_LOADING: _Places = ((DefaultTaskResolver, "load_task"), (module_loader, "load_object_from_module"))
# Of flytekit 1.15.4, and of 1.16.31.
_KNOWN_OF_LOADING = frozenset(
    {
        "f80837a1b486c8a48a563351633565d35ac525dae3da73017cb6fe5fb37b0916",
        "742a88a89cf40d86f3bac3194d69b3c4b5dbdb51fa00231aac4c234ff55058af",
    }
)


# Looked at where it matters (flytekit_private.converts_collections).
_SET_FOR_EACH_EXECUTION = frozenset({"_TYPE_ENGINE_COROS_BATCH_SIZE"})
# What Python itself adds to a class, when an object is copied or annotations are read.
_ADDED_BY_PYTHON = frozenset({"__slotnames__", "__annotations__", "__annotations_cache__"})
_PACKAGE = os.path.dirname(inspect.getfile(flytekit))
_MRO = operator.attrgetter("__mro__")


class Originals:
    """The code as it is when this is made: before modules of tasks are imported, which may replace some."""

    def __init__(
        self, places: _Places, known: frozenset[str], beside: _Places = (), whole: Collection[Any] = ()
    ) -> None:
        """`places`: objects and names of their attributes, and so what these refer to in their modules. `known`: the
        digests of the code that there may be. `beside`: further places, of which the code is not looked at. `whole`:
        classes and objects of which every attribute of their own has to be what it is."""
        self._found = [(owner, name, getattr(owner, name)) for owner, name in (*places, *beside)]
        self._referred = [one for owner, name in places for one in _referred(getattr(owner, name))]
        self._wholes = [(own := _own(owner), _given(own)) for owner in whole]
        owners = {id(owner): owner for owner in (*(owner for owner, _, _ in self._found), *whole)}
        # Where attributes of classes are found; and those of objects.
        self._classes = [owner for owner in owners.values() if isinstance(owner, type)]
        self._mros = [owner.__mro__ for owner in self._classes]
        self._objects = [owner for owner in owners.values() if not isinstance(owner, type)]
        self._kinds, self._owns = [type(owner) for owner in self._objects], [vars(owner) for owner in self._objects]
        looked_up = [*(_own(kind) for kinds in self._mros for kind in kinds), *self._owns]
        looked_up += [names for names, _, _ in self._referred]
        self._versions = Versions()
        self._versions.extend(list({id(own): own for own in looked_up}.values()))
        self._are_known = _digest([getattr(owner, name) for owner, name in places]) in known

    def are_in_place(self) -> bool:
        """Whether the code is known and nobody has replaced any of it."""
        if not (self._are_known and self._are_found_as_ever()):
            return False
        if not HAS_VERSIONS:
            return self._are_found()
        if not (changed := self._versions.changed()):
            return True
        if are_found := self._are_found():
            for index in changed:
                self._versions.accept(index)
        return are_found

    def _are_found_as_ever(self) -> bool:
        """Whether attributes are looked up in the same dictionaries, whatever these have now."""
        # No generators, which take twice as long: this is asked several times for each execution.
        return (
            all(map(operator.eq, map(_MRO, self._classes), self._mros))
            and all(map(operator.is_, map(type, self._objects), self._kinds))
            and all(map(operator.is_, map(vars, self._objects), self._owns))
        )

    def _are_found(self) -> bool:
        return (
            all(_is_same(getattr(owner, name, None), found) for owner, name, found in self._found)
            and all(names.get(name) is referred for names, name, referred in self._referred)
            and all(
                (now := _given(own)).keys() == was.keys() and all(map(operator.is_, map(now.get, was), was.values()))
                for own, was in self._wholes
            )
        )


@functools.cache
def originals() -> Originals:
    """Those that run a plain task and convert its simple values, as this process has them; looked at by the first
    call."""
    return Originals(_PLACES, _KNOWN, _BESIDE, TRANSFORMERS.values())


@functools.cache
def originals_of_lists() -> Originals:
    """Those that convert lists."""
    return Originals(_PLACES_OF_LISTS, _KNOWN_OF_LISTS)


@functools.cache
def originals_of_dictionaries() -> Originals:
    """Those that convert dictionaries."""
    return Originals(_PLACES_OF_DICTIONARIES, _KNOWN_OF_DICTIONARIES)


@functools.cache
def originals_of_models() -> Originals:
    """Those that make values of messages, by way of flytekit's models, and back."""
    return Originals(_PLACES_OF_MODELS, _KNOWN_OF_MODELS, _BESIDE_MODELS, (SimpleTransformer, *_MODELS))


@functools.cache
def originals_of_loading() -> Originals:
    """Those that load a task."""
    return Originals(_PLACES_OF_LOADING, _KNOWN_OF_LOADING)


def _is_same(now: Any, was: Any) -> bool:
    """By identity: what somebody wraps around something may say that it is equal. A method of a class is made anew each
    time that it is asked for."""
    if type(now) is MethodType and type(was) is MethodType:
        return now.__func__ is was.__func__ and now.__self__ is was.__self__
    return now is was


def _given(own: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in own.items() if name not in _ADDED_BY_PYTHON}


def _own(owner: Any) -> dict[str, Any]:
    return names_of_class(owner) if isinstance(owner, type) else vars(owner)


def _referred(found: Any) -> list[tuple[dict[str, Any], str, Any]]:
    """The names of its module that a function refers to; some more, as attributes may have the same names."""
    function = _unwrapped(found)
    if not hasattr(function, "__code__"):
        return []
    # Looked up in this dictionary, whatever the module is.
    names = function.__globals__
    referred = {name for code in _codes(function.__code__) for name in code.co_names}
    return [(names, name, names[name]) for name in sorted(referred & names.keys() - _SET_FOR_EACH_EXECUTION)]


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def _unwrapped(found: Any) -> Any:
    return inspect.unwrap(getattr(found, "fget", found), stop=_is_foreign)


def _source(found: Any) -> str:
    # Not by inspect.getsource(): that unwraps a function all the way, and of its code it looks through all modules for
    # the one that this is from, so that those that are imported lazily are loaded.
    code = _unwrapped(found).__code__
    return "".join(inspect.getblock(linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]))


def _is_foreign(function: Any) -> bool:
    """Whether it is no function of flytekit's, whose own decorators have the code of what they are around looked at."""
    code = getattr(function, "__code__", None)
    return code is None or not code.co_filename.startswith(_PACKAGE)


def _digest(found: list[Any]) -> str:
    """Of the source, which is the same for all versions of Python; empty without it."""
    try:
        sources = [_source(one) for one in found]
    except (AttributeError, IndexError):
        return ""
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()
