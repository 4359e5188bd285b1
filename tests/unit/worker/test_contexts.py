"""Contexts are entered and left as flytekit does it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flytekit.bin import entrypoint
from flytekit.core import context_manager
from flytekit.core.context_manager import FlyteContext, FlyteContextManager
from flytekit.loggers import developer_logger
from hypothesis import given
from hypothesis import strategies as st

from flytewarm_worker import flytekit_private
from flytewarm_worker.context import ORIGIN as OF_THE_ENTRYPOINT
from flytewarm_worker.contexts import entered, origin_in

ORIGIN = traceback.FrameSummary("file.py", 7, "made_up")


def test_the_stack_is_what_flytekit_makes_it(context: FlyteContext) -> None:
    own = context.new_builder().build()
    before = list(flytekit_private.context_stack())
    with entered(own, ORIGIN) as found:
        assert found is own is FlyteContextManager.current_context()
        assert flytekit_private.context_stack() == [*before, own]
        assert own.get_origin_stackframe_repr() == "StackOrigin(made_up, 7, file.py)"
    assert flytekit_private.context_stack() == before


def test_contexts_that_are_left_on_top_go_with_it(context: FlyteContext) -> None:
    before = list(flytekit_private.context_stack())
    with pytest.raises(ZeroDivisionError), entered(context.new_builder().build(), ORIGIN):  # noqa: PT012
        FlyteContextManager.push_context(context.new_builder().build(), ORIGIN)
        FlyteContextManager.push_context(context.new_builder().build(), ORIGIN)
        raise ZeroDivisionError
    assert flytekit_private.context_stack() == before


def test_a_task_that_takes_its_context_away_does_no_harm(context: FlyteContext) -> None:
    before = list(flytekit_private.context_stack())
    with entered(context.new_builder().build(), ORIGIN):
        FlyteContextManager.pop_context()
    assert flytekit_private.context_stack() == before


def test_the_log_for_developers_tells_each_step(context: FlyteContext, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger=developer_logger.name):
        developer_logger.addHandler(caplog.handler)
        with entered(context.new_builder().build(), ORIGIN):
            pass
        developer_logger.removeHandler(caplog.handler)
    steps = [record.getMessage() for record in caplog.records]
    assert [any(word in step for step in steps) for word in ("Pushing", "Popping")] == [True, True]


@pytest.mark.parametrize("name", ["push_context", "pop_context"])
def test_replaced_code_of_flytekit_is_called(context: FlyteContext, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    called: list[str] = []
    original: Callable[..., FlyteContext] = getattr(FlyteContextManager, name)

    def noted(*given: object) -> FlyteContext:
        called.append(name)
        return original(*given)

    monkeypatch.setattr(FlyteContextManager, name, staticmethod(noted))
    with entered(context.new_builder().build(), ORIGIN):
        pass
    assert called == [name]


def _enters(context: FlyteContext) -> str:
    builder = context.new_builder()
    with FlyteContextManager.with_context(
        builder.with_execution_state(
            context.execution_state,
        )
    ) as own:
        return own.get_origin_stackframe_repr()


def _enters_none(_: FlyteContext) -> str:
    return ""


def test_an_origin_is_what_flytekit_finds(context: FlyteContext, tmp_path: Path) -> None:
    own = context.new_builder().build()
    own.set_stackframe(origin_in(_enters))
    assert own.get_origin_stackframe_repr() == _enters(context)
    with entrypoint.setup_execution(str(tmp_path)) as own:
        found = own.get_origin_stackframe_repr()
    own.set_stackframe(OF_THE_ENTRYPOINT)
    assert own.get_origin_stackframe_repr() == found


def test_an_origin_that_is_not_to_be_seen_has_no_line() -> None:
    origin = origin_in(_enters_none)
    assert (origin.name, origin.lineno, origin.filename) == ("_enters_none", 0, __file__)


# What code may do in a context: enter another one, take one away, use another stack, or fail.
_STEPS = st.lists(st.sampled_from(["push", "pop", "copy", "fail"]), max_size=6)


@given(st.lists(_STEPS, min_size=1, max_size=3))
def test_whatever_is_done_in_them_they_are_left_as_flytekit_leaves_them(nested: list[list[str]]) -> None:
    """Several, each in the one before."""

    def ours(builder: FlyteContext.Builder) -> entered:
        return entered(builder.build(), ORIGIN)

    assert _depths(ours, nested) == _depths(FlyteContextManager.with_context, nested)


def _depths(enter: Callable[[FlyteContext.Builder], Any], nested: list[list[str]]) -> list[Any]:
    """How many contexts there are after each step, and what fails; at the end, which of them were there before."""
    told: list[Any] = []
    before = list(flytekit_private.context_stack())

    def go(level: int) -> None:
        if level == len(nested):
            return
        with enter(FlyteContextManager.current_context().new_builder()) as context:
            told.append((FlyteContextManager.size(), context.level, context is FlyteContextManager.current_context()))
            go(level + 1)
            for step in nested[level]:
                _STEP[step]()
                told.append(FlyteContextManager.size())

    try:
        go(0)
    except Exception as error:  # noqa: BLE001  # whatever it is, it has to be the same
        told.append((type(error), str(error).partition(",")[0]))
    told.append([one in before for one in flytekit_private.context_stack()])
    context_manager.flyte_context_Var.set(before)
    return told


def _fail() -> None:
    raise ZeroDivisionError


_STEP: dict[str, Callable[[], object]] = {
    "push": lambda: FlyteContextManager.push_context(FlyteContextManager.current_context().new_builder().build()),
    "pop": FlyteContextManager.pop_context,
    "copy": lambda: context_manager.flyte_context_Var.set(list(flytekit_private.context_stack())),
    "fail": _fail,
}
