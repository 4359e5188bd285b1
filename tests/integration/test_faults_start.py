"""Starts that fail or are broken off, and addresses that are not free."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from conftest import TASKS, open_calls
from faults import Barrier, Launched, StartService, launched, lives, wait_for


@pytest.mark.parametrize(
    ("module", "option", "reason"),
    [
        ("no_such_module", "auto", "No module named 'no_such_module'"),
        ("starts_a_thread", "fork", "preloaded code started threads: left (--start-method is fork)"),
    ],
)
def test_a_broken_preload_stops_the_start_with_its_reason(
    tmp_path: Path, module: str, option: str, reason: str
) -> None:
    options = ("--app-dir", str(TASKS), "--preload", module, "--start-method", option)
    with launched(tmp_path, "--listen", f"unix:{tmp_path}/s", *options) as server:
        assert reason in server.read_until("the service could not start")
        assert server.end() == 1
    assert list(tmp_path.iterdir()) == []


def test_the_server_imports_no_flytekit(tmp_path: Path) -> None:
    options = ("--listen", f"unix:{tmp_path}/s", "--http", "127.0.0.1:0")
    with launched(tmp_path, *options, python_options=("-X", "importtime")) as server:
        server.read_until("environment ready")
        server.process.send_signal(signal.SIGTERM)
        assert server.end() == 0
    imported = {line.split("|")[-1].strip() for line in server.lines if line.startswith("import time:")}
    assert "flytewarm_server.app" in imported
    assert not {name for name in imported if name.split(".")[0] in ("flytekit", "flytewarm_worker", "pandas")}


def test_a_server_that_is_killed_while_flytekit_is_imported(tmp_path: Path) -> None:
    with launched(tmp_path, "--listen", f"unix:{tmp_path}/s") as server:
        server.read_until("listening")
        wait_for(lambda: bool(server.below()))
        _expect_nothing_left_by(server, tmp_path)


def test_a_server_that_is_killed_while_code_is_imported(
    tmp_path: Path, barrier: Barrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPORT_BARRIER", barrier.path)
    options = ("--listen", f"unix:{tmp_path}/s", "--app-dir", str(TASKS), "--preload", "waits_at_import")
    with launched(tmp_path, *options) as server:
        barrier.wait_until_reached()
        _expect_nothing_left_by(server, tmp_path)
    barrier.forget()


def test_sigterm_while_code_is_imported(tmp_path: Path, barrier: Barrier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPORT_BARRIER", barrier.path)
    options = ("--listen", f"unix:{tmp_path}/s", "--app-dir", str(TASKS), "--preload", "waits_at_import")
    with launched(tmp_path, *options) as server:
        barrier.wait_until_reached()
        below = server.below()
        server.process.send_signal(signal.SIGTERM)
        assert server.end() == 0
        assert not any(map(lives, below))
        assert not list(tmp_path.glob("flytewarm-*"))
        assert not (tmp_path / "s").exists()
    barrier.forget()


def _expect_nothing_left_by(server: Launched, directory: Path) -> None:
    """Kills a server with all of its processes alive and waits until they and its temporary directory are gone."""
    assert list(directory.glob("flytewarm-*"))
    below = server.below()
    assert below
    server.process.kill()
    server.process.wait()
    wait_for(lambda: not any(map(lives, below)))
    wait_for(lambda: not list(directory.glob("flytewarm-*")))


def test_a_socket_that_a_service_listens_on_is_left_to_it(own_service: StartService, tmp_path: Path) -> None:
    service = own_service()
    with launched(tmp_path, "--listen", "127.0.0.1:0", "--listen", service.target) as server:
        line = server.read_until("the service could not start")
        assert f"cannot listen on {service.target}: another service listens there" in line
        assert server.end() == 1
    with open_calls(service) as calls:
        assert calls.run("basic.add", a=1, b=2) == 3


def test_a_socket_that_nobody_listens_on_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with launched(tmp_path, "--listen", f"unix:{path}") as server:
        server.read_until("environment ready")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
        server.process.send_signal(signal.SIGTERM)
        assert server.end() == 0
    assert not path.exists()


def test_a_file_in_the_place_of_a_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")
    with launched(tmp_path, "--listen", f"unix:{path}") as server:
        line = server.read_until("the service could not start")
        assert f"cannot listen on unix:{path}: the path exists and is no socket" in line
        assert server.end() == 1
    assert path.read_text() == "precious"


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for option in ("--listen", "--http"):
            with launched(tmp_path, "--listen", "127.0.0.1:0", option, address) as server:
                assert address in server.read_until("the service could not start")
                assert server.end() == 1
