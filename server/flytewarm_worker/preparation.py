"""Sandbox and context of the next execution, made while nothing is to do: whoever asks then waits for less.

They depend on the settings of the request. What is asked for again and again has the same, so that they are made for
those of the last two executions, where these were equal, and were such that nothing but names comes from them: what
reads a file or a credential, or holds a secret, is left to the execution that asks for it.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass

from flytekit.core.context_manager import FlyteContext, FlyteContextManager

from flytewarm_api.v1 import settings_pb2
from flytewarm_worker import flytekit_private
from flytewarm_worker.configuration import Configuration, ConfigurationCache
from flytewarm_worker.context import (
    execution_context,
    execution_date,
    shares_what_is_kept,
    task_environment,
    use_outside_contexts,
)
from flytewarm_worker.context_copies import Copies, NotCopiedError
from flytewarm_worker.process_state import ProcessState
from flytewarm_worker.sandbox import Sandbox, Sandboxes
from flytewarm_worker.variables import raw_environment
from flytewarm_worker.versions import version

# Names, and what is used only when the execution has begun.
_PLAIN = frozenset({"execution", "task", "workflow", "launch_plan", "output_prefix", "deck"})


@dataclass(frozen=True)
class Stage:
    """Where an execution runs: its sandbox, which the process is in, with its environment variables."""

    sandbox: Sandbox
    # None where it is still to be made.
    context: FlyteContext | None = None
    # That from which it was made, and the version of the environment variables then.
    outer: FlyteContext | None = None
    variables: object = None

    def holds(self) -> bool:
        """Whether the process is still in it: threads that modules have started, and finalizers, may do anything."""
        return self.outer is FlyteContextManager.current_context() and version(raw_environment()) == self.variables


@dataclass(frozen=True)
class _Template:
    """Copies of a context, of which executions get each one; one that nobody enters; and what they were made from."""

    copies: Copies
    context: FlyteContext
    settings: settings_pb2.ExecutionSettings
    configuration: Configuration
    outer: FlyteContext
    # How many there were: one more may have replaced what contexts are made with.
    modules: int

    def holds(self, settings: settings_pb2.ExecutionSettings, configuration: Configuration) -> bool:
        """Whether a context made of these now would be the same, and what copies share with it is as it was."""
        return (
            self.settings is settings
            and self.configuration is configuration
            and self.outer is FlyteContextManager.current_context()
            and self.modules == len(sys.modules)
            and shares_what_is_kept(self.context)
        )


class Stages:
    """The stages of one worker, one after the other."""

    def __init__(self, sandboxes: Sandboxes, configuration: ConfigurationCache, state: ProcessState) -> None:
        self._sandboxes = sandboxes
        self._configuration = configuration
        self._state = state
        # The last plain ones; and whether it is likely that the next execution has them.
        self._last = settings_pb2.ExecutionSettings()
        self._variables: dict[str, str] = {}
        self._repeated = True
        self._template: _Template | None = None
        self._ready: Stage | None = None

    def prepare(self) -> None:
        """Makes the next stage ahead, if what it will have to be can be told. The process must have been put back."""
        if not self._repeated:
            return
        try:
            sandbox = self._sandboxes.enter(self._variables)
            context = self._context_in(sandbox)
            self._ready = Stage(sandbox, context, FlyteContextManager.current_context(), version(raw_environment()))
        except Exception:  # noqa: BLE001  # the execution meets it again, and tells
            self._repeated = False
            self._state.withdraw()

    def enter(self, settings: settings_pb2.ExecutionSettings) -> Stage:
        """The stage of an execution. Raises ValueError for variables that cannot be set, and OSError."""
        ready, self._ready = self._ready, None
        self._note(settings)
        if ready is not None:
            if self._repeated and ready.holds():
                self._sandboxes.enter_again()
                return ready
            self._state.withdraw()
        return Stage(self._sandboxes.enter(task_environment(settings)))

    def leave(self) -> None:
        """Gives up what was made ahead."""
        if self._ready is not None:
            self._ready = None
            self._state.withdraw()

    def context(self, stage: Stage, settings: settings_pb2.ExecutionSettings) -> FlyteContext:
        """The context of the execution that has entered the stage, which begins now. Raises whatever flytekit raises
        for its settings."""
        if stage.context is None:
            return execution_context(settings, stage.sandbox, self._configuration.current())
        flytekit_private.date_execution(stage.context.user_space_params, execution_date(settings))
        return stage.context

    def _context_in(self, sandbox: Sandbox) -> FlyteContext:
        settings, configuration, template = self._last, self._configuration.current(), self._template
        if template is not None and template.holds(settings, configuration):
            use_outside_contexts(sandbox, configuration)
            return template.copies.make(sandbox)
        outer = FlyteContextManager.current_context()
        context = execution_context(settings, sandbox, configuration)
        with contextlib.suppress(NotCopiedError):
            # Of what cannot be copied each is made.
            copies = Copies(context)
            kept = copies.make(sandbox)
            self._template = _Template(copies, kept, settings, configuration, outer, len(sys.modules))
        return context

    def _note(self, settings: settings_pb2.ExecutionSettings) -> None:
        is_plain = all(field.name in _PLAIN for field, _ in settings.ListFields())
        self._repeated = is_plain and settings == self._last
        if is_plain and not self._repeated:
            # A copy: the request that they are a part of may be large.
            self._last = settings_pb2.ExecutionSettings()
            self._last.CopyFrom(settings)
            self._variables = task_environment(settings)
