"""Quick loading finds what flytekit's default resolver finds, and leaves the rest to it."""

from __future__ import annotations

import importlib
import logging
import sys
import types
from collections.abc import Callable
from typing import Any

import flytekit
import pytest
from flytekit.core import python_auto_container
from flytekit.core.context_manager import ExecutionParameters, FlyteContextManager
from flytekit.core.python_auto_container import DefaultTaskResolver
from flytekit.loggers import logger
from flytekit.tools.module_loader import load_object_from_module
from hypothesis import given, settings
from hypothesis import strategies as st

from flytewarm_worker import flytekit_private, originals, quick_loading
from flytewarm_worker.quick_loading import DEFAULT_RESOLVER

flytekit_private.load_type_transformers()
_NAME = "loading_of_tests"


@flytekit.task
def loaded() -> None: ...


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    made = types.ModuleType(_NAME)
    made.loaded, made.text = loaded, "no task"
    monkeypatch.setitem(sys.modules, _NAME, made)
    return made


class _Package(types.ModuleType):
    """A module of its own kind, as packages put in their places to import lazily."""

    def __getattr__(self, name: str) -> Any:
        return loaded if name == "later" else super().__getattribute__(name)


class _Bare:
    """What is no module, and is in the place of one."""

    loaded = loaded


# Under the names of modules: kinds of what is there, and their attributes.
_MODULES = ("loading_of_tests", "loading_of_tests.below", "elsewhere_of_tests.below", "json", "not_imported_of_tests")
_NAMES = ("loaded", "text", "later", "missing", "below", "__name__", "__class__", "ü", "a.b", "", "__getattr__")
_KINDS = st.sampled_from([types.ModuleType, types.ModuleType, _Package, lambda _: _Bare(), lambda _: None])
_ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={name: st.sampled_from([loaded, "no task", None]) for name in ("loaded", "text", "below", "ü", "", "a.b")},
) | st.just({"loaded": loaded, "__getattr__": lambda _name: loaded})
_THERE = st.dictionaries(st.sampled_from(_MODULES[:3]), st.tuples(_KINDS, _ATTRIBUTES), max_size=3)
_OF_TASKS = st.tuples(st.just("task-module"), st.sampled_from([*_MODULES, "", ".", ".below"]), st.just("task-name"))
_GIVEN = st.one_of(
    st.builds(lambda begin, name, more: [*begin, name, *more], _OF_TASKS, st.sampled_from(_NAMES), st.lists(st.text())),
    st.lists(st.sampled_from([*_MODULES, *_NAMES]), max_size=5),
)
_RESOLVERS = st.sampled_from(
    [
        DEFAULT_RESOLVER,
        DEFAULT_RESOLVER,
        "flytekit.core.python_auto_container.missing",
        "flytekit.core.python_auto_container.DefaultTaskResolver",
        "not_imported_of_tests.resolver",
        "resolver",
        "",
    ]
)


@settings(deadline=None, max_examples=300)
@given(_THERE, _GIVEN, _RESOLVERS)
def test_any_task_is_what_flytekit_finds(there: dict[str, Any], arguments: list[str], resolver: str) -> None:
    """Whatever is in the place of its module. The quick way is taken where that is a module which has the task."""
    with pytest.MonkeyPatch.context() as patch:
        for name, (kind, attributes) in there.items():
            made = kind(name)
            if made is not None:
                vars(made).update(attributes)
            patch.setitem(sys.modules, name, made)
        before = dict(sys.modules)
        quick = _tried(lambda own: quick_loading.load(resolver, arguments, own))
        assert sys.modules == before, "it has imported something"
        slow = _tried(lambda _: load_object_from_module(resolver).load_task(arguments))
    is_quick = quick != (None, [])
    assert not is_quick or quick == slow
    kind, attributes = there.get("".join(arguments[1:2]), (None, {}))
    is_plain = resolver == DEFAULT_RESOLVER and kind is types.ModuleType and len(arguments) > 3
    assert is_quick == (is_plain and attributes.get(arguments[3]) is loaded)


def _tried(load: Callable[[ExecutionParameters], Any]) -> tuple[Any, list[Any]]:
    """What is loaded in a context of its own, or why it is not; and what the timeline tells of it."""
    context = FlyteContextManager.current_context()
    own = context.user_space_params.new_builder().build()
    state = context.execution_state.with_params(user_space_params=own)
    with FlyteContextManager.with_context(context.with_execution_state(state)):
        try:
            found = load(own)
        except Exception as error:  # noqa: BLE001  # whatever it is, it has to be the same
            found = type(error), str(error)
    return found, [(entry["Name"], list(entry)) for entry in own.timeline_deck.time_info]


