"""What came of a packet -> the stages that it met, in order, each with its verdict and what it found."""

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, NamedTuple

from control.explain.decode import Decoded, end_text
from control.explain.packet import PROTOCOLS, Packet
from control.explain.place import Place, interface_at, interface_name
from control.explain.rulings import POLICY_REASONS, Rulings
from control.explain.trial import Fate
from control.fabric import Fabric
from control.fabric.entries import FlowTuple, address_of, flow_tuple
from control.fabric.interfaces import InterfacePlan
from control.fabric.routes import PlannedRoute
from control.model import TUNNEL, Address, Subnet
from dataplane.flow.build import key_of
from dataplane.route.hops.build import NextHop
from dataplane.route.hops.tables import KIND_NAMES, LOCAL
from dataplane.router.tables import BRIDGED, JUDGED, KNOWN, NEW, RELATED, UNTRACKED
from dataplane.verdict import DROP_REASONS

HELP = {reason.name: reason.help for reason in DROP_REASONS}

ROUTED = (
    *("packet", "flow", "destination", "route", "permission", "policy", "service"),
    *("lifetime", "size", "neighbour", "source"),
)
"""The router's stages, in order; then the packet is sent."""

STAGE_OF = {
    "not_routable": "packet",
    "malformed_packet": "packet",
    "martian_address": "packet",
    "malformed_transport": "flow",
    "fragment_table_full": "flow",
    "fragment_overlap": "flow",
    "unrelated_error": "flow",
    "no_route": "route",
    "route_blackhole": "route",
    "no_service": "service",
    "networks_isolated": "permission",
    "network_internal": "permission",
    "unsolicited": "permission",
    "policy_denied": "policy",
    "policy_unreadable": "policy",
    "ttl_exceeded": "lifetime",
    "packet_too_big": "size",
    "neighbour_unresolved": "neighbour",
    "nat_exhausted": "source",
    "flow_table_full": "source",
    "burst_full": "send",
}
"""Where in the router a reason belongs; those that are not here end a packet when it is sent."""


@dataclass(frozen=True)
class Stage:
    """One stage: its verdict is forward (it passed), drop or consume; ``note`` says what was found there."""

    stage: str
    verdict: str
    note: str


class Route(NamedTuple):
    """The route that a packet takes: its prefix, None if there is none."""

    to: Subnet | None
    planned: PlannedRoute | None

    @property
    def hop(self) -> NextHop | None:
        return None if self.planned is None else next(iter(self.planned.way))


@dataclass(frozen=True)
class Findings:
    """All that is known of a packet's way: ``fate`` is its last, ``neighbour`` what there is to say of its next hop."""

    fabric: Fabric
    packet: Packet
    place: Place
    length: int
    parsed: Fate
    admitted: Fate
    fate: Fate
    way: Any
    neighbour: str
    rules: Rulings

    @property
    def verdict(self) -> str:
        """Return what became of it; a packet that came back after waiting is the fabric's own, and was forwarded."""
        return "forward" if self.fate.verdict in ("originated", "returned") else self.fate.verdict

    @property
    def reason(self) -> str | None:
        return self.fate.reason

    @property
    def is_tracked(self) -> bool:
        """Whether conversations are looked at on this node, and this packet's was."""
        return bool(self.fate.errand != BRIDGED and self.way.standing != UNTRACKED)

    def destination(self) -> Address:
        """Return where it really goes."""
        if not self.is_tracked:
            return self.packet.destination
        return address_of(int(self.way.destination_high) << 64 | int(self.way.destination_low))

    def tuples(self) -> tuple[FlowTuple, FlowTuple] | None:
        """Return the tuples of its conversation, that of the answers second; None if nobody tracks it."""
        if not self.is_tracked or self.way.standing == RELATED:
            return None
        if self.way.standing == KNOWN:
            record = self.fabric.state.flow_records[int(self.way.half) >> 1]
            keys = record["original"]["key"], record["reply"]["key"]
        else:
            keys = self.way.conversation["original"], self.way.conversation["reply"]
        original, reply = (flow_tuple(key_of(key)) for key in keys)
        return original, reply


