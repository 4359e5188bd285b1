"""Whether code is what it was: each way to replace some of it, and to put it back."""

from __future__ import annotations

import copy
import functools
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import fsspec.asyn
import pytest
from flytekit.core import base_task, type_engine, utils
from flytekit.core.base_task import PythonTask
from flytekit.models import literals
from flytekit.models.common import FlyteIdlEntity
from flytekit.tools import module_loader

from flytewarm_worker import originals
from flytewarm_worker.originals import Originals


class _Base:
    def inherited(self) -> int:
        return 1


class _Mixed:
    def inherited(self) -> int:
        return 2


class _Own(_Base):
    def own(self) -> int:
        return 1


class _Other(_Own):
    """What an object may become one of."""


class _Wrapped:
    """As wrapt has it: around something, and equal to that."""

    def __init__(self, wrapped: Callable[..., Any]) -> None:
        self.__wrapped__ = wrapped

    def __eq__(self, other: object) -> bool:
        return self.__wrapped__ == other

    __hash__ = None  # type: ignore[assignment]

    def __call__(self, *_: object) -> int:
        return 2


class _Case:
    """A class, an object and a module, of which some is looked after."""

    def __init__(self) -> None:
        self.owner = type("Owner", (_Own,), {"own": lambda _: 1, "value": 1})
        self.base = type("Base", (_Base,), {})
        self.derived = type("Derived", (self.base,), {})
        self.object, self.module = _Own(), ModuleType("some")
        self.object.kept, self.module.function = len, len  # type: ignore[attr-defined]
        places = ((_Own, "own"), (self.derived, "inherited"))
        known = frozenset({originals._digest([getattr(owner, name) for owner, name in places])})
        beside = ((self.object, "kept"), (self.module, "function"))
        self.originals = Originals(places, known, beside, (self.owner, self.object))


@pytest.fixture(params=[True, False], ids=["versions", "no versions"])
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Case]:
    monkeypatch.setattr(originals, "HAS_VERSIONS", request.param and originals.HAS_VERSIONS)
    made = _Case()
    assert made.originals.are_in_place()
    yield made
    monkeypatch.undo()
    assert made.originals.are_in_place()


_CHANGES: dict[str, Callable[[_Case, pytest.MonkeyPatch], None]] = {
    "method": lambda _, patch: patch.setattr(_Own, "own", lambda _: 2),
    "method that says it is equal": lambda _, patch: patch.setattr(_Own, "own", _Wrapped(_Own.own)),
    "method of a base class": lambda _, patch: patch.setattr(_Base, "inherited", lambda _: 2),
    "method instead of an inherited one": lambda case, patch: patch.setattr(
        case.derived, "inherited", lambda _: 2, raising=False
    ),
    "attribute": lambda case, patch: patch.setattr(case.object, "kept", max),
    "new attribute": lambda case, patch: patch.setattr(case.object, "own", lambda: 2, raising=False),
    "dictionary": lambda case, patch: patch.setattr(case.object, "__dict__", {"kept": max}),
    "class of an object": lambda case, patch: patch.setattr(case.object, "__class__", _Other),
    "name of a module": lambda case, patch: patch.setattr(case.module, "function", max),
    "anything of a whole class": lambda case, patch: patch.setattr(case.owner, "value", 2),
    "something new of a whole class": lambda case, patch: patch.setattr(case.owner, "new", 2, raising=False),
    "something less of a whole class": lambda case, patch: patch.delattr(case.owner, "value"),
}


@pytest.mark.parametrize("change", _CHANGES.values(), ids=_CHANGES)
def test_a_change_is_seen_each_time_until_it_is_undone(
    case: _Case, monkeypatch: pytest.MonkeyPatch, change: Callable[[_Case, pytest.MonkeyPatch], None]
) -> None:
    with monkeypatch.context() as patch:
        change(case, patch)
        assert not case.originals.are_in_place()
        assert not case.originals.are_in_place()
    assert case.originals.are_in_place()
    with monkeypatch.context() as patch:
        change(case, patch)
        assert not case.originals.are_in_place()


