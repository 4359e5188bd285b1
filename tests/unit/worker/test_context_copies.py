"""A copy of a context shares nothing with it that a task may change for good."""

from __future__ import annotations

import datetime
import enum
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import Any

import pytest
from flytekit.configuration import DataConfig
from flytekit.core.context_manager import FlyteContext
from flytekit.interfaces.stats.taggable import TaggableStats
from fsspec import AbstractFileSystem

from flytewarm_api.v1 import settings_pb2
from flytewarm_worker.configuration import ConfigurationCache
from flytewarm_worker.context import execution_context
from flytewarm_worker.context_copies import Copies, NotCopiedError
from flytewarm_worker.sandbox import Sandbox, Sandboxes

InFork = Callable[[Callable[[], None]], None]
# Nobody can change the first ones; the others are put back or made anew by who keeps them.
_SHARED = (
    str,
    int,
    type(None),
    PurePath,
    datetime.datetime,
    enum.Enum,
    DataConfig,
    logging.Logger,
    TaggableStats,
    AbstractFileSystem,
)


def _context(directory: Path) -> tuple[FlyteContext, Sandbox]:
    (directory / "worker").mkdir()
    settings = settings_pb2.ExecutionSettings(output_prefix="/prefix")
    settings.execution.name = "n"
    settings.serialization.project = "p"
    settings.serialization.env["A"] = "a"
    settings.serialization.image_config.default_image.name = "default"
    settings.serialization.image_config.images.add(name="other", fqn="f", tag="t")
    settings.serialization.fast_serialization.enabled = True
    settings.serialization.fast_serialization.distribution_location = "s3://code"
    sandbox = Sandboxes(directory / "worker", os.getcwd()).enter({"FLYTE_INTERNAL_EXECUTION_PROJECT": "p"})
    context = execution_context(settings, sandbox, ConfigurationCache().current())
    context.user_space_params.decks.append("first")
    context.output_metadata_tracker.output_metadata[1] = "metadata"
    return context, sandbox


def _reached(value: Any, seen: set[int]) -> Iterator[Any]:
    if id(value) in seen or isinstance(value, _SHARED):
        return
    seen.add(id(value))
    yield value
    if isinstance(value, dict):
        parts = list(value.values())
    else:
        parts = list(value) if isinstance(value, (list, tuple)) else list(vars(value).values())
    for part in parts:
        yield from _reached(part, seen)


def _flat(value: Any) -> Any:
    """Its parts, by type and name, down to what is shared."""
    if isinstance(value, _SHARED):
        return value
    if isinstance(value, (list, tuple)):
        return [_flat(one) for one in value]
    parts = value if isinstance(value, dict) else vars(value)
    return type(value), {name: _flat(part) for name, part in parts.items()}


def test_a_copy_is_equal_and_has_all_that_can_change_for_itself(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        context, sandbox = _context(tmp_path)
        made = Copies(context).make(sandbox)
        assert _flat(made) == _flat(context)
        ours, theirs = ({id(one): one for one in _reached(root, set())} for root in (context, made))
        assert [type(ours[one]).__qualname__ for one in ours.keys() & theirs.keys()] == []
        assert len(ours) == len(theirs) > 15
        paths = [one.execution_state.working_dir for one in (context, made)]
        assert paths[0] == paths[1]
        assert paths[0] is not paths[1]

    in_fork(check)


def test_a_copy_is_for_another_sandbox(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        context, sandbox = _context(tmp_path)
        other = Sandbox("/other", "/other/user")
        told, expected = repr(_flat(Copies(context).make(other))), repr(_flat(context))
        assert sandbox.root not in told
        assert told == expected.replace(sandbox.user, other.user).replace(sandbox.root, other.root)

    in_fork(check)


def test_copies_have_nothing_in_common_with_each_other_nor_with_what_comes_later(
    in_fork: InFork, tmp_path: Path
) -> None:
    def check() -> None:
        context, sandbox = _context(tmp_path)
        copies = Copies(context)
        expected = _flat(context)
        first = copies.make(sandbox)
        for one in (context, first):
            one.user_space_params.decks.append("later")
            one.output_metadata_tracker.output_metadata[2] = "later"
            one.serialization_settings.env["B"] = "later"
            one.file_access.later = "later"
        second = copies.make(sandbox)
        assert _flat(second) == expected
        ours, theirs = ({id(one): one for one in _reached(root, set())} for root in (first, second))
        assert [type(ours[one]).__qualname__ for one in ours.keys() & theirs.keys()] == []
        assert list(vars(second)) == list(vars(context))

    in_fork(check)


def test_what_is_not_known_cannot_be_copied(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        context, sandbox = _context(tmp_path)
        context.user_space_params._attrs["SESSION"] = object()
        with pytest.raises(NotCopiedError, match="object"):
            Copies(context).make(sandbox)

    in_fork(check)
