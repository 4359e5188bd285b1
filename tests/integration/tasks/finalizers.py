"""Tasks that leave an object which does something when it goes, after the outcome."""

import contextvars

from flytekit import task


class _Talker:
    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        print(f"{self.number} is gone")
        # Stays in the stream's buffer.
        print(f"{self.number} was here", end="")


class _Holder:
    def __init__(self, fifo: str) -> None:
        self.fifo = fifo

    def __del__(self) -> None:
        with open(self.fifo) as pipe:
            pipe.read()


_KEPT = contextvars.ContextVar("kept", default=None)


@task
def say(number: int) -> int:
    """Writes its number."""
    print(number)
    _KEPT.set(_Talker(number))
    return number


@task
def hold(fifo: str) -> int:
    """Has its process wait on the FIFO when it is put back."""
    _KEPT.set(_Holder(fifo))
    return 1
