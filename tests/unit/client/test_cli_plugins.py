"""Commands of `flytewarm` from other distributions and extras."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from flytewarm.cli import main, plugins


class FakeEntryPoint:
    """A command whose import, or whose run, does what a test wants."""

    name = "serve"

    def __init__(self, load: Any, distribution: str) -> None:
        self.load = load
        self.dist = type("Distribution", (), {"name": distribution})


def _missing(*_: object) -> Any:
    raise ModuleNotFoundError("No module named 'aiohttp'", name="aiohttp")


@pytest.mark.parametrize("load", [_missing, lambda: _missing])
@pytest.mark.parametrize(("distribution", "hint"), [("flytewarm", True), ("other", False)])
def test_a_command_whose_packages_are_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], load: Any, distribution: str, hint: bool
) -> None:
    monkeypatch.setattr(plugins, "find", lambda _name: FakeEntryPoint(load, distribution))
    assert main(["serve"]) == 3
    printed = capsys.readouterr().err
    assert "flytewarm serve: No module named 'aiohttp'" in printed
    assert ("pip install 'flytewarm[server]'" in printed) is hint


def test_a_command_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(plugins, "find", lambda _name: FakeEntryPoint(lambda: lambda argv: seen.append(argv) or 7, "x"))
    assert main(["other", "--flag"]) == 7
    assert seen == [["--flag"]]


def test_commands_are_listed_without_their_import(monkeypatch: pytest.MonkeyPatch) -> None:
    entry_point = EntryPoint("other", "no_such_module:main", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda **_: [entry_point])
    assert plugins.summaries(()) == {"other": "from no_such_module"}
