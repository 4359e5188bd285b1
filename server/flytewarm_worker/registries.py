"""What flytekit collects in the process: entities that were declared, launch plans, type transformers."""

from __future__ import annotations

from typing import Any

from flytekit.core.context_manager import FlyteContextManager

from flytewarm_worker import flytekit_private


class Registries:
    """What they held, and the way back to it: each execution has those of the imported modules, and its own."""

    def __init__(self) -> None:
        lists: list[list[Any]] = [flytekit_private.entities(), FlyteContextManager.signal_handlers]
        self._lists = [(live, list(live)) for live in lists]
        self._launch_plans = dict(flytekit_private.launch_plans())
        self._transformers = dict(flytekit_private.transformers())

    def read(self) -> tuple[list[set[int]], dict[Any, Any]]:
        """What they hold now, but for the type transformers."""
        return [set(map(id, live)) for live, _ in self._lists], dict(flytekit_private.launch_plans())

    def adopt(self, before: tuple[list[set[int]], dict[Any, Any]]) -> None:
        """Keeps what was added since it was read."""
        for (live, kept), were in zip(self._lists, before[0], strict=True):
            kept += [one for one in live if id(one) not in were]
        now = flytekit_private.launch_plans()
        self._launch_plans.update({key: plan for key, plan in now.items() if before[1].get(key) is not plan})

    def adopt_transformers(self) -> None:
        """Keeps those there are. Not in the middle of a task: flytekit registers some in several steps, the first ones
        of which are imports."""
        self._transformers = dict(flytekit_private.transformers())

    def restore(self) -> None:
        """Makes them hold what they held."""
        for entries, before in self._lists:
            entries[:] = before
        if (live := flytekit_private.launch_plans()) != self._launch_plans:
            live.clear()
            live.update(self._launch_plans)
        flytekit_private.forget_literals()
        # Those that were added stay: of libraries such as pandas, which flytekit registers once when they are imported.
        flytekit_private.transformers().update(self._transformers)
