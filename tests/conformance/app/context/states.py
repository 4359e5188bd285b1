"""ExecutionState: modes, directories, branches."""

import os

import flytekit
from flytekit import conditional, task, workflow
from flytekit.core.context_manager import BranchEvalMode, ExecutionState, FlyteContextManager

from conformance import Case
from seen import raised, told

Mode = ExecutionState.Mode


@task
def current() -> str:
    context = FlyteContextManager.current_context()
    state = context.execution_state
    return told(
        mode=state.mode.name,
        local=state.is_local_execution(),
        branch=state.branch_eval_mode,
        working=state.working_dir,
        engine=state.engine_dir,
        sandbox=[
            str(context.file_access.local_sandbox_dir),
            state.working_dir == context.file_access.local_sandbox_dir,
        ],
        found=[sorted(os.listdir(name)) for name in (state.working_dir, state.engine_dir)],
        types=[type(state.working_dir).__name__, type(state.engine_dir).__name__],
    )


@task
def modes() -> str:
    state = FlyteContextManager.current_context().execution_state
    made = {mode.name: state.with_params(mode=mode) for mode in Mode}
    return told(local={name: one.is_local_execution() for name, one in made.items()}, kept=state.mode.name)


@task
def changed() -> str:
    state = FlyteContextManager.current_context().execution_state
    directory = os.path.join(flytekit.current_context().working_directory, "engine")
    copy = state.with_params()
    made = state.with_params(engine_dir=directory, branch_eval_mode=BranchEvalMode.BRANCH_ACTIVE)
    names = ("working_dir", "mode", "engine_dir", "branch_eval_mode", "user_space_params")
    return told(
        same={name: getattr(copy, name) is getattr(state, name) for name in names},
        made=[os.path.isdir(made.engine_dir), made.branch_eval_mode.value, made.working_dir == state.working_dir],
        constructed=raised(lambda: ExecutionState("")),
    )


@task
def branches() -> str:
    state = FlyteContextManager.current_context().execution_state.with_params()
    seen = [state.branch_eval_mode]
    state.take_branch()
    seen.append(state.branch_eval_mode.value)
    state.branch_complete()
    seen.append(state.branch_eval_mode.value)
    return told(seen=seen)


@task
def new_state() -> str:
    context = FlyteContextManager.current_context()
    state = context.new_execution_state()
    other = context.new_execution_state(flytekit.current_context().working_directory)
    return told(
        working=state.working_dir,
        mode=state.mode,
        same=state.user_space_params is flytekit.current_context(),
        other=[other.working_dir, other.engine_dir, os.listdir(other.working_dir)],
    )


@task
def double(a: int) -> int:
    return a * 2


@task
def mode_of_a_task() -> str:
    context = FlyteContextManager.current_context()
    return told(mode=context.execution_state.mode.name, size=FlyteContextManager.size(), level=context.level)


@workflow
def doubled_or_not(a: int) -> int:
    return conditional("size").if_(a > 3).then(double(a=a)).else_().then(double(a=double(a=a)))


@workflow
def one_mode() -> str:
    return mode_of_a_task()


@task
def called_tasks() -> str:
    """A task that calls a task, or a workflow, runs it as if it was on a laptop."""
    before = FlyteContextManager.size()
    return told(
        value=double(a=4),
        mode=mode_of_a_task(),
        workflow=raised(one_mode),
        missing=raised(double),
        after=FlyteContextManager.size() - before,
    )


@task
def conditional_sections() -> str:
    context = FlyteContextManager.current_context()
    local = context.execution_state.with_params(mode=Mode.LOCAL_WORKFLOW_EXECUTION)
    seen = []
    with FlyteContextManager.with_context(context.with_execution_state(local)) as entered:
        with FlyteContextManager.with_context(entered.enter_conditional_section()) as outer:
            seen.append([outer.in_a_condition, outer.execution_state.branch_eval_mode.value])
            outer.execution_state.take_branch()
            with FlyteContextManager.with_context(outer.enter_conditional_section()) as inner:
                seen.append([inner.in_a_condition, inner.execution_state.branch_eval_mode.value])
        seen.append([entered.in_a_condition, entered.execution_state.branch_eval_mode])
        values = [raised(lambda a=a: doubled_or_not(a=a)) for a in (1, 5)]
    return told(seen=seen, values=values, after=FlyteContextManager.size())


CASES = [
    Case("current", proves=("ExecutionState", "ExecutionState.is_local_execution")),
    Case("modes", proves=("ExecutionState.is_local_execution", "ExecutionState.with_params")),
    Case("changed", proves=("ExecutionState", "ExecutionState.with_params")),
    Case("branches", proves=("ExecutionState.take_branch", "ExecutionState.branch_complete")),
    Case("new_state", proves=("FlyteContext.new_execution_state",)),
    Case("called_tasks", proves=("FlyteContextManager.with_context",)),
    Case("conditional_sections", proves=("FlyteContext.enter_conditional_section", "ExecutionState.take_branch")),
]
