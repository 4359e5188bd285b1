"""An executor of shim tasks: it has nothing but the template."""

import os
from typing import Any

from flytekit.core.shim_task import ShimTaskExecutor
from flytekit.models.task import TaskTemplate


class Repeats(ShimTaskExecutor[Any]):
    def execute_from_model(self, tt: TaskTemplate, **kwargs: Any) -> str:
        return tt.custom["word"] * kwargs["times"] + os.environ.get("ENDING", "")
