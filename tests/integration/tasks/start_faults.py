"""A module to preload: workers die or hang when they are forked, if the file that START_FAULT names says so."""

import os
import signal
from pathlib import Path


def _obey() -> None:
    order = Path(os.environ["START_FAULT"]).read_text()
    if order == "die":
        os.write(2, b"told to die\n")
        os._exit(7)
    while order == "hang":
        signal.pause()


os.register_at_fork(after_in_child=_obey)
