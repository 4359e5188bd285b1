"""Commands from other distributions or extras: entry points of the group flytewarm.commands.

An entry point `NAME = module:main` names a function `main(argv: list[str]) -> int`, imported when NAME is asked for.
"""

from __future__ import annotations

from collections.abc import Container
from importlib.metadata import EntryPoint, entry_points

from flytewarm.cli import exits

GROUP = "flytewarm.commands"
# Entry points have no description, and importing them for --help would import a server.
_SUMMARIES = {"serve": "run the service (needs flytewarm[server])"}
_DISTRIBUTION = "flytewarm"


def find(name: str) -> EntryPoint | None:
    """The command of that name."""
    return next(iter(entry_points(group=GROUP, name=name)), None)


def summaries(but: Container[str]) -> dict[str, str]:
    """One line for each command, except for those in `but`. Imports none of them."""
    found = sorted(entry_points(group=GROUP), key=lambda one: one.name)
    return {one.name: _SUMMARIES.get(one.name, f"from {_origin(one)}") for one in found if one.name not in but}


def run(plugin: EntryPoint, argv: list[str]) -> int:
    """Imports a command, runs it and returns its exit code."""
    try:
        code: int = plugin.load()(argv)
    # Not around the import alone: the command, too, imports what it needs when it needs it.
    except ModuleNotFoundError as error:
        exits.say(f"flytewarm {plugin.name}: {error}")
        if _origin(plugin) == _DISTRIBUTION:
            exits.say("the server's packages are not installed: pip install 'flytewarm[server]'")
        return exits.CALL_FAILED
    return code


def _origin(plugin: EntryPoint) -> str:
    return plugin.dist.name if plugin.dist is not None else plugin.module
