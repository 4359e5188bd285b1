"""A task that tells on disk that it ran."""

import os

from flytekit import task


@task
def double(number: int, ran: str) -> int:
    """Adds a line to the file `ran`: appended lines that are short are whole, whoever else writes."""
    descriptor = os.open(ran, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{number}\n".encode())
    os.close(descriptor)
    return 2 * number
