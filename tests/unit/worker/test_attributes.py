"""Functions and classes that a task replaces are put back; what modules do when they are imported stays."""

from __future__ import annotations

import builtins
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flytekit.core.base_task import PythonTask
from flytekit.core.python_function_task import PythonFunctionTask

from flytewarm_worker import versions
from flytewarm_worker.attributes import Attributes
from flytewarm_worker.modules import Modules

InFork = Callable[[Callable[[], None]], None]


def _fake(*_: Any, **__: Any) -> None: ...


def _private_kb() -> int:
    """What this process has written to, and so does not share with the one that it was forked from."""
    rollup = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Private_Dirty"))


@pytest.mark.parametrize(("has_versions", "has_numpy"), [(True, True), (True, False), (False, False)])
def test_what_was_replaced_is_put_back(
    in_fork: InFork, monkeypatch: pytest.MonkeyPatch, has_versions: bool, has_numpy: bool
) -> None:
    monkeypatch.setattr(versions, "HAS_VERSIONS", has_versions and versions.HAS_VERSIONS)
    if has_numpy:
        pytest.importorskip("numpy")
    else:
        monkeypatch.delitem(sys.modules, "numpy", raising=False)

    def check() -> None:
        state = Attributes()
        state.adopt()
        dumps, dispatch = json.dumps, PythonTask.dispatch_execute
        json.dumps = _fake  # type: ignore[assignment]
        del json.loads
        builtins.added = _fake  # type: ignore[attr-defined]
        PythonTask.dispatch_execute = _fake  # type: ignore[method-assign]
        # Inherited until now.
        PythonFunctionTask.dispatch_execute = _fake  # type: ignore[method-assign]
        state.restore()
        assert json.dumps is dumps
        assert json.loads("1") == 1
        assert not hasattr(builtins, "added")
        assert PythonTask.dispatch_execute is PythonFunctionTask.dispatch_execute is dispatch

    in_fork(check)


class _Pretender:
    """Says that it is a module, as the libraries of cffi do, and has no namespace."""

    __slots__ = ()

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return ModuleType


def test_what_only_says_that_it_is_a_module_is_let_be(in_fork: InFork) -> None:
    def check() -> None:
        state = Attributes()
        modules = Modules("/own")
        sys.modules["pretender"] = _Pretender()  # type: ignore[assignment]
        state.adopt()
        state.restore()
        assert modules.restore() == ["pretender"]

    in_fork(check)


def test_values_may_change(in_fork: InFork) -> None:
    def check() -> None:
        state, module = Attributes(), ModuleType("changing")
        sys.modules["changing"] = module
        module.cache = module.client = None  # type: ignore[attr-defined]
        state.adopt()
        module.cache, module.client = {"made": 1}, _fake  # type: ignore[attr-defined]
        state.restore()
        assert (module.cache, module.client) == ({"made": 1}, _fake)

    in_fork(check)


def test_what_an_imported_module_replaces_stays(
    in_fork: InFork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "patching.py").write_text("import json\n\n\ndef dumps(_): ...\n\n\njson.dumps = dumps\n")
    monkeypatch.syspath_prepend(tmp_path)

    def check() -> None:
        state = Attributes()
        state.adopt()
        patching: Any = importlib.import_module("patching")

        json.loads = _fake  # type: ignore[assignment]
        state.restore({"patching"})
        assert json.dumps is patching.dumps
        assert json.loads is not _fake
        # It is one of those that are looked at now.
        patching.dumps = _fake
        state.restore()
        assert patching.dumps is json.dumps is not _fake

    in_fork(check)


def test_what_is_not_new_stays_shared_with_other_processes(
    in_fork: InFork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "newcomer.py").write_text("def function(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    state, looking_at_all = Attributes(), Attributes()
    state.adopt()

    def check() -> None:
        newcomer: Any = importlib.import_module("newcomer")
        before = _private_kb()
        state.adopt_imported(["newcomer"])
        small = _private_kb()
        looking_at_all.adopt()
        large = _private_kb()
        assert 4 * (small - before) < large - small, (before, small, large)

        original, newcomer.function = newcomer.function, _fake
        state.restore()
        assert newcomer.function is original

    in_fork(check)
