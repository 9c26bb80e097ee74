"""What is known of all other nodes, whoever says so: a file, the API, a watcher of etcd or of Kubernetes.

A source says of a node what it has, or that it is gone, or does so of one endpoint. What that changes is planned first,
as differences, so that tables can be written, or refuse; then it is taken in. Pure: no I/O, and time is passed in.

Invariants
  - What two nodes cannot both have only one has (claims.py). An endpoint, or a subnet as a whole, goes to the node that
    claims it last, since the news of a move comes in any order; but nothing is taken from another source, or from us.
  - A plan counts for the store as it is: it is taken in before another is made, or dropped.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

from control.config.mistakes import Mistakes
from control.errors import UserError
from control.model import Address, Peer, Port, RemoteEndpoint, Subnet
from control.overlay.claims import Clash, OwnPorts, PeerClaims, clashes_within, held, overlap

EndpointKey = tuple[str, Address]
"""A network's name, and the address there."""


class PeerChange(NamedTuple):
    """One node: what it was and is, but for its endpoints, None where it is not there; and which endpoints it has no
    longer and has now. An endpoint of which something is another goes and comes; all do where the node's address is."""

    node: str
    before: Peer | None
    after: Peer | None
    gone: tuple[RemoteEndpoint, ...] = ()
    come: tuple[RemoteEndpoint, ...] = ()


class PeerPlan(NamedTuple):
    """What a source wants changed, and when what it says of a node is over (None: never)."""

    source: str
    changes: tuple[PeerChange, ...] = ()
    leases: Mapping[str, float | None] = {}


@dataclass(slots=True)
class Known:
    """A node as a ``source`` says: ``head`` is all but its endpoints. It is true until ``expires_at``, if that is not
    None, in seconds of the clock that is passed in."""

    head: Peer
    endpoints: dict[EndpointKey, RemoteEndpoint]
    source: str
    expires_at: float | None = None

    @property
    def peer(self) -> Peer:
        """The node, whole."""
        return replace(self.head, endpoints=tuple(self.endpoints.values()))


class PeerStore:
    """All other nodes by name. Plans that cannot be are UserErrors."""

    def __init__(self) -> None:
        self.known: dict[str, Known] = {}
        self.claims = PeerClaims()
        self.revision = 0
        """Another one after each plan that was taken in."""
        self.on_take_in: Callable[[PeerPlan], None] = _nobody
        """Called with every plan that is taken in."""

    def set_own(self, ports: Iterable[Port], parts: Iterable[Subnet] = ()) -> None:
        """Say what this node's ports have, and which parts of networks are its own: that no other can have."""
        self.claims.own = OwnPorts(ports, parts)

    def peers_of(self, source: str) -> tuple[Peer, ...]:
        """Return what a source has said, and is true still."""
        return tuple(known.peer for known in self.known.values() if known.source == source)

    def mac_of(self, network: str, address: Address) -> bytes:
        """Return the MAC that an endpoint of a network is known to have; empty if nobody told us."""
        node = self.claims.addresses_of(network).get(address)
        return b"" if node is None else self.known[node].endpoints[network, address].mac

    def plan_upsert(self, peer: Peer, source: str, now_s: float) -> PeerPlan:
        """Plan that a source says of a node what it has, whole."""
        change = self._difference(peer, source)
        changes = () if change is None else self._with_takings(change, peer, source)
        return PeerPlan(source, changes, {peer.node: _end_of(peer, now_s)})

    def plan_removal(self, node: str, source: str) -> PeerPlan:
        """Plan that a node is gone; it need not be there."""
        present = self._present(node, source)
        return PeerPlan(source) if present is None else PeerPlan(source, (_removal(present),))

    def plan_endpoint(self, node: str, endpoint: RemoteEndpoint, source: str) -> PeerPlan:
        """Plan that a node that is known has an endpoint."""
        present = self._present(node, source)
        if present is None:
            raise UserError(f"peer {node}: expected one that is known, found none of that name")
        held_now = present.endpoints.get((endpoint.network, endpoint.address))
        if held_now == endpoint:
            return PeerPlan(source)
        gone = () if held_now is None else (held_now,)
        change = PeerChange(node, present.head, present.head, gone, (endpoint,))
        return PeerPlan(source, self._with_takings(change, replace(present.head, endpoints=(endpoint,)), source))

    def plan_endpoint_removal(self, node: str, network: str, address: Address, source: str) -> PeerPlan:
        """Plan that a node has an endpoint no longer; neither need be there."""
        present = self._present(node, source)
        gone = None if present is None else present.endpoints.get((network, address))
        if present is None or gone is None:
            return PeerPlan(source)
        return PeerPlan(source, (PeerChange(node, present.head, present.head, gone=(gone,)),))

    def plan_source(self, source: str, peers: Sequence[Peer], now_s: float) -> PeerPlan:
        """Plan that a source says this and nothing else. That none clashes was seen when they were read."""
        wanted = {peer.node for peer in peers}
        gone = [_removal(known) for node, known in self.known.items() if known.source == source and node not in wanted]
        come = [change for peer in peers if (change := self._difference(peer, source)) is not None]
        return PeerPlan(source, (*gone, *come), {peer.node: _end_of(peer, now_s) for peer in peers})

    def plan_expiry(self, now_s: float) -> PeerPlan:
        """Plan that nodes are gone whose lease is over."""
        over = (known for known in self.known.values() if known.expires_at is not None and known.expires_at <= now_s)
        return PeerPlan("lease", tuple(map(_removal, over)))

    def next_expiry(self) -> float:
        """Return when the next lease is over; infinity if there is none."""
        return min((known.expires_at for known in self.known.values() if known.expires_at is not None), default=inf)

    def take_in(self, plan: PeerPlan) -> None:
        """Know what a plan says."""
        for change in plan.changes:
            self._forget(change)
        for change in plan.changes:
            self._learn(change, plan.source)
        for node, expires_at in plan.leases.items():
            self.known[node].expires_at = expires_at
        self.revision += 1
        self.on_take_in(plan)

    def _forget(self, change: PeerChange) -> None:
        for endpoint in change.gone:
            self.claims.remove_endpoint(change.node, endpoint)
            del self.known[change.node].endpoints[endpoint.network, endpoint.address]
        if change.before is not None and change.before is not change.after:
            self.claims.remove(change.before)
        if change.after is None:
            del self.known[change.node]

    def _learn(self, change: PeerChange, source: str) -> None:
        if change.after is None:
            return
        if change.before is None:
            self.known[change.node] = Known(change.after, {}, source)
        if change.before is not change.after:
            self.claims.add(change.after)
        known = self.known[change.node]
        known.head = change.after
        for endpoint in change.come:
            self.claims.add_endpoint(change.node, endpoint)
            known.endpoints[endpoint.network, endpoint.address] = endpoint

    def _present(self, node: str, source: str) -> Known | None:
        present = self.known.get(node)
        if present is not None and present.source != source:
            raise UserError(f"peer {node}: expected one that is known by {source}, found one by {present.source}")
        return present

    def _difference(self, peer: Peer, source: str) -> PeerChange | None:
        """Return what a node's being so changes; None if nothing."""
        head = replace(peer, endpoints=())
        present = self._present(peer.node, source)
        if present is None:
            return PeerChange(peer.node, None, head, come=peer.endpoints)
        before = present.head
        head = before if head == before else head
        wanted = {(each.network, each.address): each for each in peer.endpoints}
        held_now = present.endpoints if before.address == head.address else {}
        gone = tuple(each for key, each in present.endpoints.items() if not held_now or wanted.get(key) != each)
        come = tuple(each for key, each in wanted.items() if held_now.get(key) != each)
        return PeerChange(peer.node, before, head, gone, come) if gone or come or head is not before else None

    def _with_takings(self, change: PeerChange, peer: Peer, source: str) -> tuple[PeerChange, ...]:
        """Return a change to what ``peer`` says, and before it what others lose by that."""
        takings = _Takings(self, change.node, source)
        clashes = [*clashes_within(peer), *takings.take(change, peer)]
        if clashes:
            mistakes = Mistakes(f"peer {peer.node}")
            for clash in clashes:
                mistakes.add(clash.where, clash.expected, clash.found)
            mistakes.raise_any()
        return (*takings.changes(), change)


