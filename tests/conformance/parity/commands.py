"""The container command of a run, with its places filled in."""

from __future__ import annotations

from dataclasses import dataclass

from conformance import FAST_EXECUTE, MAP_EXECUTE, Case

DISTRIBUTION = "fast0123456789abcdef.tar.gz"


@dataclass(frozen=True)
class Places:
    """URIs of one run in its storage."""

    #: Shared by all runs of the case.
    shared: str
    #: The run's own.
    run: str

    @property
    def outputs(self) -> str:
        """The output prefix."""
        return f"{self.run}/outputs"

    @property
    def raw(self) -> str:
        """The raw output prefix."""
        return f"{self.run}/raw"

    def fill(self, text: str) -> str:
        """Replaces the names of places in a flag or variable."""
        for name in ("shared", "run", "outputs", "raw"):
            text = text.replace(f"{{{name}}}", getattr(self, name))
        return text


def command(case: Case, module: str, places: Places) -> list[str]:
    """The command line as a container has it."""
    loader_args = case.loader_args or _loader_args(case, module)
    return [
        *_fast(case, places),
        case.program,
        *("--inputs", f"{places.shared}/inputs.pb"),
        *("--output-prefix", places.outputs),
        *("--raw-output-data-prefix", places.raw),
        *map(places.fill, case.flags),
        *("--resolver", case.resolver),
        "--",
        *map(places.fill, loader_args),
    ]


def _fast(case: Case, places: Places) -> list[str]:
    if not case.distribution:
        return []
    destination = ("--dest-dir", case.destination_dir) if case.destination_dir else ()
    return [FAST_EXECUTE, "--additional-distribution", f"{places.shared}/{DISTRIBUTION}", *destination, "--"]


def _loader_args(case: Case, module: str) -> tuple[str, ...]:
    named = ("task-module", module, "task-name", case.task)
    if case.program != MAP_EXECUTE:
        return named
    return ("vars", "", "resolver", "flytekit.core.python_auto_container.default_task_resolver", *named)


def environment(case: Case, storage_env: dict[str, str], places: Places) -> dict[str, str]:
    """The environment variables that the execution has beyond those of its process."""
    identifiers = {
        "FLYTE_INTERNAL_EXECUTION_PROJECT": "project",
        "FLYTE_INTERNAL_EXECUTION_DOMAIN": "development",
        "FLYTE_INTERNAL_EXECUTION_ID": "f0123456789",
        "FLYTE_INTERNAL_EXECUTION_WORKFLOW": "a.workflow",
        "FLYTE_INTERNAL_EXECUTION_LAUNCHPLAN": "a.launch_plan",
        "FLYTE_INTERNAL_TASK_PROJECT": "task-project",
        "FLYTE_INTERNAL_TASK_DOMAIN": "task-domain",
        "FLYTE_INTERNAL_TASK_NAME": "a.task",
        "FLYTE_INTERNAL_TASK_VERSION": "v1",
        "FLYTE_INTERNAL_IMAGE": "example.org/image:v1",
    }
    own = {name: places.fill(value) for name, value in case.env.items()}
    kept = {name: value for name, value in identifiers.items() if name not in case.unset}
    return {**kept, **storage_env, **own}
