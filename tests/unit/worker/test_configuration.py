"""flytekit's configuration is read again when what it is read from changes, and only then."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flytewarm_worker.configuration import EXECUTION_VARIABLES, Configuration, ConfigurationCache

InFork = Callable[[Callable[[], None]], None]


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_it_says_what_flytekit_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_AWS_ENDPOINT", "http://here:1")
    cached = ConfigurationCache().current()
    assert cached == Configuration.read()
    assert cached.data.s3.endpoint == "http://here:1"


def test_nothing_changed_nothing_read() -> None:
    cache = ConfigurationCache()
    assert cache.current() is cache.current()


@pytest.mark.parametrize("name", sorted(EXECUTION_VARIABLES))
def test_variables_that_name_an_execution_do_not_matter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ConfigurationCache()
    before = cache.current()
    monkeypatch.setenv(name, "another one")
    assert cache.current() is before
    fresh = Configuration.read()
    assert dataclasses.astuple(fresh) == dataclasses.astuple(before)


def test_a_variable_that_comes_changes_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ConfigurationCache()
    before = cache.current()
    for endpoint in ("http://first:1", "http://second:2"):
        monkeypatch.setenv("FLYTE_AWS_ENDPOINT", endpoint)
        assert cache.current().data.s3.endpoint == endpoint
        assert cache.current() is cache.current()
    monkeypatch.delenv("FLYTE_AWS_ENDPOINT")
    assert cache.current() == before


def test_the_file_of_another_working_directory(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        os.environ.pop("FLYTECTL_CONFIG", None)
        cache = ConfigurationCache()
        before = cache.current()
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "flytekit.config").write_text("[aws]\nendpoint=http://file:1\n")
        os.chdir(elsewhere)
        assert cache.current().data.s3.endpoint == "http://file:1"
        os.chdir(tmp_path)
        assert cache.current() == before

    in_fork(check)


def test_the_file_that_a_variable_names(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        cache = ConfigurationCache()
        before = cache.current()
        for name in ("first", "second"):
            file = tmp_path / f"{name}.yaml"
            file.write_text(f"storage:\n  connection:\n    endpoint: http://{name}:1\n")
            os.environ["FLYTECTL_CONFIG"] = str(file)
            assert cache.current().data.s3.endpoint == f"http://{name}:1"
        del os.environ["FLYTECTL_CONFIG"]
        assert cache.current() == before

    in_fork(check)
