"""Which of the caller's environment variables a container command's task sees.

In its container the task would see all of them; through a service it should see those that describe the execution and
its storage, and not those that describe the caller's machine.
"""

from __future__ import annotations

from collections.abc import Mapping

PREFIXES = (
    "FLYTE_",  # identifiers, configuration (FLYTE_SECTION_OPTION), FLYTE_FAIL_ON_ERROR, the array index
    "_F_",  # short identifiers, serialized context, limits
    "_FSEC_",  # secrets
    "BATCH_JOB_ARRAY_",  # the index of a map task's item
    "AWS_",  # credentials and region; AWS_BATCH_JOB_ARRAY_INDEX
    "GOOGLE_",
    "AZURE_",
)
"""Names that start so are sent."""

_INDEX_NAME = "BATCH_JOB_ARRAY_INDEX_VAR_NAME"

# With --env-all: what would lead the task's process to the files and libraries of another machine or user.
_OF_THE_MACHINE = frozenset(
    [
        "PATH",
        "HOME",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "SHELL",
        "TERM",
        "USER",
        "LOGNAME",
        "HOSTNAME",
        "TMPDIR",
        "TEMP",
        "TMP",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "_",
    ]
)
_OF_THE_MACHINE_PREFIXES = ("PYTHON", "LD_", "DYLD_", "GRPC_", "FLYTEWARM_")


def task_variables(environ: Mapping[str, str], everything: bool, extra: Mapping[str, str]) -> dict[str, str]:
    """The variables to send: those with a known prefix, or (`everything`) all but the machine's; `extra` on top."""
    index_name = environ.get(_INDEX_NAME)  # the variable that names the variable with the index

    def is_sent(name: str) -> bool:
        if everything:
            return name not in _OF_THE_MACHINE and not name.startswith(_OF_THE_MACHINE_PREFIXES)
        return name.startswith(PREFIXES) or name == index_name

    return {**{name: value for name, value in environ.items() if is_sent(name)}, **extra}
