"""A dynamic task: its result is a specification of further work, which Flyte then runs."""

from flytekit import dynamic, task


@task
def square(number: int) -> int:
    """Squares a number."""
    return number * number


@task
def total(numbers: list[int]) -> int:
    """Adds numbers up."""
    return sum(numbers)


@dynamic
def sum_of_squares(numbers: list[int]) -> int:
    """Asks for one task a number, and one that adds up their results."""
    return total(numbers=[square(number=number) for number in numbers])
