"""Tasks that end with an exception that is hard to bear."""

import signal
import sys

from flytekit import task


@task
def exits() -> None:
    sys.exit(0)


@task
def interrupts_itself() -> None:
    signal.raise_signal(signal.SIGINT)


@task
def overflows_the_stack() -> None:
    def again() -> None:
        again()

    again()


class _UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@task
def raises_what_cannot_be_told() -> None:
    raise _UnspeakableError


@task
def raises_a_long_story() -> None:
    raise ValueError("x" * (8 << 20))


class _BaseOnly(BaseException):
    pass


@task
def raises_a_base_exception() -> None:
    raise _BaseOnly("base")


@task
def raises_half_a_character() -> None:
    raise ValueError("\udc80")
