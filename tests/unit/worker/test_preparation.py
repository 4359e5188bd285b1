"""What is made ahead is what the execution would make, and is given up when another one comes."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flytekit.core import context_manager
from flytekit.core.context_manager import FlyteContext, FlyteContextManager, OutputMetadataTracker

from flytewarm_api.v1 import settings_pb2
from flytewarm_worker import preparation
from flytewarm_worker import sandbox as sandbox_module
from flytewarm_worker.configuration import ConfigurationCache
from flytewarm_worker.context import execution_context
from flytewarm_worker.preparation import Stages
from flytewarm_worker.process_state import ProcessState
from flytewarm_worker.sandbox import Sandboxes

InFork = Callable[[Callable[[], None]], None]
_Settings = settings_pb2.ExecutionSettings


def _named(name: str) -> settings_pb2.ExecutionSettings:
    settings = _Settings(workflow="w", launch_plan="l", output_prefix="/prefix")
    settings.execution.project, settings.execution.domain, settings.execution.name = "p", "d", name
    settings.task.name, settings.task.version = "t", "v"
    return settings


class _Worker:
    """As much of a worker as a stage needs."""

    def __init__(self, directory: Path) -> None:
        for name in ("worker", "app"):
            (directory / name).mkdir()
        os.chdir(directory / "app")
        self.sandboxes = Sandboxes(directory / "worker", os.getcwd(), may_watch=True)
        self.state = ProcessState(str(directory / "worker"))
        self.stages = Stages(self.sandboxes, ConfigurationCache(), self.state)

    def execute(
        self, settings: settings_pb2.ExecutionSettings, task: Callable[[FlyteContext], object] = id
    ) -> tuple[FlyteContext, dict[str, str]]:
        """Its context and environment; the process is put back."""
        stage = self.stages.enter(settings)
        context = self.stages.context(stage, settings)
        root = os.path.dirname(os.environ["TMPDIR"])
        own = {name: path for name, path in _paths(context).items() if not settings.raw_output_prefix}
        assert all(str(path).startswith(f"{root}/") for path in own.values())
        assert os.getcwd() == sys.path[-1] == f"{root}/work"
        task(context)
        environment = dict(os.environ)
        assert self.state.restore() == ""
        assert self.sandboxes.replace() == ""
        return context, environment


def _process() -> list[Any]:
    return [dict(os.environ), os.getcwd(), list(sys.path), tempfile.tempdir, FlyteContextManager.current_context()]


def _parts(context: FlyteContext) -> dict[str, Any]:
    """What can be compared, without the numbers of sandboxes and the time."""
    parameters = context.user_space_params
    assert parameters is not None
    told = {
        "level": context.level,
        "mode": context.execution_state.mode,
        "settings": context.serialization_settings,
        "prefix": parameters.output_metadata_prefix,
        "id": parameters.execution_id.to_flyte_idl(),
        "task": parameters.task_id.to_flyte_idl(),
        "stats": dict(parameters.stats._tags),
        "decks": parameters.decks,
        "timeline": parameters.timeline_deck.time_info,
        "secrets": vars(parameters.secrets),
        "attributes": parameters._attrs,
        "outputs": context.output_metadata_tracker.output_metadata,
    }
    return told | {name: _unnumbered(str(path)) for name, path in _paths(context).items()}


def _paths(context: FlyteContext) -> dict[str, Any]:
    parameters = context.user_space_params
    return {
        "working directory": context.execution_state.working_dir,
        "engine": context.execution_state.engine_dir,
        "files": context.file_access.local_sandbox_dir,
        "raw of files": context.file_access.raw_output_prefix,
        "raw": f"{parameters.raw_output_prefix}/",
        "user": parameters.working_directory,
    }


def _unnumbered(text: str) -> str:
    return "".join(one for one in text if not one.isdigit())


@pytest.mark.parametrize("settings", [_Settings(), _named("n")], ids=["none", "names"])
def test_a_stage_made_ahead_is_what_the_execution_would_make(
    in_fork: InFork, tmp_path: Path, settings: settings_pb2.ExecutionSettings
) -> None:
    def check() -> None:
        worker = _Worker(tmp_path)
        worker.execute(settings)
        context, environment = worker.execute(settings)
        worker.stages.prepare()
        began = time.time()
        ahead, environment_ahead = worker.execute(settings)
        assert ahead is not context
        assert _parts(ahead) == _parts(context)
        assert ahead.user_space_params.execution_date.timestamp() >= began
        assert environment_ahead.pop("TMPDIR") != environment.pop("TMPDIR")
        assert environment_ahead == environment

    in_fork(check)


def test_each_execution_has_a_context_of_its_own(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        worker, found = _Worker(tmp_path), []
        for _ in range(3):
            worker.stages.prepare()
            context, _ = worker.execute(_Settings())
            context.user_space_params.decks.append("left")
            found.append(context)
        assert [len(context.user_space_params.decks) for context in found] == [1, 1, 1]
        assert len({context.execution_state.engine_dir for context in found}) == 3

    in_fork(check)


_CHANGES: dict[str, Callable[[FlyteContext], object]] = {
    "decks": lambda context: context.user_space_params.decks.append("left"),
    "attributes": lambda context: context.user_space_params._attrs.update(LEFT="left"),
    "timeline": lambda context: context.user_space_params.timeline_deck.append_time_info({"Name": "left"}),
    "id": lambda context: setattr(context.user_space_params.execution_id, "_name", "left"),
    "task": lambda context: setattr(context.user_space_params.task_id, "_name", "left"),
    "statistics": lambda context: context.user_space_params.stats.extend_tags({"left": "left"}),
    "secrets": lambda context: setattr(context.user_space_params.secrets, "_env_prefix", "LEFT"),
    "prefix": lambda context: setattr(context.file_access, "_raw_output_prefix", "/left"),
    "file system": lambda context: setattr(context.file_access._default_remote, "left", "left"),
    "metadata": lambda context: context.output_metadata_tracker.output_metadata.update({1: "left"}),
    "settings": lambda context: setattr(context.serialization_settings, "project", "left"),
    "images": lambda context: context.serialization_settings.image_config.images.append("left"),
    "state": lambda context: setattr(context.execution_state, "engine_dir", "/left"),
    "outside": lambda _: setattr(context_manager.default_local_file_access_provider, "_raw_output_prefix", "/left"),
}


@pytest.mark.parametrize("name", _CHANGES)
def test_what_a_task_changes_is_not_in_the_next_context(
    in_fork: InFork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    made: list[object] = []

    def making(*given: Any) -> FlyteContext:
        made.append(given)
        return execution_context(*given)

    monkeypatch.setattr(preparation, "execution_context", making)

    def check() -> None:
        worker = _Worker(tmp_path)
        worker.execute(_named("n"))
        worker.execute(_named("n"))
        for _ in range(3):
            worker.stages.prepare()
            first, _ = worker.execute(_named("n"))
        expected, outside = _parts(first), _outside()
        before = len(made)
        worker.stages.prepare()
        worker.execute(_named("n"), _CHANGES[name])
        assert len(made) == before, "the context was not a copy"
        worker.stages.prepare()
        following, _ = worker.execute(_named("n"))
        assert _parts(following) == expected
        assert _outside() == outside
        assert vars(following.file_access._default_remote).get("left") is None

    in_fork(check)


def _outside() -> dict[str, Any]:
    found = vars(context_manager.default_local_file_access_provider)
    return {name: _unnumbered(str(value)) for name, value in found.items()}


def test_a_context_is_made_anew_once_modules_were_imported(
    in_fork: InFork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may have replaced what it is made with."""

    def check() -> None:
        worker = _Worker(tmp_path)
        for _ in range(3):
            worker.stages.prepare()
            worker.execute(_Settings())
        with worker.state.importing():
            sys.modules["imported_of_tests"] = types.ModuleType("imported_of_tests")
        before = OutputMetadataTracker.__init__

        def noted(tracker: Any, *given: Any, **named: Any) -> None:
            before(tracker, *given, **named)
            tracker.noted = True

        monkeypatch.setattr(OutputMetadataTracker, "__init__", noted)
        worker.stages.prepare()
        context, _ = worker.execute(_Settings())
        assert context.output_metadata_tracker.noted

    in_fork(check)


