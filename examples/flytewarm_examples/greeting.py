"""A task that writes: from Python, through logging, and from a process of its own."""

import logging
import subprocess
import sys

from flytekit import task


@task
def greet(name: str) -> str:
    """Greets someone on standard output and standard error."""
    print(f"print: hello, {name}", flush=True)
    subprocess.run(["echo", f"echo: hello, {name}"], check=True)
    print(f"standard error: hello, {name}", file=sys.stderr, flush=True)
    logging.getLogger("flytewarm_examples").warning("logging: hello, %s", name)
    return f"hello, {name}"
