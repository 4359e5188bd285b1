"""What a worker's first execution finds."""

import json
import resource

from flytekit import task
from flytekit.core.context_manager import FlyteEntities


@task
def page_faults() -> int:
    """Pages that the process has touched for the first time, or made its own, since it began."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


@task
def declared() -> str:
    """The names of all tasks and workflows of the process, as a JSON list."""
    return json.dumps([entity.name for entity in FlyteEntities.entities])