def _arguments(name: str, module: str = _NAME) -> list[str]:
    return ["task-module", module, "task-name", name]


def _load(parameters: ExecutionParameters, arguments: list[str], resolver: str = DEFAULT_RESOLVER) -> Any:
    return quick_loading.load(resolver, arguments, parameters)


@pytest.fixture
def parameters() -> ExecutionParameters:
    """Those of an execution that has just begun."""
    made = FlyteContextManager.current_context().user_space_params
    assert made is not None
    return made.new_builder().build()


def test_an_imported_task_is_found_and_the_timeline_tells_it(
    module: types.ModuleType, parameters: ExecutionParameters
) -> None:
    assert originals.originals_of_loading().are_in_place()
    assert _load(parameters, _arguments("loaded")) is loaded
    (entry,) = parameters.timeline_deck.time_info
    context = FlyteContextManager.current_context()
    flytekits = parameters.new_builder().build()
    state = context.execution_state.with_params(user_space_params=flytekits)
    with FlyteContextManager.with_context(context.with_execution_state(state)):
        assert python_auto_container.default_task_resolver.load_task(_arguments("loaded")) is loaded
    (expected,) = flytekits.timeline_deck.time_info
    assert entry["Name"] == expected["Name"]
    assert {name: type(value) for name, value in entry.items()} == {
        name: type(value) for name, value in expected.items()
    }


@pytest.mark.parametrize(
    ("arguments", "resolver"),
    [
        (_arguments("missing"), DEFAULT_RESOLVER),
        (_arguments("text"), DEFAULT_RESOLVER),
        (_arguments("loaded", "not_imported_of_tests"), DEFAULT_RESOLVER),
        (_arguments("loaded")[:3], DEFAULT_RESOLVER),
        ([], DEFAULT_RESOLVER),
        (_arguments("loaded"), "flytekit.core.class_based_resolver.default_task_resolver"),
    ],
    ids=["no such name", "no task", "no such module", "too few", "none", "another resolver"],
)
def test_what_is_not_there_is_left_to_flytekit(
    module: types.ModuleType, parameters: ExecutionParameters, arguments: list[str], resolver: str
) -> None:
    assert _load(parameters, arguments, resolver) is None
    assert parameters.timeline_deck.time_info == []


def _replace_the_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    class Another(DefaultTaskResolver):
        pass

    monkeypatch.setattr(python_auto_container, "default_task_resolver", Another())


_REPLACEMENTS = {
    "the resolver": _replace_the_resolver,
    "its method": lambda patch: patch.setattr(DefaultTaskResolver, "load_task", lambda *_, **__: None),
    "its own method": lambda patch: patch.setattr(
        python_auto_container.default_task_resolver, "load_task", print, raising=False
    ),
    "the import": lambda patch: patch.setattr(importlib, "import_module", lambda name: sys.modules[name]),
    "its module": lambda patch: patch.setitem(
        sys.modules, "flytekit.core.python_auto_container", types.ModuleType("python_auto_container")
    ),
}


@pytest.mark.parametrize("name", _REPLACEMENTS)
def test_replaced_code_of_flytekit_is_asked(
    module: types.ModuleType, parameters: ExecutionParameters, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    originals.originals_of_loading()
    _REPLACEMENTS[name](monkeypatch)
    assert _load(parameters, _arguments("loaded")) is None


def test_detailed_logs_are_flytekits_to_write(
    module: types.ModuleType, parameters: ExecutionParameters, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger=logger.name):
        assert _load(parameters, _arguments("loaded")) is None


def test_a_module_that_makes_its_tasks_on_demand_is_asked(parameters: ExecutionParameters, module: Any) -> None:
    module.__getattr__ = lambda _name: loaded
    assert _load(parameters, _arguments("later")) is None


def test_what_stands_in_for_a_module_is_asked(parameters: ExecutionParameters, monkeypatch: pytest.MonkeyPatch) -> None:
    class Lazy(types.ModuleType):
        @property
        def loaded(self) -> object:
            return None

    lazy = Lazy(_NAME)
    vars(lazy)["loaded"] = loaded
    monkeypatch.setitem(sys.modules, _NAME, lazy)
    assert _load(parameters, _arguments("loaded")) is None