class _Takings:
    """What goes to ``node`` from others of the same source."""

    def __init__(self, store: PeerStore, node: str, source: str) -> None:
        self._store = store
        self._node = node
        self._source = source
        self._endpoints: dict[str, dict[EndpointKey, RemoteEndpoint]] = {}
        self._heads: dict[str, Peer] = {}

    def take(self, change: PeerChange, peer: Peer) -> Iterator[Clash]:
        """Take what others have of ``peer``; yield what cannot be taken."""
        claims = self._store.claims
        before = () if change.before is None else change.before.subnets
        if (other := claims.node_at(peer.address)) not in (None, self._node):
            yield Clash(("address",), "an address that no other peer has", f"{peer.address}, which {other} has")
        for index, subnet in enumerate(peer.subnets):
            if subnet not in before:
                yield from claims.own_clashes(index, subnet)
                yield from self._take_subnet(index, subnet)
        indices = {id(endpoint): index for index, endpoint in enumerate(peer.endpoints)}
        for endpoint in change.come:
            for holder in claims.holders(endpoint):
                if holder.node == self._node:
                    continue
                if not self._is_ours(holder.node):
                    yield held(indices[id(endpoint)], endpoint, holder)
                else:
                    self._take_endpoint(holder.node, (endpoint.network, holder.address))

    def changes(self) -> Iterator[PeerChange]:
        """Yield what the others lose."""
        for node in self._endpoints.keys() | self._heads.keys():
            before = self._store.known[node].head
            gone = tuple(self._endpoints.get(node, {}).values())
            yield PeerChange(node, before, self._heads.get(node, before), gone)

    def _is_ours(self, node: str) -> bool:
        known = self._store.known.get(node)
        return known is not None and known.source == self._source

    def _take_endpoint(self, node: str, key: EndpointKey) -> None:
        self._endpoints.setdefault(node, {})[key] = self._store.known[node].endpoints[key]

    def _take_subnet(self, index: int, subnet: Subnet) -> Iterator[Clash]:
        for other, node in self._store.claims.subnets.overlapping(subnet):
            if node == self._node:
                continue
            if other != subnet or not self._is_ours(node):
                yield overlap(index, subnet, other, node)
                continue
            head = self._heads.get(node, self._store.known[node].head)
            self._heads[node] = replace(head, subnets=tuple(each for each in head.subnets if each != subnet))


def _nobody(_plan: PeerPlan) -> None:
    """Tell nobody."""


def _removal(known: Known) -> PeerChange:
    return PeerChange(known.head.node, known.head, None, gone=tuple(known.endpoints.values()))


def _end_of(peer: Peer, now_s: float) -> float | None:
    return None if peer.lease_s is None else now_s + peer.lease_s
