"""How a client knows for which execution it calls, and which service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flytewarm.channel import resolve_target
from flytewarm.worker import service_variables
from flytewarm_api import nesting


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (nesting.TARGET_VARIABLE, nesting.PARENT_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    yield
    nesting.serve_from("")


def test_a_process_that_is_no_worker() -> None:
    assert service_variables() == {}
    assert nesting.metadata() == ()


def test_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    nesting.serve_from("unix:/run/s")
    assert resolve_target() == "unix:/run/s"
    assert service_variables() == {"FLYTEWARM_TARGET": "unix:/run/s"}
    with nesting.running("mother"):
        assert service_variables() == {"FLYTEWARM_TARGET": "unix:/run/s", "FLYTEWARM_PARENT_EXECUTION": "mother"}
        monkeypatch.setenv("FLYTEWARM_PARENT_EXECUTION", "grandmother")
        assert nesting.metadata() == (("flytewarm-parent-execution", "mother"),)
    monkeypatch.setenv("FLYTEWARM_TARGET", "h:1")
    assert resolve_target() == "h:1"


@pytest.mark.parametrize(
    ("text", "metadata"),
    [
        ("mother/1", (("flytewarm-parent-execution", "mother/1"),)),
        ("", ()),
        ("of\nlines", ()),
        ("é", ()),
        ("x" * 129, ()),
    ],
)
def test_a_program_of_a_task(monkeypatch: pytest.MonkeyPatch, text: str, metadata: object) -> None:
    monkeypatch.setenv("FLYTEWARM_PARENT_EXECUTION", text)
    assert nesting.metadata() == metadata
