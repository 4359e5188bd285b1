"""Who is executed is read from the environment as flytekit's entrypoint reads it."""

from __future__ import annotations

import pytest
from flytekit.bin import entrypoint

from flytewarm_worker import context


@pytest.mark.parametrize("long", [None, "", "long", "\udcff", "ü"])
@pytest.mark.parametrize("short", [None, "", "short"])
def test_as_the_entrypoint_reads_it(monkeypatch: pytest.MonkeyPatch, long: str | None, short: str | None) -> None:
    for name, value in {"LONG_NAME": long, "SHORT": short}.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert context._one_of("LONG_NAME", "SHORT") == entrypoint.get_one_of("LONG_NAME", "SHORT")
