"""Files with secrets: who may read them, and how their change is noticed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flytewarm_server.security.files import UnusableFileError, read_file, signature

_STRANGER = 10001


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of this user's."""
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_bytes(b"content")
    return path


def test_a_private_file_is_read(file: Path) -> None:
    assert read_file("token_file", file, private=True) == b"content"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_not_one_that_others_can_read(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(UnusableFileError, match=f"its mode is {mode:04o}"):
        read_file("token_file", file, private=True)
    assert read_file("tls_cert", file, private=False) == b"content"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another group")
@pytest.mark.parametrize(("mode", "readable"), [(0o440, True), (0o640, True), (0o444, False), (0o460, False)])
def test_a_file_of_roots_may_be_for_the_services_group(file: Path, mode: int, readable: bool) -> None:
    """As Kubernetes mounts a Secret for a pod with fsGroup."""
    os.chown(file, 0, _STRANGER)
    file.chmod(mode)
    fd = os.open(file, os.O_RDONLY)
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setgid(_STRANGER)
        os.setuid(_STRANGER)
        try:
            read_file("token_file", Path(f"/proc/self/fd/{fd}"), private=True)
        except UnusableFileError:
            os._exit(1)
        except BaseException:  # noqa: BLE001  # a child must not go on with the tests
            os._exit(2)
        os._exit(0)
    os.close(fd)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == (0 if readable else 1)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(UnusableFileError, match="is not a regular file"):
        read_file("token_file", tmp_path / "pipe", private=True)


def test_changes_are_noticed(file: Path, tmp_path: Path) -> None:
    first = signature(file, tmp_path / "missing")
    assert first == signature(file, tmp_path / "missing")
    other = tmp_path / "other"
    other.write_bytes(b"content")
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    os.replace(other, file)
    assert signature(file, tmp_path / "missing") != first
    file.unlink()
    assert signature(file) == ((),)
