"""How an environment's workers come to be: forked, or exec'd where a fork is not safe or not wanted."""

from __future__ import annotations

from flytewarm_server.messages import worker_pool_pb2

#: Why workers may be exec'd: what the environment's code has done (frames.proto, ZygoteBroken), or --start-method.
EXEC_KINDS = ("threads", "cuda", "option")


class StartMethod:
    """Of one environment. A fork that was found unsafe once is not tried again."""

    def __init__(self, option: str) -> None:
        """`option` is the one of --start-method: auto, fork or exec."""
        self._option = option
        #: One of EXEC_KINDS while workers are exec'd; empty while they are forked. And the same as a sentence.
        self.kind = "option" if option == "exec" else ""
        self.reason = "--start-method is exec" if option == "exec" else ""

    @property
    def execs(self) -> bool:
        """Whether workers are exec'd."""
        return bool(self.kind)

    @property
    def status(self) -> worker_pool_pb2.StartMethod:
        """As the contract tells it."""
        return worker_pool_pb2.START_METHOD_EXEC if self.execs else worker_pool_pb2.START_METHOD_FORK

    def stop_forking(self, kind: str, reason: str) -> bool:
        """Takes note that forks are not safe. Returns whether workers are exec'd from now on instead."""
        if self._option != "auto" or self.execs:
            return False
        self.kind, self.reason = kind, reason
        return True
