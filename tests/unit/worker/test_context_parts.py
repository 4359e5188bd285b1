"""Parts of contexts that are made without flytekit's constructors are what these make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
from flytekit.configuration import DataConfig, GenericPersistenceConfig
from flytekit.core import context_manager, data_persistence
from flytekit.core.context_manager import ExecutionParameters, ExecutionState, FlyteContextManager
from flytekit.core.data_persistence import FileAccessProvider
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flytewarm_worker import context_parts, flytekit_private
from flytewarm_worker.context_parts import FileAccess, execution_state
from flytewarm_worker.file_systems import FileSystems

InFork = Callable[[Callable[[], None]], None]
DATA = DataConfig()
_WITHOUT = DataConfig(generic=GenericPersistenceConfig(attach_execution_metadata=False))
METADATA = {"flyte-execution-name": "n"}
_METADATA = st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2)
_PARTS = st.sampled_from(["/", "a", " ", "..", ":", "::", "://", "file", "memory"])
_PREFIXES = st.builds(str.__add__, st.sampled_from(["/", ""]), st.lists(_PARTS, max_size=4).map("".join))
_LOCAL_PREFIXES = st.text(st.characters(exclude_characters=":"), max_size=9).map(lambda text: f"/{text}")


class _Unequal:
    """Refuses to be compared, as arrays do."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("neither")

    __hash__ = None  # type: ignore[assignment]


def _root(parent: Path, name: str) -> str:
    (parent / name / "local_flytekit").mkdir(parents=True)
    return str(parent / name)


@pytest.mark.parametrize("prefix", ["/raw", "/raw/", "/a b/ü", "/", "file:///raw", "memory://raw"])
@pytest.mark.parametrize(
    "data",
    [DATA, _WITHOUT],
    ids=["with", "without"],
)
def test_providers_are_what_flytekit_makes(in_fork: InFork, tmp_path: Path, prefix: str, data: DataConfig) -> None:
    def check() -> None:
        files = FileAccess()
        for name, metadata in (("first", METADATA), ("second", {}), ("third", METADATA)):
            root = _root(tmp_path, name)
            made = files.provider(root, prefix, data, metadata)
            assert vars(made) == vars(FileAccessProvider(root, prefix, data, metadata))
            assert type(made) is FileAccessProvider
            assert made.local_sandbox_dir == Path(root, "local_flytekit")

    in_fork(check)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(_PREFIXES, st.sampled_from([DATA, _WITHOUT]), _METADATA), min_size=1, max_size=4))
def test_providers_of_any_prefix_and_configuration_are_what_flytekit_makes(
    tmp_path_factory: pytest.TempPathFactory, given: list[tuple[str, DataConfig, dict[str, str]]]
) -> None:
    files = FileAccess()
    files.provider(_root(tmp_path_factory.mktemp("roots"), "first"), "/raw", DATA, METADATA)
    for prefix, data, metadata in given:
        root = _root(tmp_path_factory.mktemp("roots"), "root")
        ours, theirs = (_tried(make, root, prefix, data, metadata) for make in (files.provider, FileAccessProvider))
        assert ours == theirs


def _tried(make: Callable[..., FileAccessProvider], *given: Any) -> Any:
    """What a provider consists of, or why there is none."""
    try:
        made = make(*given)
    except Exception as error:  # noqa: BLE001  # whatever it is, it has to be the same
        return type(error), str(error)
    return _parts(made)


def _parts(made: FileAccessProvider) -> Any:
    return type(made), list(vars(made).items())


@given(_LOCAL_PREFIXES, st.sampled_from([DATA, _WITHOUT]), _METADATA)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_local_ones_are_made_without_flytekits_constructor(
    tmp_path_factory: pytest.TempPathFactory, prefix: str, data: DataConfig, metadata: dict[str, str]
) -> None:
    files, root = FileAccess(), _root(tmp_path_factory.mktemp("roots"), "root")
    files.provider(root, "/raw", data, metadata)
    with pytest.MonkeyPatch.context() as patch:
        calls = _count_constructions(patch)
        made = files.provider(root, prefix, data, metadata)
        assert calls == []
    assert _parts(made) == _parts(FileAccessProvider(root, prefix, data, metadata))


