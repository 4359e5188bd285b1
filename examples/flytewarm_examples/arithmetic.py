"""The smallest task: what it costs is what running any task costs."""

from flytekit import task


@task
def add(a: int, b: int) -> int:
    """Adds two integers."""
    return a + b
