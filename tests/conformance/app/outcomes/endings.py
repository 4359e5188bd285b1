"""Ends that are neither outputs nor an ordinary exception."""

import sys

from flytekit import task
from flytekit.core.base_task import IgnoreOutputs

from conformance import Case

_FAIL_ON_ERROR = {"FLYTE_FAIL_ON_ERROR": "true"}
_DISTRIBUTED = {"FLYTE_INTERNAL_DIST_ERROR_STRATEGY": "earliest", "FLYTE_INTERNAL_WORKER_NAME": "worker-3"}


@task
def ignored() -> int:
    raise IgnoreOutputs("another worker tells the result")


@task
def ignored_subclass() -> int:
    class Ours(IgnoreOutputs):
        pass

    raise Ours()


@task
def fails() -> int:
    raise ValueError("for the exit status")


@task
def leaves(status: int) -> int:
    sys.exit(status)


@task
def leaves_with_text() -> int:
    sys.exit("the reason")


@task
def interrupted() -> int:
    raise KeyboardInterrupt("by hand")


@task
def gives_up() -> int:
    raise BaseException("more basic than others")


@task
def exits_a_generator() -> int:
    raise GeneratorExit


@task
def fine() -> int:
    return 1


CASES = [
    Case("ignored", proves=("IgnoreOutputs",), ends_with="nothing"),
    Case("ignored", variant="fail-on-error", env=_FAIL_ON_ERROR, ends_with="nothing"),
    Case("ignored_subclass", ends_with="nothing"),
    Case("fails", variant="fail-on-error", env=_FAIL_ON_ERROR, ends_with="error"),
    Case("fails", variant="fail-on-error-t", env={"FLYTE_FAIL_ON_ERROR": "T"}, ends_with="error"),
    Case("fails", variant="fail-on-error-off", env={"FLYTE_FAIL_ON_ERROR": "no"}, ends_with="error"),
    Case("fails", variant="distributed", env=_DISTRIBUTED, ends_with="error"),
    Case("fails", variant="distributed-short", env={"_F_DES": "latest", "_F_WN": "w"}, ends_with="error"),
    Case("fails", variant="distributed-fail", env={**_DISTRIBUTED, **_FAIL_ON_ERROR}, ends_with="error"),
    Case("fails", variant="worker-without-strategy", env={"FLYTE_INTERNAL_WORKER_NAME": "w"}, ends_with="error"),
    Case("fine", variant="fail-on-error", env=_FAIL_ON_ERROR),
    Case("leaves", {"status": 0}, variant="0", ends_with="nothing", meant=("process-ends",)),
    Case("leaves", {"status": 3}, variant="3", ends_with="nothing", meant=("process-ends",)),
    Case("leaves_with_text", ends_with="nothing", meant=("process-ends",)),
    Case("interrupted", ends_with="nothing", meant=("process-ends",)),
    Case("gives_up", ends_with="nothing", meant=("process-ends",)),
    Case("exits_a_generator", ends_with="nothing", meant=("process-ends",)),
]
