"""An execution finds the context that flytekit's entrypoint sets up for it, whether it was made or is a copy."""

from __future__ import annotations

import contextlib
import datetime
import enum
import functools
import logging
import os
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import pytest
from flytekit.bin import entrypoint
from flytekit.configuration import FastSerializationSettings, ImageConfig, SerializationSettings
from flytekit.core.context_manager import FlyteContext, FlyteContextManager
from flytekit.interfaces.stats import client as stats_client
from flytekit.interfaces.stats.taggable import TaggableStats
from fsspec import AbstractFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from flytewarm_api.v1 import settings_pb2
from flytewarm_worker import preparation
from flytewarm_worker.configuration import ConfigurationCache
from flytewarm_worker.context import ORIGIN, execution_context
from flytewarm_worker.contexts import entered
from flytewarm_worker.preparation import Stages
from flytewarm_worker.process_state import ProcessState
from flytewarm_worker.sandbox import Sandbox, Sandboxes
from flytewarm_worker.stats import stats_config

InFork = Callable[[Callable[[], None]], None]
_Settings: TypeAlias = settings_pb2.ExecutionSettings

# Without a database: the working directory, in which hypothesis would keep it, is an execution's.
_EXAMPLES = settings(deadline=None, database=None, max_examples=40)
_NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
_PREFIXES = st.sampled_from(["", "/raw", "/raw/", "/a b/ü", "/", "file:///raw", "memory://raw", "memory://raw/x/"])
_VARIABLES: dict[str, st.SearchStrategy[str]] = {
    "OWN": _NAMES,
    "_F_PRJ": _NAMES,
    "_F_NM": _NAMES,
    "_F_TK_V": _NAMES,
    "FLYTE_AWS_ENDPOINT": st.sampled_from(["http://here:1", ""]),
    "FLYTE_AWS_RETRIES": st.sampled_from(["7", "0"]),
    "FLYTE_PERSISTENCE_ATTACH_EXECUTION_METADATA": st.sampled_from(["false", "true"]),
    "FLYTE_SECRETS_ENV_PREFIX": _NAMES,
    "FLYTE_SECRETS_DEFAULT_DIR": _NAMES,
    # As flytekit names those of its statistics, too.
    "FLYTE_SECRETS_HOST": st.just("127.0.0.1"),
    "FLYTE_SECRETS_DISABLED": st.sampled_from(["true", "no"]),
    "FLYTE_SECRETS_DISABLE_TAGS": st.sampled_from(["1", "0"]),
}
_COMPRESSED = st.sampled_from(
    [
        "",
        SerializationSettings(ImageConfig.from_images("default:image", {"other": "other:image"})).serialized_context,
        SerializationSettings(
            ImageConfig(),
            project="p",
            domain="d",
            env={"A": "a"},
            git_repo="g",
            source_root="/src",
            fast_serialization_settings=FastSerializationSettings(enabled=True, distribution_location="s3://code"),
        ).serialized_context,
    ]
)


@st.composite
def _plain(draw: st.DrawFn) -> _Settings:
    """Names, and what is used only when the execution has begun."""
    made = _Settings(workflow=draw(_NAMES), launch_plan=draw(_NAMES), output_prefix=draw(_PREFIXES))
    for identifier in (made.execution, made.task):
        identifier.project, identifier.domain, identifier.name = draw(_NAMES), draw(_NAMES), draw(_NAMES)
    made.task.version = draw(_NAMES)
    enabled = draw(st.none() | st.booleans())
    if enabled is not None:
        made.deck.enabled = enabled
    return made


@st.composite
def _any_settings(draw: st.DrawFn) -> _Settings:
    """All that the entrypoint has a flag or variable for, too."""
    made = draw(_plain())
    made.raw_output_prefix = draw(_PREFIXES)
    made.env.update(draw(st.fixed_dictionaries({}, optional=_VARIABLES)))
    made.serialization.compressed = draw(_COMPRESSED)
    if draw(st.booleans()):
        made.checkpoint.destination = draw(st.sampled_from(["/to", "memory://to"]))
        made.checkpoint.source = draw(st.sampled_from(["", "/from"]))
    if draw(st.booleans()):
        fast = made.serialization.fast_serialization
        fast.enabled, fast.distribution_location = True, "s3://code/of.tar.gz"
        fast.destination_dir = draw(st.sampled_from(["", "/code"]))
    if draw(st.booleans()):
        made.stats.host, made.stats.port = "127.0.0.1", draw(st.integers(1, 65535))
        made.stats.disabled, made.stats.disabled_tags = draw(st.booleans()), draw(st.booleans())
    if draw(st.booleans()):
        date = draw(st.datetimes(datetime.datetime(1, 1, 2), datetime.datetime(9999, 12, 30)))
        made.execution_date.FromDatetime(date.replace(tzinfo=datetime.timezone.utc))
    return made


class _Worker:
    """As much of a worker as the context of an execution needs."""

    def __init__(self, directory: Path) -> None:
        for name in ("worker", "app"):
            (directory / name).mkdir()
        os.chdir(directory / "app")
        # One that other tests have left in this process has a socket, which would close in the first execution.
        stats_client._stats_client = None
        self._sandboxes = Sandboxes(directory / "worker", os.getcwd())
        self._state = ProcessState(str(directory / "worker"))
        self._stages = Stages(self._sandboxes, ConfigurationCache(), self._state)

    def execute(self, given: _Settings, task: Callable[[FlyteContext, Sandbox, datetime.datetime], None]) -> None:
        """Calls `task` with the entered context, its sandbox and when it began; the process is put back, and the next
        execution prepared for."""
        began = datetime.datetime.now(datetime.timezone.utc)
        stage = self._stages.enter(given)
        try:
            with entered(self._stages.context(stage, given), ORIGIN) as context:
                task(context, stage.sandbox, began)
        finally:
            left = self._state.restore() or self._sandboxes.replace()
        assert left == ""
        self._stages.prepare()