def stages_of(found: Findings) -> list[Stage]:
    """Return the stages up to the one that ended the packet, or all of them."""
    if found.parsed.reason is not None:
        return [_end("parse", found)]
    stages = [Stage("parse", "forward", _frame_text(found))]
    if found.admitted.reason is not None:
        return [*stages, _end("admit", found)]
    stages.append(Stage("admit", "forward", _admission_text(found)))
    if found.reason == "static_mac_elsewhere":
        return [*stages, _end("learn", found)]
    stages.append(Stage("learn", "forward", f"{found.place.source_mac.hex(':')} is at {found.place.port.port.name}"))
    if found.fate.errand in (BRIDGED, JUDGED):
        return stages + _bridge_stages(found)
    return stages + _router_stages(found)


def _bridge_stages(found: Findings) -> list[Stage]:
    if found.reason in POLICY_REASONS:
        return [_end("policy", found, found.rules.text)]
    policy = [Stage("policy", "forward", found.rules.text)] if found.rules.text else []
    last = _end("bridge", found) if found.verdict != "forward" else Stage("bridge", "forward", _ports_text(found))
    return [*policy, last]


def route_of(fabric: Fabric, address: Address) -> Route:
    """Return the route with the longest prefix around an address."""
    routes = fabric.router.routes
    for length in range(address.max_prefixlen, -1, -1):
        prefix = ip_network((address, length), strict=False)
        if prefix in routes:
            return Route(prefix, routes[prefix])
    return Route(None, None)


def _router_stages(found: Findings) -> list[Stage]:
    route = route_of(found.fabric, found.destination())
    notes = _router_notes(found, route)
    ended = _ended_at(found, route)
    stages: list[Stage] = []
    for stage in ROUTED:
        if stage == ended:
            return [*stages, _end(stage, found, notes.get(stage, ""))]
        if stage in notes:
            stages.append(Stage(stage, "forward", notes[stage]))
    last = Stage("send", "forward", _ports_text(found)) if found.verdict == "forward" else _end("send", found)
    return [*stages, last]


def _ended_at(found: Findings, route: Route) -> str:
    if found.verdict == "consume":
        if route.hop is not None and route.hop.kind == LOCAL:
            return "service"
        return "neighbour"
    if found.reason is None:
        return "send"
    if found.reason == "unsolicited" and route.hop is not None and route.hop.kind == LOCAL:
        return "service"
    return STAGE_OF.get(found.reason, "send")


def _router_notes(found: Findings, route: Route) -> dict[str, str]:
    notes = {"packet": "for the router", "route": _route_text(found, route)}
    if found.rules.text:
        notes["policy"] = found.rules.text
    if found.is_tracked:
        notes["flow"] = _flow_text(found)
        if found.way.is_redirected or found.destination() != found.packet.destination:
            notes["destination"] = f"{_end_of(found, 'real')} instead of {_end_of(found, 'written')}"
    if route.hop is None or route.hop.kind == LOCAL:
        return notes | {"service": "the router's own address"}
    entering = interface_at(found.place.port, found.fabric.plan)
    notes["permission"] = f"from {_name(entering)} to {_name_of(route.hop, found.fabric)}" + _because(found, route)
    notes["lifetime"] = f"{found.packet.ttl} becomes {found.packet.ttl - 1}" if found.packet.ttl > 1 else ""
    notes["size"] = f"{found.length} bytes, of {route.hop.mtu} that may pass"
    notes["neighbour"] = found.neighbour
    translated = _source_text(found)
    return notes | ({"source": translated} if translated else {})


def _flow_text(found: Findings) -> str:
    if found.way.standing == NEW:
        return "of no conversation yet"
    if found.way.standing == RELATED:
        return f"about a packet of flow {int(found.way.half) >> 1}"
    return f"of flow {int(found.way.half) >> 1}, " + ("an answer" if int(found.way.half) & 1 else "as it began")


def _because(found: Findings, route: Route) -> str:
    if found.is_tracked and found.way.standing in (KNOWN, RELATED):
        return ", as its conversation"
    if found.is_tracked and found.way.is_redirected:
        return ", as it is published"
    return ", as a route says" if route.planned is not None and route.planned.origin == "static" else ""


