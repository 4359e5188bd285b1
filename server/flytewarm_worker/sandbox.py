"""An execution's own directory: made ahead of it, entered for it, emptied and renamed for the next.

tmp/              TMPDIR: a temporary file left behind would outlive the task elsewhere
work/             the working directory, with copies of the small files of the environment's code directory and links
                  to its other entries, so that relative paths find what they find in a container, while a file written
                  there is this execution's own
local_flytekit/   flytekit's: the execution's working_dir with its engine_dir, and what flytekit adds
sandbox/          flytekit's outside of the execution's context, as in threads of the task; has the task's
                  current_context().working_directory, which the entrypoint makes there, too
"""

from __future__ import annotations

import os
import sys
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flytewarm_api.worker.trees import remove_tree
from flytewarm_worker.contents import Contents, Tree, contents_of, now_ns
from flytewarm_worker.process_state import name_main_module
from flytewarm_worker.variables import set_variables
from flytewarm_worker.watches import Watches

# How often one is put back before the next is watched: a process with watches takes 10 ms longer to end, which those
# that serve one execution would have for nothing. Doubled each time, as tasks may always open what is watched.
_PATIENCE = 16


@dataclass(frozen=True)
class Sandbox:
    """Paths of one execution's directories, all of which exist."""

    root: str
    # current_context().working_directory.
    user: str

    @property
    def tmp(self) -> str:
        """TMPDIR."""
        return f"{self.root}/tmp"

    @property
    def outside(self) -> str:
        """Where flytekit has its local files outside of the execution's context, in a directory local_flytekit."""
        return f"{self.root}/sandbox"

    @property
    def work(self) -> str:
        """The working directory of the process."""
        return f"{self.root}/work"


class Sandboxes:
    """The sandboxes of one worker, one after the other, each with a path of its own: what comes late, such as a
    finalizer, has the path of an execution that has ended.

    Seven directories made and deleted cost more than a small task runs: so one that can be put back is renamed.
    """

    def __init__(self, parent: Path, app_dir: str, *, may_watch: bool = False) -> None:
        """`parent` is the worker's own directory; `may_watch`: whether to have the kernel watch sandboxes. Raises
        OSError when no directory can be made in it."""
        self._parent = parent
        self._app_dir = app_dir
        self._count = 0
        # flytekit gives it a random name; so do we, once.
        self._user = uuid.uuid4().hex
        self._watches = Watches(may_watch=may_watch)
        # How often one that is not watched, but could be, was put back, and is before one is.
        self._unwatched, self._patience = 0, _PATIENCE
        self._next = self._make()

    def enter(self, environment: Mapping[str, str]) -> Sandbox:
        """Sets directory and environment variables of an execution.

        ProcessState.restore puts them back: the outcome is sent first. Then call replace().
        """
        sandbox = self._next
        set_variables({**environment, "TMPDIR": sandbox.tmp})
        self.enter_again()
        self._started_ns = now_ns()
        return sandbox

    def enter_again(self) -> None:
        """Sets all but environment variables, as far as it is not so already: enter() may be a while ago. Raises
        OSError."""
        tempfile.tempdir = self._next.tmp
        os.chdir(self._next.work)
        if sys.path[-1:] != [self._next.work]:
            # As the entrypoint appends its working directory.
            sys.path.append(self._next.work)

    def replace(self) -> str:
        """Deletes what the execution left and prepares the next sandbox. Returns why that failed, or nothing."""
        try:
            contents = self._contents()
            root = self._next.root
            if self._tree.is_untouched(root, contents) or self._is_restored(root, contents):
                self._next = self._named()
                os.rename(root, self._next.root)
            else:
                self._watches.end()
                remove_tree(root)
                self._next = self._make()
                self._watch_if_due()
        except OSError as error:
            return f"the sandbox could not be replaced: {error}"
        return ""

    def _is_restored(self, root: str, contents: Contents) -> bool:
        """Whether it is as it was made. Not when another one shall be made, to be watched. Raises OSError."""
        if os.path.islink(root):
            raise OSError("a link is in its place")
        self._unwatched += self._watches.are_granted and not self._watches.is_watching
        if self._unwatched >= self._patience or not os.path.isdir(root):
            return False
        is_restored = self._tree.restore(root, contents, self._started_ns)
        self._tree.watch_on(root)
        return is_restored

    def _watch_if_due(self) -> None:
        if self._unwatched >= self._patience:
            self._tree.watch(self._next.root, self._watches)
            self._unwatched, self._patience = 0, 2 * self._patience

    def _named(self) -> Sandbox:
        self._count += 1
        root = f"{self._parent}/{self._count}"
        return Sandbox(root, user=f"{root}/sandbox/local_flytekit/{self._user}")

    def _make(self) -> Sandbox:
        sandbox = self._named()
        self._tree = Tree(sandbox.root, self._contents())
        self._started_ns = now_ns()
        return sandbox

    def _contents(self) -> Contents:
        # Both states have an engine_dir: the execution's, and that of flytekit's outermost context.
        outside: Contents = {"local_flytekit": {"engine_dir": {}, self._user: {}}}
        work = contents_of(self._app_dir)
        return {"tmp": {}, "work": work, "local_flytekit": {"engine_dir": {}}, "sandbox": outside}


def set_arguments(argv: Sequence[str]) -> None:
    """Sets sys.argv of an execution that was asked for by a command. ProcessState.restore puts it back."""
    script = os.path.join(os.path.dirname(sys.executable), os.path.basename(argv[0]))
    sys.argv[:] = [script, *argv[1:]]
    sys.orig_argv[:] = [sys.executable, *sys.argv]
    name_main_module(script)
