"""Tasks that only benchmarks run."""

from flytekit import task


@task
def same(text: str) -> str:
    """Returns what it is given."""
    return text
