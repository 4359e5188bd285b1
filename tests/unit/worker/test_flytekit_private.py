"""The private names of flytekit that are used: each is still there and does what it is used for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flytekit import Deck, task
from flytekit.bin import entrypoint
from flytekit.core.context_manager import ExecutionParameters, FlyteContextManager
from flytekit.core.type_engine import TypeEngine
from flytekit.models import literals

from flytewarm_worker import flytekit_private

InFork = Callable[[Callable[[], None]], None]


@task(enable_deck=True)
def shows() -> int:
    """Has a deck and publishes it."""
    Deck("mine", "<b>my deck</b>")
    Deck.publish()
    return 1


@task
def quiet() -> int:
    """Has no deck."""
    return 1


@task
def takes(value: int) -> int:
    """Has an input that may fail to convert."""
    return value


def _dispatch(directory: Path, the_task: Any, inputs: dict[str, literals.Literal] | None = None) -> ExecutionParameters:
    """Runs a task as the entrypoint does; returns the parameters that it saw."""
    prefix = directory / "out"
    prefix.mkdir(exist_ok=True)
    with entrypoint.setup_execution(str(directory / "raw"), str(prefix)) as context:
        try:
            the_task.dispatch_execute(context, literals.LiteralMap(literals=inputs or {}))
        finally:
            parameters = context.user_space_params
        return parameters


def test_the_name_of_the_error_document(monkeypatch: pytest.MonkeyPatch) -> None:
    assert flytekit_private.error_file_name() == "error.pb"
    monkeypatch.setenv("FLYTE_INTERNAL_DIST_ERROR_STRATEGY", "earliest")
    first, second = flytekit_private.error_file_name(), flytekit_private.error_file_name()
    assert first != second
    assert first.startswith("error-")


def test_the_worker_of_a_distributed_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_INTERNAL_WORKER_NAME", "w")
    assert flytekit_private.distributed_worker_name() == ""
    monkeypatch.setenv("FLYTE_INTERNAL_DIST_ERROR_STRATEGY", "earliest")
    assert flytekit_private.distributed_worker_name() == "w"


def test_the_index_of_a_map_tasks_item(monkeypatch: pytest.MonkeyPatch) -> None:
    assert flytekit_private.array_job_index() == 0
    monkeypatch.setenv("BATCH_JOB_ARRAY_INDEX_VAR_NAME", "INDEX_HERE")
    monkeypatch.setenv("INDEX_HERE", "3")
    assert flytekit_private.array_job_index() == 3
    monkeypatch.setenv("BATCH_JOB_ARRAY_INDEX_OFFSET", "10")
    assert flytekit_private.array_job_index() == 13


def test_the_deck_as_html(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        html = flytekit_private.render_deck(_dispatch(tmp_path, shows))
        assert "<b>my deck</b>" in html
        assert html.lstrip().lower().startswith("<!doctype html>")

    in_fork(check)


def test_published_decks_go_to_the_sink(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        seen: list[tuple[str, str]] = []
        flytekit_private.divert_decks()
        flytekit_private.install_deck_sink(lambda name, its: seen.append((name, flytekit_private.render_deck(its))))
        os.environ["FLYTE_INTERNAL_TASK_NAME"] = "a.task"
        _dispatch(tmp_path, shows)
        ((name, html),) = seen
        assert name == "a.task"
        assert "<b>my deck</b>" in html
        # Not flytekit's own way, which writes the file.
        assert list((tmp_path / "out").iterdir()) == []

    in_fork(check)


def test_the_last_sink_wins_and_local_executions_have_none(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        first: list[str] = []
        second: list[str] = []
        flytekit_private.divert_decks()
        flytekit_private.install_deck_sink(lambda name, _: first.append(name))
        flytekit_private.install_deck_sink(lambda name, _: second.append(name))
        _dispatch(tmp_path, shows)
        assert (len(first), len(second)) == (0, 1)
        assert shows() == 1
        assert (len(first), len(second)) == (0, 1)
        flytekit_private.forget_deck_sink()
        _dispatch(tmp_path, shows)
        assert (len(first), len(second)) == (0, 1)

    in_fork(check)


def test_the_time_of_the_users_code(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        timed = flytekit_private.user_code_time(_dispatch(tmp_path, quiet))
        assert timed is not None
        start, duration = timed
        now = time.time_ns()
        assert now - 60_000_000_000 < start <= now
        assert 0 < duration < now - start + 1_000_000

    in_fork(check)


def test_code_that_never_ran_has_no_time(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        seen: list[ExecutionParameters] = []
        text = literals.Literal(scalar=literals.Scalar(primitive=literals.Primitive(string_value="x")))
        with entrypoint.setup_execution(str(tmp_path / "raw"), str(tmp_path)) as context:
            seen.append(context.user_space_params)
            with pytest.raises(Exception, match="value"):
                takes.dispatch_execute(context, literals.LiteralMap(literals={"value": text}))
        assert flytekit_private.user_code_time(seen[0]) is None

    in_fork(check)


@pytest.mark.parametrize("the_task", [shows, quiet])
def test_decks_are_switched_for_one_execution(the_task: Any) -> None:
    before = flytekit_private.writes_deck(the_task)
    assert before is (the_task is shows)
    for enabled in (True, False):
        with flytekit_private.deck_switch(the_task, enabled):
            assert flytekit_private.writes_deck(the_task) is enabled
        assert flytekit_private.writes_deck(the_task) is before
    with flytekit_private.deck_switch(the_task, None):
        assert flytekit_private.writes_deck(the_task) is before
    with pytest.raises(KeyError), flytekit_private.deck_switch(the_task, not before):
        raise KeyError
    assert flytekit_private.writes_deck(the_task) is before


def test_the_deck_switch_reaches_the_task(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        seen: list[str] = []
        flytekit_private.divert_decks()
        flytekit_private.install_deck_sink(lambda name, _: seen.append(name))
        with flytekit_private.deck_switch(shows, False):
            _dispatch(tmp_path, shows)
        assert seen == []
        _dispatch(tmp_path, shows)
        assert len(seen) == 1

    in_fork(check)


def test_what_is_no_python_task_has_no_switch() -> None:
    with flytekit_private.deck_switch(object(), True):
        assert not flytekit_private.writes_deck(object())


def test_the_stack_of_contexts_is_the_live_one() -> None:
    depth = len(flytekit_private.context_stack())
    assert depth == FlyteContextManager.size()
    FlyteContextManager.push_context(FlyteContextManager.current_context())
    assert len(flytekit_private.context_stack()) == depth + 1
    del flytekit_private.context_stack()[depth:]
    assert FlyteContextManager.size() == depth


def test_type_transformers_are_registered(in_fork: InFork) -> None:
    def check() -> None:
        pandas = pytest.importorskip("pandas")
        flytekit_private.load_type_transformers()
        assert TypeEngine.to_literal_type(pandas.DataFrame).structured_dataset_type is not None

    in_fork(check)


def test_forks_have_random_paths_of_their_own(tmp_path: Path) -> None:
    def path_in_fork(reseed: bool) -> str:
        read, write = os.pipe()
        if (pid := os.fork()) == 0:
            if reseed:
                flytekit_private.reseed_random()
            file_access = FlyteContextManager.current_context().file_access
            os.write(write, file_access.get_random_remote_path().encode())
            os._exit(0)
        os.close(write)
        with open(read) as answer:
            path = answer.read()
        os.waitpid(pid, 0)
        return path

    # Without it two forks choose the same paths, which is why it is there.
    assert path_in_fork(reseed=False) == path_in_fork(reseed=False) != ""
    assert path_in_fork(reseed=True) != path_in_fork(reseed=True)
