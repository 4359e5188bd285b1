"""Hooks: a database that is read once for each worker, and work that is given back when it is ended."""

import sqlite3
import time
from functools import cache
from pathlib import Path

from flytekit import task

from flytewarm.worker import on_cancel, on_worker_start

_TABLE = [("Alte Weser", 33.0), ("Helgoland", 82.0), ("Roter Sand", 28.0)]


@on_worker_start
@cache
def database() -> sqlite3.Connection:
    """Opens it: in a warm worker before its first execution, in any other process when it is first asked for."""
    opened = sqlite3.connect(":memory:")
    opened.execute("CREATE TABLE lights (name TEXT PRIMARY KEY, height_m REAL)")
    opened.executemany("INSERT INTO lights VALUES (?, ?)", _TABLE)
    return opened


@task
def height_m(name: str) -> float:
    """The height of a lighthouse above the sea, in metres."""
    (found,) = database().execute("SELECT height_m FROM lights WHERE name = ?", (name,)).fetchone()
    return float(found)


@task
def keep_watch(log_book: str, seconds: float) -> str:
    """Watches, and notes in the book at the given path how the watch has ended, also when it is ended early."""
    book = Path(log_book)

    @on_cancel
    def relieve() -> None:
        book.write_text("relieved")

    book.write_text("begun")
    time.sleep(seconds)
    book.write_text("done")
    return book.read_text()
