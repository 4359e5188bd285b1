"""SyncCheckpoint: what a task saves, and what an earlier attempt has saved."""

import os
import pathlib

import flytekit
from flytekit import FlyteContextManager, task
from flytekit.core.checkpointer import SyncCheckpoint

from conformance import EVERYWHERE, LOCAL, Case


def _checkpoint() -> SyncCheckpoint:
    return flytekit.current_context().checkpoint


def _attempt(what: object) -> str:
    """What a call returns or raises."""
    try:
        return repr(what())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@task
def sum_up(numbers: list[int], fail_at: int) -> int:
    """Goes on where an earlier attempt stopped."""
    earlier = _checkpoint().read()
    done, total = map(int, earlier.decode().split()) if earlier else (0, 0)
    print("starts at", done)
    for index in range(done, len(numbers)):
        if index == fail_at:
            raise flytekit.exceptions.user.FlyteRecoverableException(f"stopped at {index} with {total}")
        total += numbers[index]
        _checkpoint().write(f"{index + 1} {total}".encode())
    return total


@task
def saves() -> list[str]:
    """Each way to save; all of them land in one place."""
    os.chdir(flytekit.current_context().working_directory)
    pathlib.Path("path.txt").write_text("by path")
    pathlib.Path("text.txt").write_text("by text")
    directory = pathlib.Path("directory/below")
    directory.mkdir(parents=True)
    (directory / "ä b.txt").write_text("in a directory")
    checkpoint = _checkpoint()
    checkpoint.save(pathlib.Path("path.txt"))
    checkpoint.save("text.txt")
    checkpoint.save(pathlib.Path("directory"))
    with open("path.txt", "rb") as reader:
        checkpoint.save(reader)
    return [
        _attempt(lambda: checkpoint.save(5)),
        _attempt(lambda: checkpoint.save("no such file")),
        _attempt(lambda: checkpoint.write(b"over the reader's")),
        str(checkpoint.prev_exists()),
    ]


@task
def restores() -> dict[str, str]:
    """Several restores: the second one returns what the first one made."""
    checkpoint = _checkpoint()
    os.chdir(flytekit.current_context().working_directory)
    os.mkdir("first")
    os.mkdir("second")
    pathlib.Path("file").write_text("")
    told = {
        "prev_exists": str(checkpoint.prev_exists()),
        "to a file": _attempt(lambda: checkpoint.restore("file")),
        "to nowhere": _attempt(lambda: checkpoint.restore("nowhere")),
        "first": _attempt(lambda: checkpoint.restore("first")),
        "second": _attempt(lambda: checkpoint.restore(pathlib.Path("second"))),
        "read": _attempt(checkpoint.read),
    }
    found = sorted(str(path) for name in ("first", "second") for path in pathlib.Path(name).rglob("*"))
    return {**told, "found": str(found)}


@task
def restores_by_itself() -> list[str]:
    """Without a path, to a directory of its own."""
    checkpoint = _checkpoint()
    restored = checkpoint.restore()
    if restored is None:
        return [str(checkpoint.prev_exists()), str(checkpoint.read())]
    found = sorted(f"{path.relative_to(restored)}" for path in restored.rglob("*") if path.is_file())
    return [restored.name, *found, _attempt(checkpoint.read), str(checkpoint.prev_exists())]


@task
def is_there() -> str:
    return str(type(_checkpoint()).__name__) if flytekit.current_context().checkpoint else "none"


@task
def asks_for_none() -> str:
    return _attempt(lambda: flytekit.current_context().checkpoint)


@task
def of_its_own() -> list[str]:
    """A checkpoint that the task makes itself, with its destination as the next one's source."""
    where = FlyteContextManager.current_context().file_access.join(os.environ["WHERE"], "own")
    SyncCheckpoint(checkpoint_dest=where).write(b"one")
    again = SyncCheckpoint(checkpoint_dest=f"{where}2", checkpoint_src=where)
    told = [str(again.prev_exists()), str(again.read())]
    again.write(b"two")
    third = SyncCheckpoint(checkpoint_dest=f"{where}3", checkpoint_src=f"{where}2")
    return [*told, str(third.read())]


_C = "SyncCheckpoint"
_DESTINATION = ("--checkpoint-path", "{run}/checkpoint")
_SOURCE = (*_DESTINATION, "--prev-checkpoint", "{shared}/earlier")
_PLACEHOLDERS = ("--checkpoint-path", "{{.checkpointOutputPrefix}}", "--prev-checkpoint", "{{.prevCheckpointPrefix}}")
_SUM = {"numbers": [1, 2, 3, 4, 5], "fail_at": -1}
_RESTORE = (f"{_C}.restore", f"{_C}.prev_exists", f"{_C}.read")
_TREE = {"earlier/one": b"1", "earlier/below/two": b"2"}

CASES = [
    Case(
        "sum_up",
        {**_SUM, "fail_at": 3},
        variant="first-attempt",
        ends_with="error",
        flags=_DESTINATION,
        storage=EVERYWHERE,
        proves=(f"{_C}.write", f"{_C}.read"),
    ),
    Case(
        "sum_up",
        _SUM,
        variant="second-attempt",
        # What the first attempt has left, under the name that write() gives it.
        files={"earlier/_dst_cp": b"3 6"},
        flags=_SOURCE,
        storage=EVERYWHERE,
        proves=(f"{_C}.write", f"{_C}.read"),
    ),
    Case("saves", flags=_DESTINATION, storage=EVERYWHERE, proves=(f"{_C}.save", f"{_C}.write")),
    Case("restores", files={"earlier/one": b"1"}, flags=_SOURCE, storage=EVERYWHERE, proves=_RESTORE),
    Case("restores", files=_TREE, variant="directory", flags=_SOURCE, storage=EVERYWHERE, proves=_RESTORE),
    Case("restores", variant="missing", flags=_SOURCE, storage=EVERYWHERE, proves=_RESTORE),
    Case("restores_by_itself", files=_TREE, flags=_SOURCE, storage=EVERYWHERE, proves=_RESTORE),
    Case("restores_by_itself", variant="no-source", flags=_DESTINATION, storage=EVERYWHERE, proves=_RESTORE),
    Case("restores_by_itself", variant="missing", flags=_SOURCE, storage=EVERYWHERE, ends_with="error"),
    Case(
        "restores_by_itself",
        variant="empty-source",
        flags=(*_DESTINATION, "--prev-checkpoint", ""),
        proves=_RESTORE,
        storage=LOCAL,
    ),
    Case("is_there", flags=_DESTINATION, storage=EVERYWHERE),
    Case("asks_for_none", storage=LOCAL),
    Case("asks_for_none", variant="placeholders", flags=_PLACEHOLDERS, storage=LOCAL),
    Case("asks_for_none", variant="only-a-source", flags=("--prev-checkpoint", "{shared}/earlier"), storage=LOCAL),
    Case("is_there", variant="source-placeholder", flags=(*_DESTINATION, *_PLACEHOLDERS[2:]), storage=LOCAL),
    Case("of_its_own", storage=EVERYWHERE, env={"WHERE": "{run}"}, proves=(_C, f"{_C}.read", f"{_C}.write")),
]
