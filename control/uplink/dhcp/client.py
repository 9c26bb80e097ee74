"""When a DHCP client says what (RFC 2131 section 4.4): finds an address, keeps it, and tells when it has none any more.

One state after the other, in one coroutine. Time and link are given, so that a test can pass hours in no time.

Not done: an address that is offered is not looked for on the link before it is used (section 4.4.1, SHOULD).
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from typing import Any, Protocol

from control.uplink.dhcp.messages import Kind, Reply, Request, read_frame, write_frame

log = logging.getLogger(__name__)

RETRY_S = (4.0, 8.0, 16.0, 32.0, 64.0)
"""Waits for an answer (section 4.1), each a second more or less at random; the last one repeats."""
REBOOT_TRIES = 2
REQUEST_TRIES = 4
PAUSE_S = 10.0
"""After a refusal: a server that refuses everybody is not asked without end."""
LEAST_RENEW_WAIT_S = 60.0
DEFAULT_LEASE_S = 3600


@dataclass(frozen=True, slots=True)
class Lease:
    """An address that is ours until ``ends_at``, on the clock that the client was given."""

    interface: IPv4Interface
    router: IPv4Address | None
    server: IPv4Address
    server_mac: bytes
    renew_at: float
    rebind_at: float
    ends_at: float

    def is_same_place(self, other: "Lease | None") -> bool:
        """Return whether going from one to the other changes nothing that anybody sees."""
        return other is not None and (self.interface, self.router) == (other.interface, other.router)


class Link(Protocol):
    """Frames out and in."""

    async def send(self, frame: bytes) -> None: ...

    async def receive(self) -> bytes: ...


class Clock(Protocol):
    """Time in seconds."""

    def now(self) -> float: ...

    async def wait(self, work: Awaitable[Reply], seconds: float) -> Reply:
        """Await ``work``; TimeoutError after ``seconds``."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class RealClock:
    """The event loop's time."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def wait(self, work: Awaitable[Reply], seconds: float) -> Reply:
        async with asyncio.timeout(seconds):
            return await work

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class RefusedError(Exception):
    """The server said no."""


class DhcpClient:
    """``leases`` yields what it comes to. ``mac`` is the client's own, which need not be the NIC's."""

    def __init__(self, link: Link, mac: bytes, clock: Clock, seed: int | None = None) -> None:
        self._link = link
        self._mac = mac
        self._clock = clock
        self._random = random.Random(seed)
        self._number = 0
        self._began_at = 0.0

    async def leases(self, before: IPv4Address | None) -> AsyncIterator[Lease | None]:
        """Yield each lease, also one that is only renewed, and None when it has ended; never returns.

        ``before`` is an address that was ours not long ago.
        """
        while True:
            lease = None
            if before is not None:
                self._begin()
                try:
                    lease = await self._request(REBOOT_TRIES, asks_for=before)
                except TimeoutError:  # Nobody says that it is not ours (section 3.2).
                    pass
                except RefusedError:
                    yield None
                before = None
            lease = lease or await self._find()
            while lease is not None:
                yield lease
                lease = await self._renew(lease)
            yield None

    async def release(self, lease: Lease) -> None:
        """Give the address back."""
        await self._send(Kind.RELEASE, has=lease.interface.ip, server=lease.server, sent_to=_server_of(lease))

    def _begin(self) -> None:
        self._number = self._random.getrandbits(32)
        self._began_at = self._clock.now()

    async def _find(self) -> Lease:
        """Ask everybody until somebody has an address for us."""
        while True:
            self._begin()
            try:
                offer = await self._ask(Kind.DISCOVER, {Kind.OFFER}, None)
                return await self._request(REQUEST_TRIES, asks_for=offer.address, server=offer.server)
            except TimeoutError:
                continue
            except RefusedError:
                await self._clock.sleep(PAUSE_S)

    async def _request(self, tries: int, asks_for: IPv4Address, server: IPv4Address | None = None) -> Lease:
        asked_at = self._clock.now()
        return self._lease(await self._confirmed(tries, asks_for=asks_for, server=server), asked_at)

    async def _confirmed(self, tries: int, **details: Any) -> Reply:
        reply = await self._ask(Kind.REQUEST, {Kind.ACK, Kind.NAK}, tries, **details)
        if reply.kind == Kind.NAK:
            raise RefusedError
        return reply

    async def _renew(self, lease: Lease) -> Lease | None:
        """Wait until the lease wants renewing, and renew it; None when it has ended."""
        await self._clock.sleep(max(0.0, lease.renew_at - self._clock.now()))
        self._begin()
        while (now := self._clock.now()) < lease.ends_at:
            # Half of what is left, down to a minute (section 4.4.5); from ``rebind_at`` on everybody is asked.
            is_rebinding = now >= lease.rebind_at
            left = (lease.ends_at if is_rebinding else lease.rebind_at) - now
            try:
                await self._send(
                    Kind.REQUEST, has=lease.interface.ip, sent_to=None if is_rebinding else _server_of(lease)
                )
                reply = await self._clock.wait(
                    self._hear({Kind.ACK, Kind.NAK}), min(left, max(left / 2, LEAST_RENEW_WAIT_S))
                )
            except TimeoutError:
                continue
            return self._lease(reply, now) if reply.kind == Kind.ACK else None
        return None

    async def _ask(self, kind: Kind, answers: set[Kind], tries: int | None, **details: Any) -> Reply:
        """Say it again and again until one of ``answers`` comes; TimeoutError after so many ``tries``."""
        count = 0
        while tries is None or count < tries:
            wait_s = RETRY_S[min(count, len(RETRY_S) - 1)] + self._random.uniform(-1, 1)
            count += 1
            await self._send(kind, **details)
            try:
                return await self._clock.wait(self._hear(answers), wait_s)
            except TimeoutError:
                continue
        raise TimeoutError

    async def _send(
        self,
        kind: Kind,
        has: IPv4Address | None = None,
        asks_for: IPv4Address | None = None,
        server: IPv4Address | None = None,
        sent_to: tuple[bytes, IPv4Address] | None = None,
    ) -> None:
        seconds = min(int(self._clock.now() - self._began_at), 0xFFFF)
        request = Request(kind, self._number, self._mac, seconds, has or IPv4Address(0), asks_for, server, sent_to)
        try:
            await self._link.send(write_frame(request))
        except OSError as error:
            log.debug("DHCP: %s", error)  # The link is down; it is said again.

    async def _hear(self, kinds: set[Kind]) -> Reply:
        while True:
            try:
                frame = await self._link.receive()
            except OSError:
                await self._clock.sleep(1.0)
                continue
            reply = read_frame(frame)
            if reply is not None and (reply.number, reply.mac) == (self._number, self._mac) and reply.kind in kinds:
                return reply

    def _lease(self, reply: Reply, asked_at: float) -> Lease:
        """Return the lease; its times count from when it was asked for (section 4.4.1)."""
        lease_s = reply.lease_s or DEFAULT_LEASE_S
        renew_s = reply.renew_s if 0 < reply.renew_s < lease_s else lease_s * 0.5
        rebind_s = reply.rebind_s if renew_s < reply.rebind_s < lease_s else lease_s * 0.875
        return Lease(
            interface=reply.interface,
            router=reply.router,
            server=reply.server,
            server_mac=reply.server_mac,
            renew_at=asked_at + renew_s,
            rebind_at=asked_at + max(renew_s, rebind_s),
            ends_at=asked_at + lease_s,
        )


OnLease = Callable[[Lease | None], Awaitable[None]]


async def keep_lease(client: DhcpClient, before: IPv4Address | None, on_lease: OnLease) -> None:
    """Run the client until it is cancelled; ``on_lease`` hears of changes alone."""
    present: Lease | None = None
    has_address = before is not None
    async with aclosing(client.leases(before)) as leases:  # type: ignore[type-var]
        async for lease in leases:
            is_news = not lease.is_same_place(present) if lease else has_address
            present, has_address = lease, lease is not None
            if is_news:
                await on_lease(lease)


def _server_of(lease: Lease) -> tuple[bytes, IPv4Address]:
    return lease.server_mac, lease.server
