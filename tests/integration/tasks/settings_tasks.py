"""Tasks that tell their execution's settings, and leave things that the next execution must not see."""

import json
import threading

import flytekit
from flytekit import task
from flytekit.core.context_manager import FlyteContextManager


@task
def serialization() -> str:
    own = FlyteContextManager.current_context().serialization_settings
    return json.dumps(own.to_dict(), default=str)


@task
def secret(group: str, key: str) -> str:
    try:
        return flytekit.current_context().secrets.get(group, key)
    except ValueError:
        return "none"


@task
def adds_handler() -> int:
    """How many signal handlers there were before."""
    FlyteContextManager.add_signal_handler(lambda _number, _frame: None)
    return len(FlyteContextManager.signal_handlers) - 1


@task
def prefix() -> str:
    return flytekit.current_context().raw_output_prefix


@task
def sandbox_of_a_thread() -> str:
    found = []
    one = threading.Thread(
        target=lambda: found.append(FlyteContextManager.current_context().file_access.get_random_local_directory())
    )
    one.start()
    one.join()
    return str(found[0])