def _route_text(found: Findings, route: Route) -> str:
    if route.planned is None or route.hop is None:
        return f"none to {found.destination()}"
    vias = [str(address_of(hop.address)) for hop in route.planned.way if hop.address]
    where = _name_of(route.hop, found.fabric)
    kind = f"via {' or '.join(vias)}" if vias else KIND_NAMES[route.hop.kind]
    if (node := found.fabric.others.names.get(route.hop.peer)) is not None:
        where = f"{where}, at {node}"
    return f"{route.to} {kind}" + (f" in {where}" if where else "")


def _end_of(found: Findings, which: str) -> str:
    tuples = found.tuples()
    packet = found.packet
    if which == "written":
        address, port = packet.destination, packet.destination_port
    elif tuples is None:
        return str(found.destination())
    else:
        is_answer = found.way.standing == KNOWN and int(found.way.half) & 1
        ends = tuples[0] if is_answer else tuples[1]
        address, port = ends.source, ends.source_port
    return end_text(address, port) if packet.protocol in PROTOCOLS.values() else str(address)


def _source_text(found: Findings) -> str:
    """Return how the source is translated; empty if it is not."""
    tuples = found.tuples()
    if tuples is None or found.verdict != "forward":
        return ""
    is_answer = found.way.standing == KNOWN and int(found.way.half) & 1
    ends = tuples[0] if is_answer else tuples[1]
    packet = found.packet
    if packet.protocol not in PROTOCOLS.values():
        same = ends.destination == packet.source
        return "" if same else f"{ends.destination} instead of {packet.source}"
    if (ends.destination, ends.destination_port) == (packet.source, packet.source_port):
        return ""
    before = end_text(packet.source, packet.source_port)
    return f"{end_text(ends.destination, ends.destination_port)} instead of {before}"


def _frame_text(found: Findings) -> str:
    place = found.place
    tag = "" if place.vlan is None else f", VLAN {place.vlan}"
    return f"{place.source_mac.hex(':')} > {place.destination_mac.hex(':')}, {found.length + 14} bytes{tag}"


def _admission_text(found: Findings) -> str:
    keys = {number: key for key, number in found.fabric.plan.domain_numbers.items()}
    key = keys.get(found.admitted.domain)
    if key is None or not key.network:
        return "at the way out of the networks" if key is not None else ""
    return f"network {key.network}" + (f", VLAN {key.vlan}" if key.vlan is not None else "")


def _ports_text(found: Findings) -> str:
    names = [found.fabric.name_of(index) for index in sorted(found.fate.copies)]
    node = found.fabric.others.names.get(found.fate.remote) or _node_behind(found)
    if node is not None and names:
        return f"to {node} by the overlay"
    if names == [TUNNEL]:
        return "to every other node of the network by the overlay"
    if len(names) == 1:
        return f"to port {names[0]}"
    return f"to all that may have it: {', '.join(names)}" if names else ""


def _node_behind(found: Findings) -> str | None:
    """Return the node that the outer headers name which the fabric has put around the packet itself, if it has."""
    fabric = found.fabric
    overlay = fabric.configuration.overlay
    if overlay is None or overlay.transport != "raw":
        return None
    outer = (Decoded(frame).destination for frame in found.fate.copies.values())
    nodes = (fabric.others.store.claims.node_at(each) for each in outer if each not in (None, found.destination()))
    return next((node for node in nodes if node is not None), None)


def _name(interface: InterfacePlan | None) -> str:
    return "nowhere" if interface is None else interface_name(interface.key)


def _name_of(hop: NextHop, fabric: Fabric) -> str:
    found = (each for each in fabric.plan.interfaces.values() if each.number == hop.interface)
    return next((interface_name(each.key) for each in found), "")


def _end(stage: str, found: Findings, note: str = "") -> Stage:
    """Return the stage that ended the packet."""
    fate = found.fate
    said = HELP.get(fate.reason or "", "")
    if fate.verdict == "consume":
        said = "kept until its neighbour has answered" if stage == "neighbour" else "answered or kept by the router"
    return Stage(stage, fate.verdict, "; ".join(text for text in (note, said) if text))