def test_only_the_first_one_of_a_configuration_takes_flytekits_way(
    in_fork: InFork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = _count_constructions(monkeypatch)

    def check() -> None:
        files, state = FileAccess(), FileSystems(flytekit_private.inline_loop())
        for data, expected in ((DATA, 1), (DATA, 1), (DataConfig(), 2), (DataConfig(), 3)):
            files.provider(_root(tmp_path, str(len(list(tmp_path.iterdir())))), "/raw", data, METADATA)
            state.restore()
            assert len(calls) == expected

    in_fork(check)


@pytest.mark.parametrize(
    "change",
    [
        lambda fs: setattr(fs, "auto_mkdir", not fs.auto_mkdir),
        lambda fs: setattr(fs, "own", 1),
        lambda fs: fs.start_transaction(),
        lambda fs: fs.storage_options.update(own=1),
        lambda fs: fs.dircache._cache.update(own=[]),
        lambda fs: fs.clear_instance_cache(),
        lambda fs: setattr(fs, "dircache", 5),
        lambda fs: vars(fs).pop("dircache"),
        lambda fs: setattr(fs, "auto_mkdir", _Unequal()),
        lambda fs: fs.storage_options.update(auto_mkdir=_Unequal()),
    ],
)
@pytest.mark.parametrize("which", ["_local", "_default_remote"])
def test_a_file_system_that_a_task_changed_is_not_used_again(
    in_fork: InFork, tmp_path: Path, which: str, change: Any
) -> None:
    def check() -> None:
        files, state = FileAccess(), FileSystems(flytekit_private.inline_loop())
        before = files.provider(_root(tmp_path, "first"), "/raw", DATA, METADATA)
        change(vars(before)[which])
        state.restore()
        after = files.provider(_root(tmp_path, "second"), "/raw", DATA, METADATA)
        assert vars(after)[which] is not vars(before)[which]
        assert (after._local.auto_mkdir, after._default_remote.auto_mkdir) == (False, True)
        assert after._local is fsspec.filesystem("file")

    in_fork(check)


def test_a_provider_of_another_shape_is_left_to_flytekit(
    in_fork: InFork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_with_more(provider: Any, *arguments: Any) -> None:
        made_by_flytekit(provider, *arguments)
        provider.more = 1

    made_by_flytekit = FileAccessProvider.__init__
    for place in ((data_persistence.FileAccessProvider, "__init__"), (context_parts, "_FILE_ACCESS_INIT")):
        monkeypatch.setattr(*place, make_with_more)

    def check() -> None:
        files = FileAccess()
        for name in ("first", "second"):
            assert vars(files.provider(_root(tmp_path, name), "/raw", DATA, METADATA))["more"] == 1

    in_fork(check)


def test_states_are_what_flytekit_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outer = FlyteContextManager.current_context()
    assert outer.execution_state is not None
    parameters: Any = outer.user_space_params
    assert isinstance(parameters, ExecutionParameters)
    made = execution_state(tmp_path, parameters, outer.execution_state)
    expected = ExecutionState(tmp_path, ExecutionState.Mode.TASK_EXECUTION, user_space_params=parameters)
    assert vars(made) == vars(expected)
    assert type(made) is ExecutionState
    monkeypatch.setattr(context_manager.ExecutionState, "__init__", _fail)
    with pytest.raises(LookupError):
        execution_state(tmp_path, parameters, outer.execution_state)


def _fail(*_: Any, **__: Any) -> None:
    raise LookupError


def _count_constructions(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    calls: list[None] = []
    made_by_flytekit = FileAccessProvider.__init__

    def make(*arguments: Any) -> None:
        calls.append(None)
        made_by_flytekit(*arguments)

    for place in ((data_persistence.FileAccessProvider, "__init__"), (context_parts, "_FILE_ACCESS_INIT")):
        monkeypatch.setattr(*place, make)
    return calls
