"""Quick loading finds what flytekit's default resolver finds, and leaves the rest to it."""

from __future__ import annotations

import importlib
import logging
import sys
import types
from typing import Any

import flytekit
import pytest
from flytekit.core import python_auto_container
from flytekit.core.context_manager import ExecutionParameters, FlyteContextManager
from flytekit.core.python_auto_container import DefaultTaskResolver
from flytekit.loggers import logger

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
