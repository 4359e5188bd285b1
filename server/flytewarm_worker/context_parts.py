"""Parts of an execution's context, as flytekit's constructors make them: without the directories and lookups that take
longer than a small task runs. What is not local, and parts of another shape than the one known here, are left to them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flytekit.configuration import DataConfig
from flytekit.core.context_manager import ExecutionParameters, ExecutionState
from flytekit.core.data_persistence import FileAccessProvider

from flytewarm_worker import file_systems

# The constructors that were read, by which one is told that somebody has replaced.
_FILE_ACCESS_INIT, _STATE_INIT = FileAccessProvider.__init__, ExecutionState.__init__


class FileAccess:
    """Makes current_context().file_access."""

    def __init__(self) -> None:
        # The configuration that the file systems were made with.
        self._data: DataConfig | None = None
        self._local: Any = None
        self._remote: Any = None

    def provider(
        self, root: str, raw_output_prefix: str, data: DataConfig, metadata: dict[str, str]
    ) -> FileAccessProvider:
        """As FileAccessProvider(...) of the same. `root` is an absolute path and has a directory local_flytekit."""
        if not _is_local(raw_output_prefix) or FileAccessProvider.__init__ is not _FILE_ACCESS_INIT:
            return FileAccessProvider(root, raw_output_prefix, data, metadata)
        if self._data is not data or not self._are_kept():
            return self._made_by_flytekit(root, raw_output_prefix, data, metadata)
        provider = object.__new__(FileAccessProvider)
        vars(provider).update(self._parts(root, raw_output_prefix, data, metadata))
        return provider

    def is_kept(self, provider: FileAccessProvider) -> bool:
        """Whether provider() would give another one the same file systems."""
        return self._data is provider.data_config and self._are_kept()

    def _made_by_flytekit(
        self, root: str, raw_output_prefix: str, data: DataConfig, metadata: dict[str, str]
    ) -> FileAccessProvider:
        provider = FileAccessProvider(root, raw_output_prefix, data, metadata)
        made = vars(provider)
        self._local, self._remote = made.get("_local"), made.get("_default_remote")
        self._data = data if made == self._parts(root, raw_output_prefix, data, metadata) else None
        if self._data is not None:
            file_systems.keep_local(self._local, self._remote)
        return provider

    def _parts(self, root: str, raw_output_prefix: str, data: DataConfig, metadata: dict[str, str]) -> dict[str, Any]:
        return {
            "_local_sandbox_dir": Path(f"{root}/local_flytekit"),
            "_local": self._local,
            "_data_config": data,
            "_execution_metadata": metadata if data.generic.attach_execution_metadata else None,
            "_default_protocol": "file",
            "_default_remote": self._remote,
            "_raw_output_prefix": raw_output_prefix if raw_output_prefix.endswith("/") else f"{raw_output_prefix}/",
        }

    def _are_kept(self) -> bool:
        return file_systems.is_in_use(self._local) and file_systems.is_in_use(self._remote)


def _is_local(prefix: str) -> bool:
    """Whether it is an absolute path: fsspec sees a protocol before either of these, wherever they are."""
    return prefix.startswith("/") and "::" not in prefix and "://" not in prefix


def execution_state(working_dir: Path, parameters: ExecutionParameters, like: ExecutionState) -> ExecutionState:
    """As ExecutionState(...) of a task's execution. `working_dir` has a directory engine_dir; `like` is any other."""
    parts: dict[str, Any] = {
        "working_dir": working_dir,
        "mode": ExecutionState.Mode.TASK_EXECUTION,
        "engine_dir": f"{working_dir}/engine_dir",
        "branch_eval_mode": None,
        "user_space_params": parameters,
    }
    if ExecutionState.__init__ is not _STATE_INIT or vars(like).keys() != parts.keys():
        return ExecutionState(working_dir, mode=parts["mode"], user_space_params=parameters)
    state = object.__new__(ExecutionState)
    vars(state).update(parts)
    return state
