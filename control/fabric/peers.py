"""Writes what other nodes have into the tables that workers read meanwhile: differences, or all of it.

A node's number is what entries and routes name it by. One that moves to another address is another node to the tables:
it gets a number of its own, and what it has goes over to that.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from control.errors import UserError
from control.fabric.ground import NOWHERE, Ground
from control.fabric.router import Router
from control.fabric.routes import PlannedRoute
from control.model import Peer, RemoteEndpoint, Subnet
from control.overlay.claims import OwnPorts
from control.overlay.store import Known, PeerChange
from encap.build import Key, RemotesWriter, TableFullError, address_key, entry_value, link_key
from encap.tables import HERE

Entries = list[tuple[Key, int]]
Routes = dict[Subnet, PlannedRoute]

_STRONGER = ("local", "static")
"""Origins of routes that come before a peer's."""


class PeerTables:
    """The peers, endpoints and subnets in the tables of a ``State``, of which it is the only writer.

    ``base``: the routes that there are without peers. ``own``: what ports here have, that no peer may speak for.
    """

    def __init__(self, state: Any, router: Router) -> None:
        self.writer = RemotesWriter(state.remotes, router.grace)
        self.router = router
        self.ground = NOWHERE
        self.base: Mapping[Subnet, PlannedRoute] = {}
        self.own: frozenset[tuple[Key, int]] = frozenset()
        self.numbers: dict[str, int] = {}
        self.routes: Routes = {}

    def change(self, changes: Sequence[PeerChange]) -> list[int]:
        """Make these changes while the ground stays as it is. Return the numbers that are nobody's any more.

        UserError: the tables cannot hold it, and all is as it was.
        """
        numbers: dict[str, int] = {}
        written: Entries = []
        try:
            for change in changes:
                if change.after is not None:
                    numbers[change.node] = self._number_of(change, change.after)
                    self._put(change, numbers[change.node], written)
            routes = self._routes_after(changes, numbers)
            self._write_routes(changes, routes)
        except (TableFullError, UserError) as error:
            for key, value in reversed(written):
                self.writer.drop(key, value)
            for number in set(numbers.values()) - set(self.numbers.values()):
                self.writer.remove_peer(number)
            raise UserError(
                f"peers: {error}; use fewer" if isinstance(error, TableFullError) else str(error)
            ) from error
        self.routes = routes
        return self._let_go(changes, numbers)

    def guard(self, ports: OwnPorts) -> None:
        """Let no peer speak for what these ports have, on the same ground; errors as ``change``."""
        own, written = _entries_here(ports, self.ground.domains), []
        try:
            for entry in own - self.own:
                self.writer.put(*entry)
                written.append(entry)
        except TableFullError as error:
            for entry in written:
                self.writer.drop(*entry)
            raise UserError(f"ports: {error}; use fewer") from error
        for entry in self.own - own:
            self.writer.drop(*entry)
        self.own = own

    def settle(
        self, ground: Ground, base: Mapping[Subnet, PlannedRoute], known: Collection[Known], ports: OwnPorts
    ) -> list[int]:
        """Write all that is known on another ground, but for the routes; return the numbers that are nobody's any more.

        UserError: the tables cannot hold it, and hold some of it.
        """
        self.writer.set_udp_port(ground.udp_port)
        own = _entries_here(ports, ground.domains)
        try:
            numbers = {each.head.node: self._number_at(each.head) for each in known}
            theirs = (
                entry
                for each in known
                for entry in _entries(each.endpoints.values(), numbers[each.head.node], ground.domains)
            )
            self.writer.settle(chain(theirs, own))
        except TableFullError as error:
            raise UserError(f"peers: {error}; use fewer") from error
        for each in known:
            self._join(numbers[each.head.node], ground.domains_of(each.head))
        gone = sorted(self.writer.peers.keys() - set(numbers.values()))
        for number in gone:
            self._remove(number)
        self.ground, self.numbers, self.base, self.own = ground, numbers, base, own
        self.routes = dict(self._all_routes(known))
        return gone

    def take_over(self, ground: Ground, base: Mapping[Subnet, PlannedRoute], known: Collection[Known]) -> None:
        """Begin with what another agent left in the tables: of those that are known now, who is who."""
        self.writer.set_udp_port(ground.udp_port)
        at = {each.head.node: self.writer.number_at(each.head.address) for each in known}
        self.numbers = {node: number for node, number in at.items() if number is not None}
        self.ground, self.base = ground, base
        self.routes = dict(self._all_routes(each for each in known if each.head.node in self.numbers))

    def all_routes(self) -> Routes:
        """Return the routes with those of peers."""
        routes = dict(self.base)
        for subnet in self.routes:
            if (route := self._route(self.routes, subnet)) is not None:
                routes[subnet] = route
        return routes

    def _number_of(self, change: PeerChange, after: Peer) -> int:
        if change.before is None or change.before.address != after.address:
            return self.writer.add_peer(after.address)
        return self.numbers[change.node]

    def _number_at(self, peer: Peer) -> int:
        number = self.writer.number_at(peer.address)
        return self.writer.add_peer(peer.address) if number is None else number

    def _put(self, change: PeerChange, number: int, written: Entries) -> None:
        for key, value in _entries(change.come, number, self.ground.domains):
            self.writer.put(key, value)
            written.append((key, value))

    def _let_go(self, changes: Sequence[PeerChange], numbers: Mapping[str, int]) -> list[int]:
        """Take away what is no more, now that what takes its place is there."""
        gone = []
        for change in changes:
            before, present = self.numbers.pop(change.node, None), numbers.get(change.node)
            if before is not None:
                for key, value in _entries(change.gone, before, self.ground.domains):
                    self.writer.drop(key, value)
            if before is not None and before != present:
                gone.append(before)
            if present is not None and change.after is not None:
                self.numbers[change.node] = present
                self._join(present, self.ground.domains_of(change.after))
        for number in gone:
            self._remove(number)
        return gone

    def _join(self, number: int, domains: Collection[int]) -> None:
        """Let a node have what is flooded in these domains and no others."""
        present = self.writer.domains_of(number)
        for domain in set(domains) - present:
            self.writer.join(number, domain)
        for domain in present - set(domains):
            self.writer.leave(number, domain)

    def _remove(self, number: int) -> None:
        self._join(number, ())
        self.writer.remove_peer(number)

    def _routes_after(self, changes: Iterable[PeerChange], numbers: Mapping[str, int]) -> Routes:
        routes = dict(self.routes)
        for change in changes:
            for subnet in change.before.subnets if change.before is not None else ():
                routes.pop(subnet, None)
        for change in changes:
            if change.after is not None:
                routes.update(self._routes_of(change.after, numbers[change.node]))
        return routes

    def _write_routes(self, changes: Iterable[PeerChange], routes: Routes) -> None:
        heads = (head for change in changes for head in (change.before, change.after) if head is not None)
        new: Routes = {}
        gone: list[Subnet] = []
        for subnet in {subnet for head in heads for subnet in head.subnets}:
            before, after = self._route(self.routes, subnet), self._route(routes, subnet)
            if after is not None and after != before:
                new[subnet] = after
            elif after is None and before is not None:
                gone.append(subnet)
        if new or gone:
            self.router.amend(new, gone)

    def _route(self, routes: Routes, subnet: Subnet) -> PlannedRoute | None:
        """Return the route that counts to a subnet: a peer's, unless it is our own or somebody has written one."""
        base = self.base.get(subnet)
        return base if base is not None and base.origin in _STRONGER else routes.get(subnet, base)

    def _routes_of(self, peer: Peer, number: int) -> Iterator[tuple[Subnet, PlannedRoute]]:
        for subnet in peer.subnets:
            hop = self.ground.hop_to(subnet, peer, number)
            if hop is not None:
                yield subnet, PlannedRoute({hop: 1}, "peer")

    def _all_routes(self, known: Iterable[Known]) -> Iterator[tuple[Subnet, PlannedRoute]]:
        for each in known:
            yield from self._routes_of(each.head, self.numbers[each.head.node])


def _entries(endpoints: Iterable[RemoteEndpoint], number: int, domains: Mapping[str, int]) -> Iterator[tuple[Key, int]]:
    """Yield what the index holds of a node's endpoints: those of networks that are there."""
    for endpoint in endpoints:
        domain = domains.get(endpoint.network)
        if domain is None:
            continue
        value = entry_value(number, endpoint.mac)
        yield address_key(domain, endpoint.address), value
        if endpoint.mac:
            yield link_key(domain, endpoint.mac), value


def _entries_here(ports: OwnPorts, domains: Mapping[str, int]) -> frozenset[tuple[Key, int]]:
    """Return what the index holds of what ports here have in networks that go on at other nodes."""
    value = entry_value(HERE)
    addresses = {address_key(domains[name], address) for name, address in ports.addresses if name in domains}
    links = {link_key(domains[name], mac) for name, mac in ports.macs if name in domains}
    return frozenset((key, value) for key in addresses | links)
