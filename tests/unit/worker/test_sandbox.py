"""An execution's own directories: what it finds in them, and that nothing of it is left for the next."""

from __future__ import annotations

import mmap
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from flytewarm_worker import contents
from flytewarm_worker import sandbox as sandbox_module
from flytewarm_worker.sandbox import Sandbox, Sandboxes, set_arguments

InFork = Callable[[Callable[[], None]], None]
_SECOND_NS = 1_000_000_000
_LONG_NS = 3600 * _SECOND_NS


def _sandboxes(tmp_path: Path, *, may_watch: bool = True) -> Sandboxes:
    for name in ("worker", "app"):
        (tmp_path / name).mkdir()
    (tmp_path / "app" / "data.txt").write_text("of the app")
    (tmp_path / "app" / "large.bin").write_bytes(bytes((1 << 20) + 1))
    (tmp_path / "app" / "package").mkdir()
    (tmp_path / "app" / "linked.txt").symlink_to(tmp_path / "app" / "data.txt")
    return Sandboxes(tmp_path / "worker", str(tmp_path / "app"), may_watch=may_watch)


def test_the_sandbox_surrounds_an_execution(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        sandboxes = _sandboxes(tmp_path)
        sandbox = sandboxes.enter({"GIVEN": "x", "TMPDIR": "/elsewhere"})
        set_arguments(["/usr/bin/pyflyte-execute", "--a"])
        assert sandbox.root == str(tmp_path / "worker" / "1")
        assert os.environ["GIVEN"] == "x"
        assert sys.argv == [os.path.join(os.path.dirname(sys.executable), "pyflyte-execute"), "--a"]
        with tempfile.NamedTemporaryFile() as file:
            assert Path(file.name).parent == Path(sandbox.tmp)
        made = subprocess.run(["mktemp"], capture_output=True, text=True, check=True).stdout.strip()
        assert Path(made).parent == Path(sandbox.tmp)
        assert sys.path[-1] == os.getcwd() == sandbox.work
        assert Path("data.txt").read_text() == "of the app"
        Path("new.txt").write_text("of the execution")
        assert sandboxes.replace() == ""
        assert [one.name for one in (tmp_path / "worker").iterdir()] == ["2"]
        assert not (tmp_path / "app" / "new.txt").exists()

    in_fork(check)


def test_a_sandbox_that_the_task_deleted_is_replaced(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        sandboxes = _sandboxes(tmp_path)
        sandbox = sandboxes.enter({})
        shutil.rmtree(sandbox.root)
        assert sandboxes.replace() == ""

    in_fork(check)


def test_a_sandbox_that_cannot_be_replaced_is_told(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        sandboxes = _sandboxes(tmp_path)
        shutil.rmtree(tmp_path / "worker")
        assert "the sandbox could not be replaced" in sandboxes.replace()

    in_fork(check)


def _tree(root: str) -> dict[str, str]:
    """Every path under a directory, relative, with its kind: its mode, and a file's text, or the target of a link."""
    found = {}
    for path in sorted(Path(root).rglob("*")):
        if path.is_symlink():
            kind = f"-> {path.readlink()}"
        else:
            kind = oct(path.stat().st_mode) + ("" if path.is_dir() else path.read_text())
        found[str(path.relative_to(root))] = kind
    return found


def _files_everywhere(sandbox: Sandbox, _elsewhere: Path) -> None:
    for directory in (
        sandbox.root,
        sandbox.tmp,
        sandbox.work,
        sandbox.user,
        f"{sandbox.root}/local_flytekit/engine_dir",
    ):
        Path(directory, "left.txt").write_text("left")
        Path(directory, "deep", "deeper").mkdir(parents=True)


def _another_link(sandbox: Sandbox, elsewhere: Path) -> None:
    Path(sandbox.work, "package").unlink()
    Path(sandbox.work, "package").symlink_to(elsewhere)


def _file_for_a_link(sandbox: Sandbox, _elsewhere: Path) -> None:
    Path(sandbox.work, "package").unlink()
    Path(sandbox.work, "package").write_text("mine")


def _link_for_a_file(sandbox: Sandbox, elsewhere: Path) -> None:
    Path(sandbox.work, "data.txt").unlink()
    Path(sandbox.work, "data.txt").symlink_to(elsewhere)


def _written_in_place(sandbox: Sandbox, _elsewhere: Path) -> None:
    Path(sandbox.work, "data.txt").write_text("my own app")


def _mode_of_a_file(sandbox: Sandbox, _elsewhere: Path) -> None:
    Path(sandbox.work, "data.txt").chmod(0o400)


def _link_for_a_directory(sandbox: Sandbox, elsewhere: Path) -> None:
    shutil.rmtree(sandbox.tmp)
    Path(sandbox.tmp).symlink_to(elsewhere)


def _link_for_the_root(sandbox: Sandbox, elsewhere: Path) -> None:
    shutil.rmtree(sandbox.root)
    Path(sandbox.root).symlink_to(elsewhere)


def _mode(sandbox: Sandbox, _elsewhere: Path) -> None:
    Path(sandbox.tmp).chmod(0o500)


def _missing(sandbox: Sandbox, _elsewhere: Path) -> None:
    shutil.rmtree(f"{sandbox.root}/local_flytekit/engine_dir")


def _renamed(sandbox: Sandbox, _elsewhere: Path) -> None:
    """For another of the same name and mode, which is empty: as it should be, but for what is in the one that goes."""
    Path(sandbox.tmp).rename(f"{sandbox.user}/tmp")
    Path(sandbox.tmp).mkdir(mode=0o700)
    Path(sandbox.tmp, "left.txt").write_text("left")


def _wait_for_a_tick() -> None:
    """Until a change gets another time than those before."""
    now = contents.now_ns()
    while contents.now_ns() == now:
        pass


def _another_root(sandbox: Sandbox, elsewhere: Path) -> None:
    Path(sandbox.root).rename(f"{elsewhere}/root")
    shutil.copytree(f"{elsewhere}/root", sandbox.root, symlinks=True)
    Path(sandbox.work, "data.txt").write_text("my own app")


def _written_through_a_map(sandbox: Sandbox, _elsewhere: Path) -> None:
    with open(f"{sandbox.work}/data.txt", "r+b") as file:
        mmap.mmap(file.fileno(), 0)[:2] = b"my"


def _written_through_another_link(sandbox: Sandbox, elsewhere: Path) -> None:
    os.link(f"{sandbox.work}/data.txt", f"{elsewhere}/link")
    (elsewhere / "link").write_text("my own app")


def _truncated(sandbox: Sandbox, _elsewhere: Path) -> None:
    os.truncate(f"{sandbox.work}/data.txt", 2)


def _written_by_a_child(sandbox: Sandbox, _elsewhere: Path) -> None:
    subprocess.run(["sh", "-c", "echo mine > data.txt; echo left > left.txt"], check=True, cwd=sandbox.work)


@pytest.mark.parametrize("is_watched", [False, True])
@pytest.mark.parametrize("is_old", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        _files_everywhere,
        _another_link,
        _file_for_a_link,
        _link_for_a_file,
        _written_in_place,
        _mode_of_a_file,
        _link_for_a_directory,
        _mode,
        _missing,
        _renamed,
        _another_root,
        _written_through_a_map,
        _written_through_another_link,
        _truncated,
        _written_by_a_child,
    ],
)
def test_the_next_sandbox_is_as_the_first(
    in_fork: InFork,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Sandbox, Path], None],
    is_old: bool,
    is_watched: bool,
) -> None:
    if is_watched:
        monkeypatch.setattr(sandbox_module, "_PATIENCE", 1)
    if is_old:
        # As if the directories had been there for long: then they are not listed without need.
        monkeypatch.setattr(contents, "_MARGIN_NS", -_LONG_NS)

    def check() -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "kept.txt").write_text("kept")
        sandboxes = _sandboxes(tmp_path)
        assert sandboxes.replace() == ""
        _wait_for_a_tick()
        sandbox = sandboxes.enter({})
        before = _tree(sandbox.root)
        change(sandbox, elsewhere)
        assert sandboxes.replace() == ""
        following = sandboxes.enter({})
        assert following.root != sandbox.root
        assert not os.path.exists(sandbox.root)
        assert _tree(following.root) == before
        assert (elsewhere / "kept.txt").read_text() == "kept"

    in_fork(check)


