"""The stack of contexts, as a task meets and changes it."""

import inspect
import signal

import flytekit
from flytekit import task
from flytekit.core.context_manager import FlyteContext, FlyteContextManager
from flytekit.core.data_persistence import FileAccessProvider

from conformance import Case
from seen import raised, told


def _about(context: FlyteContext) -> dict[str, object]:
    state = context.execution_state
    return {
        "level": context.level,
        "mode": state.mode.name if state and state.mode else None,
        "client": context.flyte_client,
        "compiling": context.compilation_state,
        "in a condition": context.in_a_condition,
        "queue": context.worker_queue,
        "tracker": context.output_metadata_tracker is not None,
        "settings": context.serialization_settings is not None,
        "execution": context.user_space_params.execution_id.name if context.user_space_params else None,
    }


@task
def fresh() -> str:
    context = FlyteContextManager.current_context()
    return told(
        size=FlyteContextManager.size(),
        same=[
            FlyteContext.current_context() is context,
            flytekit.current_context() is context.user_space_params,
            context.execution_state.user_space_params is context.user_space_params,
        ],
        about=_about(context),
    )


@task
def pushed_and_popped() -> str:
    context = FlyteContextManager.current_context()
    before = FlyteContextManager.size()
    inner = FlyteContextManager.push_context(context.new_builder().build())
    during = [FlyteContextManager.size() - before, FlyteContextManager.current_context() is inner, inner.level]
    popped = FlyteContextManager.pop_context() is inner
    with FlyteContextManager.with_context(context.new_builder()) as entered:
        # A context that is left on top is taken away with the one below.
        FlyteContextManager.push_context(entered.new_builder().build())
        within = FlyteContextManager.size() - before
    return told(before=before, during=during, popped=popped, within=within, after=FlyteContextManager.size())


@task
def left_on_the_stack() -> str:
    """What a task leaves pushed is gone in the next execution; what it pops is not missed by flytekit."""
    before = FlyteContextManager.size()
    for _ in range(3):
        FlyteContextManager.push_context(FlyteContextManager.current_context().new_builder().build())
    return told(before=before, after=FlyteContextManager.size())


@task
def popped_to_the_bottom() -> str:
    levels = [FlyteContextManager.current_context().level]
    taken = []
    while FlyteContextManager.size() > 1:
        taken.append(FlyteContextManager.pop_context())
        levels.append(FlyteContextManager.current_context().level)
    bottom = _about(FlyteContextManager.current_context())
    tasks = flytekit.current_context().task_id
    for context in reversed(taken):
        FlyteContextManager.push_context(context)
    return told(levels=levels, bottom=bottom, task=[tasks.project, tasks.name], after=FlyteContextManager.size())


@task
def begun_anew() -> str:
    """initialize() forgets everything; flytekit expects its own contexts afterwards, so they are put back."""
    kept = []
    while FlyteContextManager.size() > 1:
        kept.append(FlyteContextManager.pop_context())
    FlyteContextManager.initialize()
    context = FlyteContextManager.current_context()
    seen = {"size": FlyteContextManager.size(), **_about(context)}
    parameters = context.user_space_params
    seen["stats"] = type(parameters.stats).__name__
    seen["prefix"] = [type(parameters.raw_output_prefix).__name__, parameters.output_metadata_prefix]
    for one in reversed(kept):
        FlyteContextManager.push_context(one)
    return told(seen=seen, after=FlyteContextManager.size())


def _handler(number, frame) -> None:
    raise AssertionError("is not called")


@task
def signal_handlers() -> str:
    before = len(FlyteContextManager.signal_handlers)
    FlyteContextManager.add_signal_handler(_handler)
    handler = signal.getsignal(signal.SIGINT)
    return told(
        before=before,
        after=len(FlyteContextManager.signal_handlers) - before,
        interrupt=[getattr(handler, "__qualname__", str(handler)), getattr(handler, "__module__", "")],
    )


