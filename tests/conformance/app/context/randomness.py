"""Random numbers of a module that seeds its generators, as those for training often do."""

import random

import numpy as np
from flytekit import task

from conformance import Case

random.seed(42)
np.random.seed(42)  # the generator that old code shares


@task
def drawn() -> list[float]:
    numbers = [random.random(), float(np.random.random())]
    random.seed(7)
    return numbers


CASES = [Case("drawn")]
