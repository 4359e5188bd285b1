"""A module that changes its process when it is imported: a task finds that in every execution."""

import json
import logging
import os
import sys
import warnings

from flytekit import task
from flytekit.loggers import logger

os.environ["SET_BY_A_MODULE"] = "1"
os.environ.setdefault("GIVEN", "by the module")
sys.path.insert(0, "/of-a-module")
sys.setrecursionlimit(1234)
warnings.filterwarnings("ignore", message="of a module")
logging.getLogger().setLevel(logging.ERROR)
logger.addFilter(lambda record: "unheard" not in record.getMessage())


@task
def changes() -> str:
    return json.dumps(
        {
            "variables": [os.environ.get("SET_BY_A_MODULE"), os.environ.get("GIVEN")],
            "path": sys.path[0],
            "limit": sys.getrecursionlimit(),
            "filters": sum("of a module" in str(one[1]) for one in warnings.filters),
            "root": logging.getLogger().level,
            "flytekit": len(logger.filters),
        }
    )
