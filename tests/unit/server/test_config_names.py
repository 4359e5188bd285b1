"""Names that belong to no option: what was meant, or where options are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flytewarm_server.config import ConfigError, load_config


@pytest.fixture
def write_file(tmp_path: Path) -> Any:
    """Writes a configuration file and returns its path."""

    def write(text: str) -> str:
        path = tmp_path / "flytewarm.toml"
        path.write_text(text)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("key", "meant"),
    [("max-queue", "max_queue"), ("worker", "workers"), ("Workers", "workers"), ("lsiten", "listen")],
)
def test_a_key_that_comes_close_to_an_option(key: str, meant: str, write_file: Any) -> None:
    file = write_file(f"{key} = 3")
    with pytest.raises(ConfigError) as caught:
        load_config(["--config", file], {})
    assert str(caught.value) == f"{file}: {key}: 3 belongs to no option, expected {meant}, perhaps"


@pytest.mark.parametrize(
    ("variable", "meant"),
    [("FLYTEWARM_WORKER", "FLYTEWARM_WORKERS"), ("FLYTEWARM_MAX-QUEUE", "FLYTEWARM_MAX_QUEUE")],
)
def test_a_variable_that_comes_close_to_an_option(variable: str, meant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config([], {variable: "3"})
    assert str(caught.value) == f"{variable}: '3' belongs to no option, expected {meant}, perhaps"


@pytest.mark.parametrize(
    ("argument", "meant"),
    [("--max_queue", "--max-queue"), ("--max_queue=3", "--max-queue"), ("--worker", "--workers")],
)
def test_a_flag_that_comes_close_to_an_option(argument: str, meant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(["--insecure", argument, "3"], {})
    assert str(caught.value) == f"unrecognized arguments: {argument} 3; did you mean {meant}?"


def test_options_are_at_the_top_level(write_file: Any) -> None:
    file = write_file("[server]\nworkers = 3\n")
    with pytest.raises(ConfigError) as caught:
        load_config(["--config", file], {})
    expected = "expected options at the top level of the file"
    assert str(caught.value) == f"{file}: server: {{'workers': 3}} is a table, {expected}"


def test_names_that_come_close_to_nothing(write_file: Any) -> None:
    with pytest.raises(ConfigError, match=r"expected one of the keys .*workers"):
        load_config(["--config", write_file("nonsense = 3")], {})
    with pytest.raises(ConfigError, match=r"expected one of the variables .*FLYTEWARM_WORKERS"):
        load_config([], {"FLYTEWARM_SERVICE_PORT_GRPC": "8700"})
    with pytest.raises(ConfigError, match="--workers"):
        load_config(["--workers"], {})
