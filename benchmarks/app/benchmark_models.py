"""What a service that serves models preloads, and a task beside it."""

import pandas as pd  # noqa: F401  # imported for its memory
import sklearn.ensemble
import sklearn.linear_model  # noqa: F401  # imported for its memory
from flytekit import task


@task
def add(a: int, b: int) -> int:
    """Adds two integers."""
    return a + b