class _WholeSeconds:
    """A file's status as a file system has it that keeps no more."""

    def __init__(self, status: os.stat_result) -> None:
        self._status = status

    def __getattr__(self, name: str) -> object:
        found = getattr(self._status, name)
        return found // _SECOND_NS * _SECOND_NS if name == "st_ctime_ns" else found


def test_what_is_made_in_the_tick_of_a_directory_is_deleted(
    in_fork: InFork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lstat = os.lstat
    monkeypatch.setattr(os, "lstat", lambda path: _WholeSeconds(lstat(path)))

    def check() -> None:
        held: contents.Contents = {"tmp": {}}
        is_same_tick = False
        while not is_same_tick:
            root = tempfile.mkdtemp(dir=tmp_path) + "/root"
            tree = contents.Tree(root, held)
            assert tree.restore(root, held, contents.now_ns())
            before = os.lstat(f"{root}/tmp").st_ctime_ns
            file = Path(root, "tmp", "left.txt")
            started = contents.now_ns()
            file.touch()
            is_same_tick = os.lstat(f"{root}/tmp").st_ctime_ns == before
            assert tree.restore(root, held, started)
            assert not file.exists()

    in_fork(check)


def test_directories_that_nobody_changed_are_not_listed(
    in_fork: InFork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[str] = []
    scandir = os.scandir

    def listing(path: str) -> object:
        listed.append(path)
        return scandir(path)

    monkeypatch.setattr(contents, "_MARGIN_NS", -_LONG_NS)
    monkeypatch.setattr(os, "scandir", listing)

    def check() -> None:
        sandboxes = _sandboxes(tmp_path)
        assert sandboxes.replace() == ""
        _wait_for_a_tick()
        sandbox = sandboxes.enter({})
        Path(sandbox.tmp, "left.txt").touch()
        listed.clear()
        assert sandboxes.replace() == ""
        # The sandbox itself was renamed.
        assert listed == [str(tmp_path / "app"), sandbox.root, sandbox.tmp]

    in_fork(check)


def test_a_watched_sandbox_that_nobody_touched_is_not_looked_at(
    in_fork: InFork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_module, "_PATIENCE", 1)
    looked: list[str] = []

    def check() -> None:
        sandboxes = _sandboxes(tmp_path)
        assert sandboxes.replace() == ""
        lstat = os.lstat
        monkeypatch.setattr(os, "lstat", lambda path: looked.append(path) or lstat(path))
        for _ in range(3):
            sandbox = sandboxes.enter({})
            assert sandboxes.replace() == ""
            assert looked == [sandbox.root]
            looked.clear()
        sandbox = sandboxes.enter({})
        Path(sandbox.tmp, "left.txt").touch()
        assert sandboxes.replace() == ""
        assert sandbox.tmp in looked

    in_fork(check)


@pytest.mark.parametrize(("may_watch", "made"), [(False, 0), (True, 1)])
def test_a_sandbox_is_made_anew_to_be_watched_only_where_it_may_be(
    in_fork: InFork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, may_watch: bool, made: int
) -> None:
    monkeypatch.setattr(sandbox_module, "_PATIENCE", 2)

    def check() -> None:
        sandboxes = _sandboxes(tmp_path, may_watch=may_watch)
        removed: list[str] = []
        remove_tree = sandbox_module.remove_tree
        monkeypatch.setattr(sandbox_module, "remove_tree", lambda path: removed.append(path) or remove_tree(path))
        for _ in range(6):
            sandboxes.enter({})
            assert sandboxes.replace() == ""
        assert len(removed) == made

    in_fork(check)


@pytest.mark.parametrize("place", ["tmp", "work", "local_flytekit", "sandbox/local_flytekit/engine_dir"])
def test_a_directory_that_was_made_again_is_looked_at_from_then_on(
    in_fork: InFork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """What the kernel watches has gone with the first one."""
    monkeypatch.setattr(sandbox_module, "_PATIENCE", 1)

    def check() -> None:
        sandboxes = _sandboxes(tmp_path)
        assert sandboxes.replace() == ""
        sandbox = sandboxes.enter({})
        before = _tree(sandbox.root)
        # Held open, so that the kernel does not tell of its end.
        held = os.open(f"{sandbox.root}/{place}", os.O_RDONLY)
        os.rename(f"{sandbox.root}/{place}", f"{sandbox.root}/elsewhere")
        shutil.copytree(f"{sandbox.root}/elsewhere", f"{sandbox.root}/{place}", symlinks=True)
        assert sandboxes.replace() == ""
        sandbox = sandboxes.enter({})
        Path(sandbox.root, place, "left.txt").touch()
        assert sandboxes.replace() == ""
        assert _tree(sandboxes.enter({}).root) == before
        os.close(held)

    in_fork(check)


def test_what_comes_late_has_the_path_of_an_execution_that_has_ended(
    in_fork: InFork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_module, "_PATIENCE", 1)

    def check() -> None:
        sandboxes, roots = _sandboxes(tmp_path), set()
        for _ in range(4):
            roots.add(sandboxes.enter({}).root)
            assert sandboxes.replace() == ""
        assert len(roots) == 4
        assert not any(map(os.path.exists, roots))

    in_fork(check)


def test_what_a_task_still_writes_through_a_map_is_not_the_next_ones(
    in_fork: InFork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_module, "_PATIENCE", 1)

    def check() -> None:
        sandboxes = _sandboxes(tmp_path)
        assert sandboxes.replace() == ""
        sandboxes.enter({})
        with open("data.txt", "r+b") as file:
            mapped = mmap.mmap(file.fileno(), 0)
        assert sandboxes.replace() == ""
        sandboxes.enter({})
        mapped[:2] = b"my"
        assert sandboxes.replace() == ""
        sandboxes.enter({})
        assert Path("data.txt").read_text() == "of the app"

    in_fork(check)


def test_a_link_in_place_of_the_sandbox_is_not_followed(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "kept.txt").write_text("kept")
        sandboxes = _sandboxes(tmp_path)
        sandbox = sandboxes.enter({})
        _link_for_the_root(sandbox, elsewhere)
        assert "the sandbox could not be replaced" in sandboxes.replace()
        assert (elsewhere / "kept.txt").read_text() == "kept"

    in_fork(check)


def test_what_is_new_in_the_code_directory_is_found(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        sandboxes = _sandboxes(tmp_path)
        (tmp_path / "app" / "later.txt").write_text("later")
        assert sandboxes.replace() == ""
        sandbox = sandboxes.enter({})
        assert Path(sandbox.work, "later.txt").read_text() == "later"

    in_fork(check)


def test_files_are_the_executions_own_and_the_rest_are_links(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        sandboxes = _sandboxes(tmp_path)
        sandbox = sandboxes.enter({})
        entries = {entry.name: entry.is_symlink() for entry in os.scandir(sandbox.work)}
        assert entries == {"data.txt": False, "large.bin": True, "package": True, "linked.txt": True}
        Path("data.txt").write_text("changed")
        assert (tmp_path / "app" / "data.txt").read_text() == "of the app"

    in_fork(check)


def test_many_files_are_links(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        sandboxes = _sandboxes(tmp_path)
        for number in range(64):
            (tmp_path / "app" / str(number)).touch()
        assert sandboxes.replace() == ""
        sandbox = sandboxes.enter({})
        assert all(entry.is_symlink() for entry in os.scandir(sandbox.work))

    in_fork(check)


def test_a_file_that_changes_in_the_code_directory_is_copied_again(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        sandboxes = _sandboxes(tmp_path)
        (tmp_path / "app" / "data.txt").write_text("another text")
        assert sandboxes.replace() == ""
        sandboxes.enter({})
        assert Path("data.txt").read_text() == "another text"

    in_fork(check)


def test_a_file_that_cannot_be_read_is_a_link(in_fork: InFork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(source: str, _target: str) -> None:
        raise PermissionError(source)

    # The tests may run as root, whom no file refuses.
    monkeypatch.setattr(shutil, "copy2", refused)

    def check() -> None:
        sandbox = _sandboxes(tmp_path).enter({})
        assert Path(sandbox.work, "data.txt").is_symlink()

    in_fork(check)
