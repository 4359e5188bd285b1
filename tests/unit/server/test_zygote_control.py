"""Commands reach a zygote whole, or not at all."""

from __future__ import annotations

import asyncio
from unittest.mock import Mock

from flytewarm_server.messages import frames_pb2
from flytewarm_server.pool.zygote import ZygoteControl
from flytewarm_worker.channel import Channel

SMALL = frames_pb2.ZygoteCommand(stop=frames_pb2.Stop())
# More than a socket holds.
LARGE = frames_pb2.ZygoteCommand(load_environment=frames_pb2.LoadEnvironment(env={"A": "x" * (4 << 20)}))


def test_a_command_larger_than_the_socket_arrives_whole() -> None:
    async def exchange() -> list[frames_pb2.ZygoteCommand | None]:
        control = ZygoteControl(Mock(), Mock())
        remote = Channel(control.remote.detach())
        assert control.send(LARGE)
        # Nobody reads yet: the next one would be taken for the rest of the first.
        assert not control.send(SMALL)
        first = await asyncio.to_thread(remote.receive, frames_pb2.ZygoteCommand)
        assert control.send(SMALL)
        received = [first, await asyncio.to_thread(remote.receive, frames_pb2.ZygoteCommand)]
        control.close()
        remote.close()
        return received

    assert asyncio.run(exchange()) == [LARGE, SMALL]
