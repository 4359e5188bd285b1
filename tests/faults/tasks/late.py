"""Tasks that import a library when they run."""

import json
import logging
import os
import signal
import sys
import warnings

import fsspec
from flytekit import task


@task
def uses_a_library() -> str:
    """What is there of the library, and of what the task itself does before and after the import."""
    left = [os.environ.get("OF_THE_TASK"), len(logging.getLogger("task").handlers)]
    os.environ["OF_THE_TASK"] = "1"
    logging.getLogger("task").addHandler(logging.NullHandler())
    import library

    warnings.filterwarnings("ignore", message="of the task")
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    return json.dumps(
        {
            "protocol": fsspec.get_filesystem_class("library") is library.LibraryFileSystem,
            "variable": os.environ["OF_THE_LIBRARY"],
            "filters": sum("of the library" in str(one) for one in warnings.filters),
            "handlers": len(logging.getLogger("library").handlers),
            "path": sys.path.count("/of/the/library"),
            "signal": callable(signal.getsignal(signal.SIGUSR2)),
            "left": left,
            "filters of the task": sum("of the task" in str(one) for one in warnings.filters),
            "process": os.getpid(),
        }
    )
