"""Where a client on this machine finds a service."""

from __future__ import annotations

import pytest

from flytewarm_server.addresses import parse_address, target_on_this_machine


@pytest.mark.parametrize(
    ("listen", "target"),
    [
        ([], ""),
        (["127.0.0.1:1"], "127.0.0.1:1"),
        (["10.0.0.7:1", "unix:/run/s"], "unix:/run/s"),
        (["0.0.0.0:1", "10.0.0.7:2"], "127.0.0.1:1"),
        (["[::]:1"], "127.0.0.1:1"),
        (["[fd00::7]:1"], "[fd00::7]:1"),
        (["name.example:1"], "name.example:1"),
    ],
)
def test_the_target_of_a_client_on_this_machine(listen: list[str], target: str) -> None:
    assert target_on_this_machine([parse_address(one) for one in listen]) == target
