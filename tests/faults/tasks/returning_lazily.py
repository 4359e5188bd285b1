"""Tasks of a module that is not imported ahead."""

import json
import shutil
from typing import Any

from flytekit import task


def _which(*_: Any) -> None: ...


@task
def replaces_a_function() -> None:
    shutil.which = _which


@task
def replaces_a_function_again() -> None:
    json.dump = lambda *_: None
