"""flytekit's configuration is read again when what it is read from changes, and only then."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flytekit.configuration
import fsspec.config
import pytest
from flytekit.configuration import DataConfig, ImageConfig, SecretsConfig, StatsConfig
from flytekit.configuration.file import get_config_file
from flytekit.core import data_persistence
from flytekit.loggers import logger
from hypothesis import given, settings
from hypothesis import strategies as st

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


# What is read from variables alone; and those that say where the file is, also by way of the working directory.
_VALUES: dict[str, list[str]] = {
    "FLYTE_AWS_ENDPOINT": ["http://variable:1", ""],
    "FLYTE_AWS_RETRIES": ["7", "0"],
    "FLYTE_SECRETS_ENV_PREFIX": ["_OWN_"],
    "FLYTE_SECRETS_DISABLED": ["true", "false"],
    "FSSPEC_FILE_AUTO_MKDIR": ["true"],
    "_F_P_WRITE_CHUNK_SIZE": ["1024"],
}
_WHERE = {
    "FLYTECTL_CONFIG": ["named.yaml", "../first/named.yaml", ""],
    "FSSPEC_CONFIG_DIR": ["../other_home", ""],
    "HOME": ["../home", "../other_home"],
}
_FILES = (
    "flytekit.config",
    "named.yaml",
    "../home/.flyte/config",
    "../home/.flyte/config.yaml",
    "../home/.config/fsspec/own.ini",
    "../other_home/own.ini",
)
_INI = "[aws]\nendpoint=http://file:{number}\n[secrets]\nenv_prefix=_{number}_\n[images]\nmine=image:{number}\n"
_YAML = "storage:\n  connection:\n    endpoint: http://file:{number}\n"


def _settings_of(values: dict[str, list[str]]) -> st.SearchStrategy[tuple[str, str]]:
    return st.sampled_from([(name, value) for name, own in values.items() for value in own])


_times = iter(range(1, 1 << 62))


def _set(variable: tuple[str, str]) -> None:
    os.environ.update([variable])


def _unset(name: str) -> None:
    os.environ.pop(name, None)


def _write(what: tuple[str, int]) -> None:
    """As editors do, so that it is in the directory's time, too. All are of the same length: by that alone one does not
    know them."""
    name, number = what
    Path("new").write_text((_YAML if name.endswith(".yaml") else _INI).format(number=number))
    os.replace("new", name)
    for path in (name, os.path.dirname(name) or "."):
        os.utime(path, ns=(time := next(_times) * 10**9, time))


def _remove(name: str) -> None:
    Path(name).unlink(missing_ok=True)
    os.utime(os.path.dirname(name) or ".", ns=(time := next(_times) * 10**9, time))


_STEPS = st.one_of(
    st.tuples(st.just(_set), _settings_of(_VALUES)),
    st.tuples(st.just(_set), _settings_of(_WHERE)),
    st.tuples(st.just(_unset), st.sampled_from([*_VALUES, "FLYTECTL_CONFIG", "FSSPEC_CONFIG_DIR"])),
    st.tuples(st.just(os.chdir), st.sampled_from(["../first", "../second"])),
    st.tuples(st.just(_remove), st.sampled_from(_FILES)),
    st.tuples(st.just(_write), st.tuples(st.sampled_from(_FILES), st.integers(1, 9))),
)


def _flytekits() -> list[Any]:
    """What flytekit reads, and fsspec, when they have just been imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flytekit.configuration, "get_config_file", get_config_file.__wrapped__)
        read = [one.auto() for one in (DataConfig, StatsConfig, ImageConfig, SecretsConfig)]
    of_fsspec: dict[str, Any] = {}
    home = Path.home() / ".config/fsspec"
    fsspec.config.set_conf_files(os.environ.get("FSSPEC_CONFIG_DIR", home), of_fsspec)
    fsspec.config.set_conf_env(of_fsspec)
    return [*read, of_fsspec, int(os.environ.get("_F_P_WRITE_CHUNK_SIZE", str(25 << 20)))]


def test_whatever_changes_it_says_what_flytekit_says(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        for name in ("first", "second", "home/.flyte", "home/.config/fsspec", "other_home"):
            (tmp_path / name).mkdir(parents=True)
        os.chdir(tmp_path / "first")
        # It warns of a file that is not there.
        logger.setLevel(logging.ERROR)
        cache = ConfigurationCache()

        @settings(deadline=None, database=None, max_examples=300)
        @given(st.lists(_STEPS, min_size=3, max_size=12))
        def compare(steps: list[tuple[Callable[[Any], object], Any]]) -> None:
            for directory, name in itertools.product(("../second", "../first"), _FILES):
                os.chdir(directory)
                _remove(name)
            for name in (*_VALUES, *_WHERE):
                os.environ.pop(name, None)
            os.environ["HOME"] = "../home"
            for act, on in steps:
                act(on)
                found = cache.current()
                told = [found.data, found.stats, found.images, SecretsConfig.auto(), fsspec.config.conf]
                assert [*told, data_persistence._WRITE_SIZE_CHUNK_BYTES] == _flytekits()
                os.environ["FLYTE_INTERNAL_EXECUTION_ID"] = f"{next(_times)}"
                assert cache.current() is found, "it was read again"

        compare()

    in_fork(check)
