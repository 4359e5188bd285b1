"""A task that keeps memory beyond its end."""

from flytekit import task

_KEPT: list[bytearray] = []


@task
def keep(megabytes: int) -> int:
    _KEPT.append(bytearray(b"x") * (megabytes << 20))
    return len(_KEPT)