@contextlib.contextmanager
def _of_the_entrypoint(given: _Settings, sandbox: Sandbox) -> Iterator[FlyteContext]:
    """The context that the entrypoint enters for a command with these settings, in a process with their variables."""
    if given.HasField("stats"):
        for name, value in vars(stats_config(given.stats)).items():
            os.environ[f"FLYTE_SECRETS_{name.upper().replace('DISABLED_', 'DISABLE_')}"] = str(value)
    # flytekit has one for the life of a process.
    stats_client._stats_client = None
    fast = given.serialization.fast_serialization
    with entrypoint.setup_execution(
        given.raw_output_prefix or f"{sandbox.root}/raw",
        given.output_prefix or None,
        given.checkpoint.destination or None,
        given.checkpoint.source or None,
        fast.distribution_location or None,
        fast.destination_dir or None,
    ) as context:
        yield context
    stats_client._stats_client.close()


def _assert_as_the_entrypoints(
    given: _Settings, ours: FlyteContext, sandbox: Sandbox, began: datetime.datetime
) -> None:
    """Called in our context. The entrypoint makes its own beside it, as in a process of its own."""
    assert FlyteContextManager.pop_context() is ours
    with _of_the_entrypoint(given, sandbox) as theirs:
        assert _seen(ours, ours) == _seen(theirs, theirs)
        assert _asked(ours) == _asked(theirs)
        assert (_user(ours).parent, len(_user(ours).name)) == (_user(theirs).parent, len(_user(theirs).name))
        for path in ("{files}", "{files}/engine_dir", "{user}"):
            assert Path(path.format_map(_places(ours))).is_dir() == Path(path.format_map(_places(theirs))).is_dir()
        dates = [one.user_space_params.execution_date for one in (ours, theirs)]
        if given.HasField("execution_date"):
            assert dates[0] == given.execution_date.ToDatetime(tzinfo=datetime.timezone.utc)
        else:
            # It began a moment ago, and the entrypoint's just now.
            assert began <= dates[0] <= dates[1]


def _user(context: FlyteContext) -> Path:
    return Path(context.user_space_params.working_directory)


def _places(context: FlyteContext) -> dict[str, str]:
    """Directories that have another name each time."""
    return {"files": str(context.file_access.local_sandbox_dir), "user": str(_user(context))}


def _seen(value: Any, of: FlyteContext) -> Any:
    """All that it consists of, by type and name and in its order, with the same names for directories."""
    kind = type(value)
    if isinstance(value, (str, PurePath)):
        text = str(value)
        for name, path in _places(of).items():
            text = text.replace(path, f"{{{name}}}")
        return kind, text
    if isinstance(value, datetime.datetime):
        return kind, value.tzinfo
    if value is None or isinstance(value, (bool, int, float, datetime.timedelta, enum.Enum)):
        return kind, value
    if isinstance(value, (logging.Logger, AbstractFileSystem)):
        return kind, id(value)
    if isinstance(value, traceback.FrameSummary):
        return value.name, value.filename
    if isinstance(value, TemporaryDirectory):
        return kind, os.path.dirname(value.name)
    if isinstance(value, (list, tuple)):
        return kind, [_seen(one, of) for one in value]
    if isinstance(value, TaggableStats):
        # What they send is compared with their own tests: their client is one of ours.
        own = {
            name: one for name, one in vars(value).items() if name not in {"_client", *TaggableStats.EXTENDABLE_FUNC}
        }
        return kind, list(vars(value)), type(value._client), value._client._scope_prefix, _seen(own, of)
    return kind, [(name, _seen(one, of)) for name, one in (value if kind is dict else vars(value)).items()]


def _asked(context: FlyteContext) -> dict[str, Any]:
    """What its properties and those of its parts answer, but those that make a deck."""
    told = {}
    for part in (context, context.file_access, context.execution_state, context.user_space_params):
        names = {name for name in dir(type(part)) if isinstance(getattr(type(part), name), property)}
        for name in sorted(names - {"default_deck", "timeline_deck"}):
            try:
                told[f"{type(part).__name__}.{name}"] = _seen(getattr(part, name), context)
            except NotImplementedError as error:
                told[f"{type(part).__name__}.{name}"] = str(error)
    return told


def test_the_context_of_any_execution_is_the_entrypoints(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        worker = _Worker(tmp_path)

        @_EXAMPLES
        @given(st.lists(st.tuples(_any_settings() | _plain(), st.integers(1, 3)), min_size=1, max_size=3))
        def compare(executions: list[tuple[_Settings, int]]) -> None:
            for one, times in executions:
                for _ in range(times):
                    worker.execute(one, functools.partial(_assert_as_the_entrypoints, one))

        compare()

    in_fork(check)


def test_a_copy_is_the_entrypoints(in_fork: InFork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for again and again has a copy: the third time, and from then on."""
    made: list[_Settings] = []

    def making(settings: _Settings, *others: Any) -> FlyteContext:
        made.append(settings)
        return execution_context(settings, *others)

    monkeypatch.setattr(preparation, "execution_context", making)

    def check() -> None:
        worker = _Worker(tmp_path)

        @_EXAMPLES
        @given(_plain())
        def compare(one: _Settings) -> None:
            for _ in range(3):
                worker.execute(one, functools.partial(_assert_as_the_entrypoints, one))
            made.clear()
            for _ in range(3):
                worker.execute(one, functools.partial(_assert_as_the_entrypoints, one))
            assert made == [], "the contexts were no copies"

        compare()

    in_fork(check)
