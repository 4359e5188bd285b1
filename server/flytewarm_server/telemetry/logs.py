"""The service's log: structured, on standard error, one line for each event. Libraries' own logging joins it."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TextIO

import structlog
from structlog.typing import Processor

# Libraries under `debug` are silent all the same: botocore, for one, logs requests with their signatures.
_LIBRARY_LEVEL = logging.WARNING
_OURS = "flytewarm_server"
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


if TYPE_CHECKING:
    _StreamHandler = logging.StreamHandler[TextIO]
else:
    _StreamHandler = logging.StreamHandler  # Python 3.10 cannot subscript it


class _Handler(_StreamHandler):
    """Told apart from others' handlers, so that a second call replaces ours only."""


def configure_logging(log_format: str, level: str) -> None:
    """Sends structlog and the standard library's logging to standard error.

    `log_format` is auto, json or console; auto is console on a terminal and json elsewhere. `level` is debug, info,
    warning or error, and counts for the service; libraries are heard from warning up. Timestamps are ISO 8601 in UTC.
    May be called again to change both.
    """
    threshold = _LEVELS[level]
    if log_format == "auto":
        log_format = "console" if sys.stderr.isatty() else "json"
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    _install(_handler(log_format, shared), threshold)


def _handler(log_format: str, shared: list[Processor]) -> _Handler:
    render: list[Processor]
    if log_format == "json":
        render = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # Not structlog's own choice, rich: it prints the local variables of every frame, and with them secrets.
        plain = structlog.dev.plain_traceback
        render = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    handler = _Handler(sys.stderr)
    handler.addFilter(_not_a_clients_doing)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
            foreign_pre_chain=shared,
        )
    )
    return handler


def _not_a_clients_doing(record: logging.LogRecord) -> bool:
    """Leaves out what libraries report as errors of the service although a client did it: going away while it is
    written to, and speaking another protocol on the port of the HTTP side door."""
    if record.name == "grpc._cython.cygrpc":
        return "ExecuteBatchError" not in record.getMessage()
    if record.name == "aiohttp.server" and record.exc_info and record.exc_info[0] is not None:
        return not record.exc_info[0].__module__.startswith("aiohttp.http_exceptions")
    return True


def _install(handler: _Handler, threshold: int) -> None:
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(max(threshold, _LIBRARY_LEVEL))
    logging.getLogger(_OURS).setLevel(threshold)
    logging.captureWarnings(True)
