"""What runs between two runs of a case: the next execution must not notice that this one failed."""

from flytekit import task


@task
def fail() -> int:
    raise ValueError("this task always fails")
