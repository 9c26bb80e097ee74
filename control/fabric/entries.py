"""What the tables of the router hold, in the words of the configuration: for whoever asks."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from control.fabric.plan import Plan
from control.fabric.routes import PlannedRoute
from control.model import Address, Subnet
from dataplane.fdb.build import NANOSECONDS_PER_SECOND
from dataplane.fdb.tables import TICK_MASK, TICK_SHIFT
from dataplane.flow.build import OTHER_STATES, SCTP_STATES, TCP_STATES, FlowKey
from dataplane.flow.build import FlowEntry as FlowRecord
from dataplane.neighbour.build import NeighbourEntry as NeighbourRecord
from dataplane.route.hops.build import NextHop
from dataplane.route.hops.tables import KIND_NAMES
from dataplane.wire import PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP

PROTOCOL_NAMES = {
    PROTOCOL_TCP: "tcp",
    PROTOCOL_UDP: "udp",
    PROTOCOL_SCTP: "sctp",
    PROTOCOL_ICMP: "icmp",
    PROTOCOL_ICMPV6: "icmp6",
}
FLOW_STATES = tuple(dict.fromkeys([*OTHER_STATES.values(), *TCP_STATES.values(), *SCTP_STATES.values()]))
"""All that conversations may be in."""

_TICK_S = (1 << int(TICK_SHIFT)) / NANOSECONDS_PER_SECOND
_TICKS = int(TICK_MASK) + 1
_MAPPED = 0xFFFF
_IPV4_BITS = 32


@dataclass(frozen=True)
class RouteHop:
    """One way on. ``network``: the network, or uplink or services, that it leads into; ``port``: the only port there,
    in a routed network; ``via``: the neighbour, None if that is the destination itself; ``peer``: the node behind which
    all of it is."""

    network: str
    port: str = ""
    via: Address | None = None
    weight: int = 1
    peer: str = ""


@dataclass(frozen=True)
class RouteEntry:
    """One route: its ``kind`` is local, connected, via, blackhole or unreachable; its ``origin`` local, static,
    peer, connected or uplink."""

    to: Subnet
    kind: str
    origin: str
    hops: tuple[RouteHop, ...]


@dataclass(frozen=True)
class FlowTuple:
    """What the packets of one direction carry. ICMP queries have their identifier as the one port and their type as the
    other; other protocols without ports have 0."""

    source: Address
    source_port: int
    destination: Address
    destination_port: int


@dataclass(frozen=True)
class FlowEntry:
    """One conversation. ``packets`` and ``bytes`` (of IP) are of the original direction and of the reply.

    ``protocol`` is a name, or a number in digits. ``assured``: never given up for another.
    """

    number: int
    protocol: str
    state: str
    original: FlowTuple
    reply: FlowTuple
    packets: tuple[int, int]
    bytes: tuple[int, int]
    assured: bool
    age_s: float
    expires_s: float


@dataclass(frozen=True)
class NeighbourEntry:
    """One neighbour of the router: its ``network`` (or uplink, or services), and the ``port`` where that is routed.

    ``mac`` is empty while it is not known; ``state`` is incomplete, reachable, stale, probe or failed.
    """

    network: str
    port: str
    address: Address
    mac: str
    state: str
    age_s: float


def neighbour_entry(record: NeighbourRecord, names: "Names") -> NeighbourEntry:
    """Return a neighbour with names; KeyError if its domain is gone."""
    network, port = names.of_domain[record.domain]
    return NeighbourEntry(network, port, record.address, record.mac.hex(":"), record.state, record.age_s)


def tick_of(now_ns: int) -> int:
    """Return the tick of a time on the workers' clock."""
    return (now_ns >> int(TICK_SHIFT)) & int(TICK_MASK)


def flow_entry(record: FlowRecord, tick: int) -> FlowEntry:
    """Return a flow that was read at ``tick`` with names and seconds."""
    return FlowEntry(
        number=record.flow,
        protocol=PROTOCOL_NAMES.get(record.protocol, str(record.protocol)),
        state=record.state,
        original=flow_tuple(record.original),
        reply=flow_tuple(record.reply),
        packets=record.packets,
        bytes=record.bytes,
        assured=record.is_assured,
        age_s=(tick - record.created) % _TICKS * _TICK_S,
        expires_s=(record.expires - tick) % _TICKS * _TICK_S,
    )


def flow_tuple(key: FlowKey) -> FlowTuple:
    """Return one direction of a flow."""
    return FlowTuple(address_of(key.source), key.source_port, address_of(key.destination), key.destination_port)


def address_of(number: int) -> Address:
    """Return an address from its 128 bits, IPv4 mapped."""
    if number >> _IPV4_BITS == _MAPPED:
        return IPv4Address(number & ((1 << _IPV4_BITS) - 1))
    return IPv6Address(number)


class Names:
    """The names of what a plan has numbered."""

    def __init__(self, plan: Plan, peers: dict[int, str] | None = None) -> None:
        self.of_peer = peers or {}
        self.of_interface = {interface.number: str(key) for key, interface in plan.interfaces.items()}
        only_port = {number: key.port for key, number in plan.domain_numbers.items()}
        self.of_domain = {
            domain: (str(key), only_port[domain])
            for key, interface in plan.interfaces.items()
            for domain in interface.domains
        }
        """The interface that lies in a domain, and the only port there, if there is but one by its nature."""


def route_entries(plan: Plan, routes: dict[Subnet, PlannedRoute], peers: dict[int, str]) -> Iterator[RouteEntry]:
    """Yield the routes in order: IPv4 first, then by address, the shorter prefix before the longer.

    ``peers``: the names of other nodes by number.
    """
    names = Names(plan, peers)
    for prefix in sorted(routes, key=lambda each: (each.version, int(each.network_address), each.prefixlen)):
        way, origin = routes[prefix]
        kind = KIND_NAMES[next(iter(way)).kind]
        hops = (route_hop(names, hop, weight) for hop, weight in way.items() if hop.interface)
        yield RouteEntry(prefix, kind, origin, tuple(hops))


def route_hop(names: Names, hop: NextHop, weight: int) -> RouteHop:
    """Return a next hop with names."""
    port = names.of_domain.get(hop.domain, ("", ""))[1]
    via = address_of(hop.address) if hop.address else None
    peer = names.of_peer.get(hop.peer, "")
    return RouteHop(names.of_interface.get(hop.interface, ""), port, via, weight, peer)
