"""What is said of a lease that does not come."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest

from control.agent import leasing
from control.agent.leasing import Leasing
from control.model import Configuration, Uplink
from control.uplink.dhcp import client, link

ASKED = Configuration(node="n1", uplink=Uplink("nic", port="uplink", ifname="wire", leased=True))
SILENCE = "uplink: nobody has answered DHCP at wire so far; it goes on asking"


class SilentLink:
    """A wire that nobody is at."""

    def __init__(self, ifname: str) -> None:
        self.ifname = ifname

    def close(self) -> None:
        """Close nothing."""


class AnyLease:
    """A lease as the agent reads it."""

    interface = ip_interface("192.0.2.100/24")
    server = router = ip_address("192.0.2.1")


@pytest.mark.parametrize("is_answered", [False, True])
def test_silence_is_told(is_answered: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    async def keep(_client: object, _before: object, take: Callable[[Any], Awaitable[None]]) -> None:
        if is_answered:
            await take(AnyLease())
        await asyncio.Event().wait()

    async def scenario() -> None:
        asking = Leasing(None, lambda: asyncio.sleep(0))
        asking.settle(ASKED, anew=False)
        await asyncio.sleep(0.1)
        asking.leave()

    monkeypatch.setattr(leasing, "PATIENCE_S", 0.02)
    monkeypatch.setattr(link, "DhcpLink", SilentLink)
    monkeypatch.setattr(client, "keep_lease", keep)
    with caplog.at_level(logging.WARNING):
        asyncio.run(scenario())
    assert [record.getMessage() for record in caplog.records] == ([] if is_answered else [SILENCE])