@task
def signal_is_handled() -> str:
    """flytekit's handler of SIGINT calls those that were added, then ends the process: caught here."""
    called = []
    FlyteContextManager.add_signal_handler(lambda number, _: called.append(number))
    ended = raised(lambda: signal.raise_signal(signal.SIGINT))
    FlyteContextManager.signal_handlers.pop()
    return told(called=called, ended=ended)


@task
def stack_frames() -> str:
    frame = FlyteContextManager.get_origin_stackframe(limit=1)
    context = FlyteContextManager.current_context().new_builder().build()
    unset = context.get_origin_stackframe_repr()
    context.set_stackframe(frame)
    own = context.get_origin_stackframe_repr().split("(")[1].split(",")[0]
    with FlyteContextManager.with_context(context.new_builder()) as entered:
        origin = entered.origin_stackframe
    current = FlyteContextManager.current_context().get_origin_stackframe_repr()
    return told(
        unset=unset,
        own=own,
        module=context.origin_stackframe.filename.endswith("stack.py"),
        entered=[origin.name, origin.filename.rsplit("/", 1)[-1]],
        current=current.split(",")[0],
        called_from=inspect.stack()[1].function,
    )


@task
def builders() -> str:
    context = FlyteContextManager.current_context()
    files = FileAccessProvider(flytekit.current_context().working_directory, "raw")
    compilation = context.new_compilation_state("p-")
    made = {
        "client": context.with_client("a client").build().flyte_client,
        "queue": context.with_worker_queue("a queue").build().worker_queue,
        "settings": context.with_serialization_settings("settings").build().serialization_settings,
        "tracker": context.with_output_metadata_tracker("a tracker").build().output_metadata_tracker,
        "files": context.with_file_access(files).build().file_access.raw_output_prefix,
        "compilation": [compilation.prefix, compilation.mode, compilation.nodes],
        "compiling": context.with_compilation_state(compilation).build().compilation_state is compilation,
        "newly": raised(lambda: context.with_new_compilation_state().build().compilation_state.prefix),
        "execution": context.with_execution_state(context.execution_state).build().user_space_params
        is flytekit.current_context(),
        "level": context.new_builder().build().level - context.level,
        "conditional": context.enter_conditional_section().build().in_a_condition,
    }
    constructed = FlyteContext(file_access=files)
    return told(made=made, constructed=[constructed.level, constructed.execution_state, constructed.user_space_params])


_CONTEXT = (
    *("with_client", "with_worker_queue", "with_serialization_settings", "with_output_metadata_tracker"),
    *("with_file_access", "with_compilation_state", "with_new_compilation_state", "with_execution_state"),
    *("new_builder", "new_compilation_state", "enter_conditional_section"),
)

CASES = [
    Case(
        "fresh",
        proves=(
            *("FlyteContextManager", "FlyteContextManager.size", "FlyteContextManager.current_context"),
            *("FlyteContext.current_context", "FlyteContext.user_space_params"),
        ),
    ),
    Case(
        "pushed_and_popped",
        proves=tuple(f"FlyteContextManager.{name}" for name in ("push_context", "pop_context", "with_context", "size")),
    ),
    Case("left_on_the_stack", proves=("FlyteContextManager.push_context",)),
    Case("popped_to_the_bottom", proves=("FlyteContextManager.pop_context",)),
    Case("begun_anew", proves=("FlyteContextManager.initialize",)),
    Case("signal_handlers", proves=("FlyteContextManager.add_signal_handler",)),
    Case("signal_is_handled", proves=("FlyteContextManager.add_signal_handler",)),
    Case(
        "stack_frames",
        proves=(
            *("FlyteContextManager.get_origin_stackframe", "FlyteContext.set_stackframe"),
            "FlyteContext.get_origin_stackframe_repr",
        ),
    ),
    Case("builders", proves=("FlyteContext", *(f"FlyteContext.{name}" for name in _CONTEXT))),
]
