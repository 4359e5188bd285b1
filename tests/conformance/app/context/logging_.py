"""Loggers as a task finds them, and what is left when it has changed them."""

import logging

import flytekit
from flytekit import task
from flytekit.loggers import developer_logger, logger, user_space_logger

from conformance import Case
from seen import told


def _about(one: logging.Logger) -> dict[str, object]:
    return {
        "level": one.level,
        "propagate": one.propagate,
        "disabled": one.disabled,
        "filters": len(one.filters),
        "handlers": [
            [type(handler).__name__, handler.level, type(handler.formatter).__name__, handler.formatter._fmt]
            for handler in one.handlers
        ],
    }


@task
def loggers() -> str:
    mine = flytekit.current_context().logging
    root = logging.getLogger()
    named = {"flytekit": logger, "user": user_space_logger, "developer": developer_logger, "root": root}
    return told(
        mine=[mine is user_space_logger, mine.name, mine.isEnabledFor(logging.INFO), mine.isEnabledFor(logging.DEBUG)],
        seen={name: _about(one) for name, one in named.items()},
        disabled=root.manager.disable,
    )


@task
def changed() -> str:
    """Leaves loggers changed: handlers, levels, filters, propagation."""
    before = {one.name: _about(one) for one in (logger, user_space_logger, developer_logger, logging.getLogger())}
    for one in (logger, user_space_logger, developer_logger, logging.getLogger()):
        one.addHandler(logging.StreamHandler())
        one.handlers[0].setFormatter(logging.Formatter("changed: %(message)s"))
        one.handlers[0].setLevel(logging.CRITICAL)
        one.setLevel(logging.ERROR)
        one.addFilter(lambda _: False)
        one.propagate = not one.propagate
    user_space_logger.disabled = True
    logging.disable(logging.ERROR)
    return told(before=before)


_PROVES = ("ExecutionParameters.logging",)

CASES = [
    Case("loggers", proves=_PROVES),
    Case("loggers", variant="debug", env={"FLYTE_SDK_LOGGING_LEVEL": "10", "FLYTE_SDK_DEV_LOGGING_LEVEL": "40"}),
    Case("loggers", variant="plain", env={"FLYTE_SDK_LOGGING_FORMAT": "plain"}),
    Case("loggers", variant="rich", unset=("FLYTE_INTERNAL_EXECUTION_ID",)),
    Case("loggers", variant="not-rich", env={"FLYTE_SDK_RICH_TRACEBACKS": "0"}, unset=("FLYTE_INTERNAL_EXECUTION_ID",)),
    Case("changed", proves=_PROVES),
]
