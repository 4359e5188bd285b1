"""The service's log: form, levels, and the libraries that join it."""

from __future__ import annotations

import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import structlog

from flytewarm_server.telemetry.logs import configure_logging


class Stream(io.StringIO):
    """Stands for standard error, as a terminal or not."""

    terminal = False

    def isatty(self) -> bool:
        return self.terminal

    def configure(self, log_format: str, level: str) -> None:
        """As configure_logging(), with this as standard error. Within the test, as pytest sets its own before it."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stderr", self)
            configure_logging(log_format, level)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def stream() -> Iterator[Stream]:
    """Where the service's log goes; logging is as before afterwards."""
    root, ours = logging.getLogger(), logging.getLogger("flytewarm_server")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    yield Stream()
    logging.captureWarnings(False)
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def _log() -> Any:
    return structlog.get_logger("flytewarm_server.pool")


def test_json_lines(stream: Stream) -> None:
    stream.configure("json", "info")
    _log().info("worker ended", worker="w-1", pid=3)
    (line,) = stream.lines()
    time = datetime.fromisoformat(line.pop("timestamp").replace("Z", "+00:00"))
    assert time.utcoffset() == timedelta(0)
    assert abs(datetime.now(timezone.utc) - time) < timedelta(minutes=1)
    assert line == {
        "event": "worker ended",
        "level": "info",
        "logger": "flytewarm_server.pool",
        "worker": "w-1",
        "pid": 3,
    }


def test_context_variables_join(stream: Stream) -> None:
    stream.configure("json", "info")
    with structlog.contextvars.bound_contextvars(execution_id="e-1"):
        _log().info("accepted")
    assert stream.lines()[0]["execution_id"] == "e-1"


@pytest.mark.parametrize(("terminal", "is_json"), [(True, False), (False, True)])
def test_auto_looks_at_the_terminal(stream: Stream, terminal: bool, is_json: bool) -> None:
    stream.terminal = terminal
    stream.configure("auto", "info")
    _log().info("hello")
    assert stream.getvalue().startswith("{") == is_json
    assert "hello" in stream.getvalue()


def test_console_without_a_terminal_has_no_colours(stream: Stream) -> None:
    stream.configure("console", "info")
    _log().info("hello", pid=3)
    assert "\x1b" not in stream.getvalue()
    assert "pid=3" in stream.getvalue()


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_levels(stream: Stream, level: str, expected: list[str]) -> None:
    stream.configure("json", level)
    for name in ("debug", "info", "warning", "error"):
        getattr(_log(), name)("x")
        getattr(logging.getLogger("flytewarm_server.rpc"), name)("x")
    assert [line["level"] for line in stream.lines()] == [name for name in expected for _ in range(2)]


@pytest.mark.parametrize("name", ["grpc._cython.cygrpc", "aiohttp.server", "asyncio"])
def test_libraries_join_from_warning_up(stream: Stream, name: str) -> None:
    stream.configure("json", "debug")
    logging.getLogger(name).info("chatter")
    logging.getLogger(name).warning("took %d seconds", 5)
    (line,) = stream.lines()
    assert (line["event"], line["level"], line["logger"]) == ("took 5 seconds", "warning", name)
    assert "timestamp" in line


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_tracebacks_without_local_variables(stream: Stream, log_format: str) -> None:
    stream.configure(log_format, "info")
    try:
        secret = "hunter" + "2"
        raise ValueError(len(secret))
    except ValueError:
        _log().exception("failed")
        logging.getLogger("grpc").exception("failed too")
    text = stream.getvalue()
    assert text.count("ValueError: 7") == 2
    assert "hunter2" not in text


def test_warnings_join(stream: Stream) -> None:
    stream.configure("json", "info")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        # Again, as pytest and catch_warnings() have put their own function in between.
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("careful", UserWarning, stacklevel=1)
    assert stream.lines()[0]["logger"] == "py.warnings"


def test_a_second_call_replaces_the_first(stream: Stream) -> None:
    stream.configure("console", "debug")
    stream.configure("json", "info")
    _log().debug("no")
    _log().info("once")
    assert [line["event"] for line in stream.lines()] == ["once"]
