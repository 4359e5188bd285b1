"""A module whose hook does what HOOK_FAULT says when a worker starts."""

import os
import sys
import threading

from flytekit import task

from flytewarm.worker import on_cancel, on_worker_start


@on_worker_start
def obey() -> None:
    order = os.environ.get("HOOK_FAULT")
    if order == "raise":
        raise ValueError("no connection")
    if order == "exit":
        sys.exit(3)
    if order == "hang":
        threading.Event().wait()


@task
def works() -> int:
    return 1


@task
def registers_in_a_thread() -> str:
    """There is no other hook, whose registration would have set all up."""
    errors: list[str] = []

    def register() -> None:
        try:
            on_cancel(print)
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=register)
    thread.start()
    thread.join()
    return "".join(errors)
