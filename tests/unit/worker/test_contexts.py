"""Contexts are entered and left as flytekit does it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from flytekit.bin import entrypoint
from flytekit.core.context_manager import FlyteContext, FlyteContextManager
from flytekit.loggers import developer_logger

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