@pytest.mark.parametrize("of", ["derived", "base"])
def test_other_base_classes_are_seen_until_they_are_undone(case: _Case, of: str) -> None:
    changed = getattr(case, of)
    before = changed.__bases__
    changed.__bases__ = (_Mixed, *before)
    assert not case.originals.are_in_place()
    changed.__bases__ = before
    assert case.originals.are_in_place()


def test_what_is_not_looked_after_may_change(case: _Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Own, "other", 1, raising=False)
    monkeypatch.setattr(case.module, "other", 1, raising=False)
    assert case.originals.are_in_place()


def test_what_python_adds_to_a_class_is_no_change(case: _Case) -> None:
    copy.copy(case.owner())
    assert "__slotnames__" in vars(case.owner)
    assert case.owner.__annotations__ == {}
    assert case.originals.are_in_place()


def test_to_look_at_flytekits_loads_no_module_that_is_imported_lazily() -> None:
    look = (
        "import sys; from flytewarm_worker import originals; before = set(sys.modules); originals.originals();"
        " originals.originals_of_models(); print(sorted(name for name in set(sys.modules) - before if '.' not in name))"
    )
    told = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=60).stdout
    assert told == "[]\n"


@pytest.mark.parametrize(
    ("which", "owner", "name"),
    [
        *((originals.originals, base_task, name) for name in ("run_sync", "FlyteContextManager", "asyncio", "logger")),
        *((originals.originals, base_task, name) for name in ("TypeEngine", "timeit", "_literal_models")),
        *((originals.originals, base_task, name) for name in ("FlyteUserRuntimeException", "DeckField")),
        *((originals.originals, type_engine, name) for name in ("loop_manager", "asyncio", "TypeEngine")),
        *((originals.originals, type_engine, name) for name in ("get_underlying_type", "is_annotated", "HashMethod")),
        *((originals.originals, type_engine, name) for name in ("modify_literal_uris", "AsyncTypeTransformer")),
        (originals.originals, utils, "time"),
        (originals.originals_of_lists, type_engine, "LiteralCollection"),
        (originals.originals_of_lists, fsspec.asyn, "asyncio"),
        *(
            (originals.originals_of_dictionaries, type_engine, name)
            for name in ("get_args", "get_origin", "LiteralMap")
        ),
        *((originals.originals_of_models, literals, name) for name in ("_literals_pb2", "Scalar", "Union")),
        *((originals.originals_of_models, type_engine, name) for name in ("Literal", "Primitive", "Scalar")),
        (originals.originals_of_models, FlyteIdlEntity, "__setattr__"),
        (originals.originals_of_loading, module_loader, "importlib"),
    ],
)
def test_what_flytekits_code_calls_is_looked_after(
    monkeypatch: pytest.MonkeyPatch, which: Any, owner: Any, name: str
) -> None:
    assert which().are_in_place()
    monkeypatch.setattr(owner, name, _Wrapped(getattr(owner, name)), raising=False)
    assert not which().are_in_place()
    monkeypatch.undo()
    assert which().are_in_place()


def test_the_number_of_coroutines_is_set_for_each_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type_engine, "_TYPE_ENGINE_COROS_BATCH_SIZE", 12345)
    assert originals.originals_of_lists().are_in_place()
    assert originals.originals_of_dictionaries().are_in_place()


def test_code_that_was_wrapped_before_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    @functools.wraps(PythonTask.post_execute)
    def seven(*_: object) -> int:
        return 7

    monkeypatch.setattr(PythonTask, "post_execute", seven)
    assert not Originals(originals._PLACES, originals._KNOWN).are_in_place()
    monkeypatch.undo()
    assert Originals(originals._PLACES, originals._KNOWN).are_in_place()


def test_unknown_code_is_never_in_place() -> None:
    assert not Originals(((_Own, "own"),), frozenset()).are_in_place()


@pytest.mark.parametrize(
    "which",
    [
        originals.originals,
        originals.originals_of_lists,
        originals.originals_of_dictionaries,
        originals.originals_of_models,
        originals.originals_of_loading,
    ],
)
def test_flytekits_are_known(which: Any) -> None:
    assert which().are_in_place()