def test_nothing_is_left_of_what_another_request_gives_up(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        worker = _Worker(tmp_path)
        worker.execute(_named("first"))
        worker.execute(_named("first"))
        worker.stages.prepare()
        assert os.environ["FLYTE_INTERNAL_EXECUTION_ID"] == "first"
        other = _Settings()
        other.execution.name = "second"
        context, environment = worker.execute(other)
        assert environment["FLYTE_INTERNAL_EXECUTION_ID"] == "second"
        assert "FLYTE_INTERNAL_TASK_NAME" not in environment
        assert context.user_space_params.execution_id.name == "second"

    in_fork(check)


def test_leaving_puts_the_process_back(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        worker = _Worker(tmp_path)
        worker.execute(_Settings())
        before = _process()
        worker.stages.prepare()
        assert _process() != before
        worker.stages.leave()
        assert _process() == before
        worker.stages.leave()
        assert _process() == before

    in_fork(check)


@pytest.mark.parametrize(
    "change",
    [
        lambda settings: settings.env.update({"SECRET": "s"}),
        lambda settings: settings.checkpoint.MergeFrom(settings_pb2.CheckpointSettings(destination="memory://c")),
        lambda settings: settings.execution_date.GetCurrentTime(),
        lambda settings: settings.stats.MergeFrom(settings_pb2.StatsSettings(host="127.0.0.1", port=1)),
        lambda settings: setattr(settings, "raw_output_prefix", "memory://raw"),
    ],
    ids=["variables", "checkpoint", "date", "statistics", "prefix"],
)
def test_what_is_not_plain_is_not_made_ahead(
    in_fork: InFork, tmp_path: Path, change: Callable[[settings_pb2.ExecutionSettings], object]
) -> None:
    def check() -> None:
        worker, settings = _Worker(tmp_path), _Settings()
        change(settings)
        worker.execute(settings)
        worker.execute(settings)
        before = _process()
        worker.stages.prepare()
        assert _process() == before

    in_fork(check)


@pytest.mark.parametrize(
    "change",
    [
        lambda: os.chdir("/"),
        lambda: setattr(tempfile, "tempdir", "/"),
        lambda: os.environ.update(FLYTE_INTERNAL_EXECUTION_ID="other"),
        lambda: os.environ.update(TMPDIR="/"),
        sys.path.pop,
    ],
    ids=["directory", "tempdir", "identity", "TMPDIR", "path"],
)
def test_what_changes_meanwhile_is_not_the_executions(
    in_fork: InFork, tmp_path: Path, change: Callable[[], object]
) -> None:
    """By a thread of a module, or a finalizer."""

    def check() -> None:
        worker = _Worker(tmp_path)
        for _ in range(2):
            worker.stages.prepare()
            _, expected = worker.execute(_named("n"))
        worker.stages.prepare()
        change()
        stage = worker.stages.enter(_named("n"))
        assert tempfile.gettempdir() == os.environ["TMPDIR"] == stage.sandbox.tmp
        assert sys.path[-1] == os.getcwd() == stage.sandbox.work
        assert {**os.environ, "TMPDIR": ""} == {**expected, "TMPDIR": ""}

    in_fork(check)


def test_settings_that_differ_each_time_are_not_guessed(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        worker = _Worker(tmp_path)
        worker.execute(_named("first"))
        worker.execute(_named("second"))
        before = _process()
        worker.stages.prepare()
        assert _process() == before

    in_fork(check)


def test_what_cannot_be_made_is_left_to_the_execution(
    in_fork: InFork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check() -> None:
        worker = _Worker(tmp_path)
        worker.execute(_Settings())
        before = _process()

        def refused(_variables: object) -> None:
            raise ValueError("refused")

        with monkeypatch.context() as patch:
            patch.setattr(sandbox_module, "set_variables", refused)
            worker.stages.prepare()
        assert _process() == before
        worker.execute(_Settings())

    in_fork(check)
