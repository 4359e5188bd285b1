"""A task that leaves an object which writes when it goes, after the outcome."""

import contextvars

from flytekit import task


class _Talker:
    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        print(f"{self.number} is gone")
        # Stays in the stream's buffer.
        print(f"{self.number} was here", end="")


_KEPT = contextvars.ContextVar("kept", default=None)


@task
def say(number: int) -> int:
    """Writes its number."""
    print(number)
    _KEPT.set(_Talker(number))
    return number
