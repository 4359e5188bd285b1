"""Raises when it is imported."""

from flytekit import task


@task
def any_task() -> int:
    return 1


raise RuntimeError("this module always fails")
