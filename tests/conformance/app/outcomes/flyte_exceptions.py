"""flytekit's own exceptions, raised by the user's code: their code, kind and time are what the document says."""

import flytekit.exceptions.base
import flytekit.exceptions.system
import flytekit.exceptions.user
from flytekit import task
from flytekit.exceptions.base import FlyteException
from flytekit.exceptions.system import FlyteNonRecoverableSystemException
from flytekit.exceptions.user import FlyteRecoverableException, FlyteUserRuntimeException

from conformance import EVERYWHERE, Case

# Long before any run: a document with this time has it from the user.
_LONG_AGO = 1_000_000_000.25


@task
def recoverable() -> int:
    raise FlyteRecoverableException("try again", "soon")


@task
def recoverable_long_ago() -> int:
    raise FlyteRecoverableException("it happened long ago", timestamp=_LONG_AGO)


@task
def plain() -> int:
    raise FlyteException("plain", timestamp=_LONG_AGO)


@task
def base_recoverable() -> int:
    # Not the one that makes an error recoverable.
    raise flytekit.exceptions.base.FlyteRecoverableException("system's")


@task
def user_runtime() -> int:
    raise FlyteUserRuntimeException(KeyError("inner"), timestamp=_LONG_AGO)


@task
def user_runtime_recoverable() -> int:
    raise FlyteUserRuntimeException(FlyteRecoverableException("inside"))


@task
def non_recoverable_system() -> int:
    raise FlyteNonRecoverableSystemException(OSError("a disk"))


@task
def named(module: str, name: str) -> int:
    raise getattr(getattr(flytekit.exceptions, module), name)("what", "why")


@task
def nonsense_time() -> int:
    raise FlyteRecoverableException("when?", timestamp="yesterday")


@task
def with_cause() -> int:
    try:
        raise OSError("the cause")
    except OSError as error:
        raise FlyteRecoverableException("the effect") from error


@task
def seen() -> list[str]:
    """What the exceptions say of themselves."""
    value = ValueError("inner")
    return [
        str(FlyteException("a", timestamp=1.5).timestamp),
        str(FlyteRecoverableException("a").timestamp),
        str(FlyteRecoverableException("a", timestamp=2.5).timestamp),
        str(FlyteUserRuntimeException(value).value is value),
        str(FlyteUserRuntimeException(value, timestamp=3.5).timestamp),
        str(FlyteNonRecoverableSystemException(value).value is value),
        str(FlyteNonRecoverableSystemException(value).timestamp),
        str(FlyteNonRecoverableSystemException(value)),
        FlyteUserRuntimeException(value).error_code,
    ]


def _named(module: str, name: str) -> Case:
    return Case("named", {"module": module, "name": name}, ends_with="error", variant=name)


def _timeless(module: str, name: str) -> Case:
    inputs = {"module": module, "name": name}
    return Case("named", inputs, ends_with="nothing", variant=name, meant=("error-without-time",))


CASES = [
    Case("recoverable", proves=("FlyteRecoverableException",), ends_with="error", storage=EVERYWHERE),
    Case("recoverable_long_ago", proves=("FlyteRecoverableException.timestamp",), ends_with="error"),
    Case("plain", proves=("FlyteException", "FlyteException.timestamp"), ends_with="error"),
    Case("nonsense_time", ends_with="nothing", meant=("error-without-time",)),
    Case("base_recoverable", ends_with="error"),
    Case("user_runtime", proves=("FlyteUserRuntimeException",), ends_with="error"),
    Case("user_runtime_recoverable", ends_with="error"),
    Case("non_recoverable_system", proves=("FlyteNonRecoverableSystemException",), ends_with="error"),
    Case("with_cause", ends_with="error"),
    Case(
        "seen",
        proves=(
            "FlyteUserRuntimeException.value",
            "FlyteUserRuntimeException.timestamp",
            "FlyteNonRecoverableSystemException.value",
            "FlyteNonRecoverableSystemException.timestamp",
        ),
    ),
    _named("user", "FlyteTimeout"),
    _named("user", "FlyteValueException"),
    _named("user", "FlyteAuthenticationException"),
    _timeless("user", "FlyteEntityNotFoundException"),
    _named("system", "FlyteSystemUnavailableException"),
    _named("system", "FlyteDownloadDataException"),
    _named("system", "FlyteUploadDataException"),
]
