"""Hooks as a task's module registers them: what is taken, what is refused, what it costs to import."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from flytewarm.worker import on_cancel, on_worker_start
from flytewarm_api.worker.hooks import HOOKS

DECORATORS = pytest.mark.parametrize("decorator", [on_worker_start, on_cancel])


@pytest.fixture(autouse=True)
def _none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests of this process may have imported tasks with hooks."""
    monkeypatch.setattr(HOOKS, "worker_start", [])
    monkeypatch.setattr(HOOKS, "cancel", [])
    monkeypatch.setattr(HOOKS, "cancel_added", None)


async def _coroutine() -> None: ...


def _needs(argument: int) -> None: ...


@DECORATORS
def test_a_function_is_registered_and_stays_what_it_is(decorator: Callable[[Any], Any]) -> None:
    def plain() -> None: ...

    partial = functools.partial(_needs, 1)
    for given in (plain, partial):
        assert decorator(given) is given
    assert (HOOKS.worker_start if decorator is on_worker_start else HOOKS.cancel) == [plain, partial]


@DECORATORS
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (30, "needs a function, not 30"),
        (_coroutine, "_coroutine is a coroutine function"),
        (_needs, "calls _needs without arguments: missing a required argument: 'argument'"),
    ],
)
def test_anything_else_is_refused(decorator: Callable[[Any], Any], given: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=f"@{decorator.__name__} .*{reason}"):
        decorator(given)
    assert HOOKS.worker_start == HOOKS.cancel == []


def test_a_hook_that_cannot_be_called_is_not_kept() -> None:
    def refuse() -> None:
        raise RuntimeError("not in this thread")

    HOOKS.cancel_added = refuse
    with pytest.raises(RuntimeError, match="not in this thread"):
        on_cancel(print)
    assert HOOKS.cancel == []


def test_importing_it_imports_neither_grpc_nor_flytekit() -> None:
    command = [sys.executable, "-X", "importtime", "-c", "import flytewarm.worker"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    imported = {line.split("|")[-1].strip() for line in told.splitlines() if line.startswith("import time:")}
    assert "flytewarm.worker" in imported
    assert not {name for name in imported if name.split(".")[0] in ("grpc", "flytekit", "google", "flyteidl")}
