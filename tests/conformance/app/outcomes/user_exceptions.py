"""Exceptions of the user's own, with everything that an exception can carry."""

import sys
import warnings

import flytekit
from flytekit import task

from conformance import EVERYWHERE, Case


class QuotaError(Exception):
    def __init__(self, quota: int) -> None:
        super().__init__(f"over {quota}")
        self.quota = quota


class CodedError(Exception):
    def __init__(self, error_code: object) -> None:
        super().__init__("coded")
        self.error_code = error_code


class ClassCodedError(Exception):
    error_code = "USER:Ours"


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text for you")


class UnprintableError(Exception):
    def __repr__(self) -> str:
        raise RuntimeError("no representation for you")


@task
def caused() -> int:
    try:
        {}["missing"]
    except KeyError as error:
        raise QuotaError(3) from error


@task
def in_context() -> int:
    try:
        return 1 // 0
    except ZeroDivisionError:
        raise ValueError("while it was handled")  # noqa: B904  # the context is what is shown


@task
def context_suppressed() -> int:
    try:
        return 1 // 0
    except ZeroDivisionError:
        raise ValueError("nothing before this") from None


@task
def grouped() -> int:
    errors = []
    for number in range(2):
        try:
            raise QuotaError(number)
        except QuotaError as error:
            errors.append(error)
    raise ExceptionGroup("several", [*errors, ValueError("never raised")])  # noqa: F821  # Python 3.11


@task
def noted() -> int:
    error = ValueError("noted")
    error.add_note("a note\nof two lines")
    raise error


@task
def multi_line() -> int:
    raise ValueError("first\n\n  File \"not a frame\"\nthird 'quoted'\ttab")


@task
def not_ascii() -> int:
    raise ValueError("grün ☃ 日本 \u202eleft \x00 zero")


@task
def surrogate() -> int:
    raise ValueError("a file named \udcff")


@task
def long_message() -> int:
    raise ValueError("long " * 100_000)


@task
def silent() -> int:
    raise SilentError()


@task
def unprintable() -> int:
    raise UnprintableError("fine")


@task
def coded(code: str) -> int:
    raise CodedError(code)


@task
def coded_by_number() -> int:
    raise CodedError(42)


@task
def coded_by_class() -> int:
    raise ClassCodedError("class")


@task
def coded_by_nonsense() -> int:
    raise CodedError(["neither", "text", "nor", "number"])


def _deeper(depth: int) -> int:
    return _deeper(depth + 1)


@task
def recursion() -> int:
    return _deeper(0)


@task
def memory() -> int:
    raise MemoryError()


@task
def warning() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.warn("taken seriously", stacklevel=1)
    return 1


@task
def stop_iteration() -> int:
    return next(iter([]))


@task
def assertion() -> int:
    assert sys.platform == "", "on no platform"
    return 1


_FAILS = {"ends_with": "error"}

CASES = [
    Case("caused", **_FAILS, storage=EVERYWHERE),
    Case("in_context", **_FAILS),
    Case("context_suppressed", **_FAILS),
    Case("multi_line", **_FAILS),
    Case("not_ascii", **_FAILS),
    Case("surrogate", ends_with="nothing", meant=("error-without-text",)),
    Case("long_message", **_FAILS),
    Case("silent", **_FAILS),
    Case("unprintable", **_FAILS),
    Case("coded", {"code": "USER:Mine"}, **_FAILS),
    Case("coded_by_number", **_FAILS),
    Case("coded_by_class", **_FAILS),
    # flytekit 1.15 does not ask exceptions for their codes.
    Case("coded_by_nonsense", **_FAILS)
    if flytekit.__version__.startswith("1.15.")
    else Case("coded_by_nonsense", ends_with="nothing", meant=("error-without-code",)),
    Case("recursion", **_FAILS),
    Case("memory", **_FAILS),
    Case("warning", **_FAILS),
    Case("stop_iteration", **_FAILS),
    Case("assertion", **_FAILS),
]
if sys.version_info >= (3, 11):
    CASES += [Case("grouped", **_FAILS), Case("noted", **_FAILS)]
