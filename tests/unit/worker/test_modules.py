"""Modules that a task replaces, removes, or brings along; and those that it just imports."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from flytewarm_worker.modules import Modules

InFork = Callable[[Callable[[], None]], None]


def _replace() -> None:
    sys.modules["json"] = ModuleType("json")


def _remove() -> None:
    del sys.modules["json"]


def _remove_and_import() -> None:
    del sys.modules["json"]
    importlib.import_module("json")


def _put_nonsense() -> None:
    sys.modules["json"] = 5  # type: ignore[assignment]


def _clear() -> None:
    sys.modules.clear()


@pytest.mark.parametrize("change", [_replace, _remove, _remove_and_import, _put_nonsense, _clear])
def test_modules_are_those_that_were_there(in_fork: InFork, change: Callable[[], None]) -> None:
    def check() -> None:
        modules, before = Modules(""), dict(sys.modules)
        for _ in range(2):
            change()
            modules.restore()
            assert sys.modules["json"] is json
            assert dict(sys.modules) == before

    in_fork(check)


def test_what_a_task_imports_stays(in_fork: InFork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "of_the_app.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)

    def check() -> None:
        modules = Modules("/elsewhere")
        imported = importlib.import_module("of_the_app")
        modules.restore()
        assert sys.modules["of_the_app"] is imported
        sys.modules["of_the_app"] = ModuleType("of_the_app")
        modules.restore()
        assert sys.modules["of_the_app"] is imported

    in_fork(check)


def test_a_module_of_the_executions_own_directory_goes(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        modules = Modules(str(tmp_path))
        for text in ("first", "second"):
            (tmp_path / "helper.py").write_text(f"TEXT = {text!r}")
            sys.path.append(str(tmp_path))
            importlib.invalidate_caches()
            sys.dont_write_bytecode = True
            assert text == importlib.import_module("helper").TEXT
            sys.path.pop()
            modules.restore()
            assert "helper" not in sys.modules

    in_fork(check)


def test_a_module_that_is_loaded_when_it_is_used_is_not_loaded(
    in_fork: InFork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lazy.py").write_text("raise AssertionError('was loaded')")
    monkeypatch.syspath_prepend(tmp_path)

    def check() -> None:
        modules = Modules("/elsewhere")
        spec = importlib.util.find_spec("lazy")
        assert spec is not None
        assert spec.loader is not None
        loader = importlib.util.LazyLoader(spec.loader)
        spec.loader = loader
        module = importlib.util.module_from_spec(spec)
        sys.modules["lazy"] = module
        loader.exec_module(module)
        modules.restore()
        assert sys.modules["lazy"] is module

    in_fork(check)


class _Finder:
    """Finds nothing."""

    def find_spec(self, *_arguments: object) -> None: ...


def test_finders_of_a_task_go_and_those_of_a_module_stay(in_fork: InFork) -> None:
    def check() -> None:
        modules, before = Modules(""), list(sys.meta_path)
        sys.meta_path.insert(0, _Finder())  # type: ignore[arg-type]
        modules.restore()
        assert sys.meta_path == before
        sys.meta_path.clear()
        modules.restore()
        assert sys.meta_path == before
        sys.meta_path = []
        modules.restore()
        assert sys.meta_path == before
        finder = _Finder()
        sys.meta_path.insert(0, finder)  # type: ignore[arg-type]
        sys.modules["imported"] = ModuleType("imported")
        modules.restore()
        modules.restore()
        assert sys.meta_path == [finder, *before]

    in_fork(check)


def test_what_is_adopted_is_told(in_fork: InFork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new module and one that has taken another one's place, but none of the execution's own directory."""
    own, elsewhere = tmp_path / "own", tmp_path / "elsewhere"
    for directory, name in ((own, "of_the_execution"), (elsewhere, "newcomer")):
        directory.mkdir()
        (directory / f"{name}.py").touch()
        monkeypatch.syspath_prepend(directory)

    def check() -> None:
        modules = Modules(str(own))
        importlib.import_module("of_the_execution")
        newcomer, replaced = importlib.import_module("newcomer"), ModuleType("json")
        sys.modules["json"] = replaced
        assert sorted(modules.adopt()) == ["json", "newcomer"]
        assert modules.adopt() == []
        del sys.modules["json"]
        modules.restore()
        assert "of_the_execution" not in sys.modules
        assert sys.modules["newcomer"] is newcomer
        assert sys.modules["json"] is replaced

    in_fork(check)
