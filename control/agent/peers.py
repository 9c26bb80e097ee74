"""Other nodes as somebody feeds them while the fabric runs: the API's source of what is known of them.

A change is checked, put in force and written down at once, and costs nothing but itself. Leases end by themselves.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from control.errors import UserError
from control.overlay.journal import PeerJournal, read_journal
from control.overlay.store import Known, PeerPlan, PeerStore

if TYPE_CHECKING:
    from control.fabric import Fabric
    from control.model import Peer

log = logging.getLogger(__name__)

SOURCE = "api"


def fed_peers(journal: Path) -> "tuple[Peer, ...]":
    """Return the nodes that somebody had fed to the agent of a journal."""
    store = PeerStore()
    for plan in read_journal(journal):
        store.take_in(plan)
    return store.peers_of(SOURCE)


class NoSuchPeerError(UserError):
    """Asked for a peer that is not there."""


class PeerFeed:
    """Feeds ``fabric`` under the lock that is held for every change; ``clock`` returns seconds, as the event loop's."""

    def __init__(
        self,
        fabric: "Fabric",
        journal: PeerJournal,
        changing: asyncio.Lock,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fabric = fabric
        self._journal = journal
        self._changing = changing
        self._clock = clock
        self._expiry: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        self._begin_again(self.store.known.values())
        self.store.on_take_in = self._write_down

    @property
    def store(self) -> PeerStore:
        """What is known."""
        return self._fabric.others.store

    @property
    def fed(self) -> "tuple[Peer, ...]":
        """The nodes that did not come from a file."""
        return self.store.peers_of(SOURCE)

    async def upsert(self, entries: Sequence[Mapping[str, Any]]) -> list[str]:
        """Take in nodes, each written whole as in a configuration file, one after the other; return their names.

        What is wrong with one refuses it and those after it.
        """
        from control.config.peers import parse_peer

        async with self._changing:
            nodes = []
            for index, entry in enumerate(entries):
                where = f"peers[{index}]" if len(entries) > 1 else "peer"
                peer = parse_peer(entry, self._fabric.configuration, where)
                self._feed(self.store.plan_upsert(peer, SOURCE, self._clock()))
                nodes.append(peer.node)
            await self._tidy()
        return nodes

    async def remove(self, node: str) -> None:
        """Forget a node; NoSuchPeerError if it is not there."""
        async with self._changing:
            self._require(node)
            self._feed(self.store.plan_removal(node, SOURCE))
            await self._tidy()

    async def upsert_endpoint(self, node: str, entry: Mapping[str, Any]) -> None:
        """Take in one endpoint of a node, written as in a configuration file."""
        from control.config.peers import parse_endpoint

        async with self._changing:
            self._require(node)
            head = self.store.known[node].head
            endpoint = parse_endpoint(entry, head.networks, self._fabric.configuration)
            self._feed(self.store.plan_endpoint(node, endpoint, SOURCE))
            await self._tidy()

    async def remove_endpoint(self, node: str, network: str, address: str) -> None:
        """Forget one endpoint of a node, if it has it."""
        from control.config.values import Expected, plain_address

        try:
            wanted = plain_address(address)
        except Expected as error:
            raise UserError(f"address: expected {error.expected}, found {address!r}", status=2) from None
        async with self._changing:
            self._require(node)
            self._feed(self.store.plan_endpoint_removal(node, network, wanted, SOURCE))
            await self._tidy()

    def watch_leases(self) -> None:
        """Wait for the next lease to end; called again whenever what is known has changed."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        end = self.store.next_expiry()
        if isfinite(end):
            self._expiry = asyncio.get_running_loop().call_at(end, self._end_leases)

    def close(self) -> None:
        """Stop waiting for leases."""
        if self._expiry is not None:
            self._expiry.cancel()

    def _feed(self, plan: PeerPlan) -> None:
        if plan.changes or plan.leases:
            self._fabric.others.feed(plan)

    def _write_down(self, plan: PeerPlan) -> None:
        try:
            self._journal.note(plan)
        except OSError as error:
            log.warning("peers: what has changed cannot be written down for the next agent: %s", error)

    async def _tidy(self) -> None:
        self.watch_leases()
        if self._journal.is_long:
            await asyncio.to_thread(self._begin_again, list(self.store.known.values()))

    def _begin_again(self, known: Iterable[Known]) -> None:
        try:
            self._journal.begin(known)
        except OSError as error:
            log.warning("peers: what is known cannot be written down for the next agent: %s", error)

    def _require(self, node: str) -> None:
        if node not in self.store.known:
            raise NoSuchPeerError(f"there is no peer {node}: `tapestry peers` lists those there are")

    def _end_leases(self) -> None:
        self._expiry = None
        self._ending = asyncio.create_task(self._expire())

    async def _expire(self) -> None:
        async with self._changing:
            plan = self.store.plan_expiry(self._clock())
            for change in plan.changes:
                log.info("peer %s: its lease is over", change.node)
            self._feed(plan)
            self.watch_leases()
