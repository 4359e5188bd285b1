"""A module whose import waits on the FIFO that IMPORT_BARRIER names."""

import os
from pathlib import Path

from flytekit import task

Path(os.environ["IMPORT_BARRIER"]).read_text()


@task
def never() -> int:
    return 1
