"""How a conformance case is declared: a task module has a list CASES beside its tasks, and that is all it takes.

Task modules are imported by the interpreters that run tasks, so this module imports nothing but the standard library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

LOCAL = ("local",)
S3 = ("s3",)
EVERYWHERE = ("local", "s3")

EXECUTE = "pyflyte-execute"
MAP_EXECUTE = "pyflyte-map-execute"
FAST_EXECUTE = "pyflyte-fast-execute"
DEFAULT_RESOLVER = "flytekit.core.python_auto_container.default_task_resolver"

# Given the URI of a directory that all runs of the case share, makes the inputs.
MakeInputs = Callable[[str], Mapping[str, Any]]
# Given the same, makes a file; for what is only known then, or takes time to make.
MakeFile = Callable[[str], bytes]


@dataclass(frozen=True)
class Case:
    """One task with inputs and a command, run by the entrypoint in a cold process and by a warm worker.

    In flags, env values and loader_args, `{shared}` stands for a directory that all runs of the case share, with
    `files` in it, `{run}` for one of the run's own, `{outputs}` and `{raw}` for its prefixes (all in its storage).
    """

    #: The task's name in the module. Also the case's, with `variant`, and unique in its module.
    task: str
    #: Native values by name, converted by the task's interface, or literals (messages); a function that makes them; or
    #: None for no such file.
    inputs: Mapping[str, Any] | MakeInputs | None = field(default_factory=dict)
    #: Members of the entrypoint's API that the case shows working, as `Class` or `Class.member`.
    proves: tuple[str, ...] = ()
    #: Tells cases of one task apart.
    variant: str = ""
    #: Which document the task must end with: outputs, futures, error, or nothing.
    ends_with: str = "outputs"
    #: Kinds of storage for inputs, outputs and raw outputs; the case runs once on each.
    storage: tuple[str, ...] = LOCAL
    #: Environment variables of the execution.
    env: Mapping[str, str] = field(default_factory=dict)
    #: Variables of those that every case has (parity/commands.py) that this execution lacks.
    unset: tuple[str, ...] = ()
    #: The container command.
    program: str = EXECUTE
    #: Flags of the command beside the paths.
    flags: tuple[str, ...] = ()
    resolver: str = DEFAULT_RESOLVER
    #: Default: the module and the task.
    loader_args: tuple[str, ...] = ()
    #: Files written below {shared} beforehand, by relative path, or what makes them.
    files: Mapping[str, bytes | MakeFile] = field(default_factory=dict)
    #: Code that comes with the command, by path in the archive: the command is wrapped in pyflyte-fast-execute.
    distribution: Mapping[str, str] = field(default_factory=dict)
    #: Where that unpacks it; empty for the default, which is the working directory.
    destination_dir: str = ""
    #: Names of differences that are meant (parity/meant.py); each must show, or the case fails.
    meant: tuple[str, ...] = ()
    #: Whether the worker serves on afterwards; a task that leaves a thread, say, costs its worker.
    keeps_worker: bool = True

    @property
    def name(self) -> str:
        """Unique in the module."""
        return f"{self.task}-{self.variant}" if self.variant else self.task
