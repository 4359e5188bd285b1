"""What a notebook has in its cells; it reaches the worker pickled."""

from flytekit import task

_factor = 7


@task
def cell(a: int) -> int:
    return a * _factor


@task
def broken_cell(a: int) -> int:
    raise ValueError(f"cell {a}")
