"""The router in plain Python, one frame at a time. It reads the configuration; there are no tables.

``meet`` takes a frame that its port may send and whose source is learned. It returns what became of it, or None for one
that is bridged. What goes out is told to ``send``, what the router itself says to ``answer``; a frame that must wait is
kept as it came, and is routed again, wholly, once what it waits for is there.

Everything that decides about a packet is asked before anything changes. The steps are those of ``route``, the first
that matches wins:

    header, martians, transport header, fragments, conversation, route, permission, policy, service, time to live,
    size, neighbour, translation, rewriting, the way out
"""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from control.model import Configuration
from tests.naive.discovery import read_discovery
from tests.naive.domains import Domain
from tests.naive.flows import Flow, Flows
from tests.naive.forwarding import Hop
from tests.naive.fragments import Fragments
from tests.naive.frames import CONSUMED, Fate, Frame, Own, Parcel, Ways
from tests.naive.icmp import NO_ROUTE, PROHIBITED, TIME_EXCEEDED, TOO_BIG, UNREACHABLE
from tests.naive.interfaces import LINK_LOCAL, Interface
from tests.naive.lapse import lapses
from tests.naive.link import meet_arp, meet_discovery
from tests.naive.nat import Draw, keep_or_lowest
from tests.naive.neighbours import MOST_WAITING, PLACES
from tests.naive.node import Node
from tests.naive.packet import Packet, Quote, Tuple, lacks_transport, read_packet, read_quote
from tests.naive.service import serve
from tests.naive.translate import cut, decrement_ttl, outer_tuple, translate, translate_error
from tests.naive.wire import SCTP, Address, ethernet, ethertype_of

MARTIANS: tuple[IPv4Network | IPv6Network, ...] = (
    *(IPv4Network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3")),
    *(IPv6Network(text) for text in ("::/128", "::1/128", "ff00::/8", "::ffff:0:0/96")),
)


UNRESOLVED = Fate("drop", "neighbour_unresolved")


@dataclass
class Course:
    """What is found out about a packet: its flow and its direction in it, or the quote by which it has one; or where
    its destination is led; and the tuple it will leave with."""

    leaves_as: Tuple
    flow: Flow | None = None
    direction: int = 0
    quote: Quote | None = None
    is_tracked: bool = False
    is_redirected: bool = False
    destination: Address | None = None
    is_nodes: bool = False
    entered: str = ""


class Router(Node):
    """The router of one node. ``draw`` chooses where the router draws, ``choose`` among several next hops."""

    def __init__(self, configuration: Configuration, ways: Ways) -> None:
        super().__init__(configuration, ways)
        self.flows = Flows(configuration.limits.flows, configuration.timeouts)
        self.fragments = Fragments(configuration.limits.fragments, configuration.timeouts.fragment_s)
        self.draw: Draw = keep_or_lowest
        self.choose: Callable[[Tuple, tuple[Hop, ...]], Hop] = lambda _, way: way[0]
        self.timers_ran = -1

    def change(self, configuration: Configuration) -> None:
        """Put another configuration in force: conversations end that rested on what is no more."""
        before = self.configuration
        self.reconfigure(configuration)
        for flow in self.flows.present(self.tick):
            if lapses(flow, before, configuration):
                self.flows.remove(flow)

    def begin(self, now_ns: int) -> None:
        """Set the time, and do what timers are due."""
        self.set_time(now_ns)
        self.nat.forget_mappings(self.tick)
        if self.timers_ran >= self.tick:
            return
        self.timers_ran = self.tick
        asked, returned = self.neighbours.run_timers(self.tick)
        for (domain, address), entry in asked:
            self.ask(domain, address, entry)
        self.caused += returned

    def meet(self, frame: Frame) -> Fate | None:
        """Take a frame; return what became of it, None if it is to be bridged."""
        interface = self.by_domain.get(frame.domain)
        return self._meet(frame, interface) if interface else None

    def _meet(self, frame: Frame, interface: Interface) -> Fate | None:
        to_router = frame.data[0:6] == interface.mac
        ethertype = frame.data[12:14]
        if ethertype == b"\x08\x06":
            fate = meet_arp(self, frame, interface)
            return fate or (Fate("drop", "not_routable") if to_router else None)
        if ethertype == b"\x86\xdd":
            packet = read_packet(frame.data)
            message = read_discovery(packet) if packet else None
            if packet and message:
                return meet_discovery(self, frame, interface, packet, message)
        if not to_router:
            return None
        return self.route(frame) if ethertype in (b"\x08\x00", b"\x86\xdd") else Fate("drop", "not_routable")

    def route(self, frame: Frame) -> Fate:
        """Take a packet that was sent to the router to where it goes."""
        entering = self.by_domain[frame.domain]
        packet = read_packet(frame.data)
        if packet is None:
            return Fate("drop", "malformed_packet")
        if any(self._is_martian(address) for address in (packet.tuple.source, packet.tuple.destination)):
            return Fate("drop", "martian_address")
        course = Course(packet.tuple)
        if self.tracks and not entering.serves:
            if lacks_transport(packet):
                return Fate("drop", "malformed_transport")
            followed = self.follow(frame, packet)
            if isinstance(followed, Fate):
                return followed
            packet = followed
            course = self._find_course(packet, entering)
        fate = self._go(frame, packet, entering, course)
        if fate is None:
            fate = self._go(frame, packet, entering, self._find_course(packet, entering))
        assert fate
        return fate

    @property
    def tracks(self) -> bool:
        """Whether the node knows of conversations."""
        return self.nat.translates or self.judge.is_on

    def follow(self, frame: Frame, packet: Packet) -> Packet | Fate:
        """Return a packet with the ports of its first fragment, or its fate if there is none to follow."""
        if packet.fragment == "whole":
            return packet
        outcome, returned, packet = self.fragments.follow(frame.domain, packet, frame, self.tick)
        self.caused += returned
        if outcome == "waits":
            return CONSUMED
        if outcome != "follows":
            return Fate("drop", {"full": "fragment_table_full", "overlaps": "fragment_overlap"}[outcome])
        return packet

    def _is_martian(self, address: Address) -> bool:
        return any(address in network for network in MARTIANS)

    def _find_course(self, packet: Packet, entering: Interface) -> Course:
        """Find out which conversation a packet belongs to."""
        if packet.is_message:
            found = self.find_quoted(packet, entering)
            if found is None:
                return Course(packet.tuple)
            quote, half = found
            return Course(half[0].leaves_as(half[1]), half[0], half[1], quote=quote)
        half = self.flows.find(packet.tuple, self.tick)
        if half:
            return Course(half[0].leaves_as(half[1]), half[0], half[1], is_tracked=True)
        leaves_as = packet.tuple
        led = self.nat.destination_of(packet.tuple)
        if led:
            leaves_as = packet.tuple._replace(destination=led[0], dport=led[1])
        return Course(leaves_as, is_tracked=True, is_redirected=led is not None)

    def _go(self, frame: Frame, packet: Packet, entering: Interface, course: Course) -> Fate | None:
        """Take a packet on its course; None if that has ended with it, and another is to be found."""
        destination = course.leaves_as.destination
        if course.quote:
            destination = outer_tuple(packet, course.quote, course.leaves_as).destination
        way = self.forwarding.find(destination)
        hop = way[0] if len(way) == 1 else self.choose(packet.tuple, way) if way else Hop("unknown")
        is_link_bound = packet.tuple.source in LINK_LOCAL or packet.tuple.destination in LINK_LOCAL
        if hop.kind == "local":
            if is_link_bound and hop.interface != entering and not entering.proxies:
                return Fate("drop", "martian_address")
            is_exempt = self.judge.is_dhcp(frame.port, packet)
            if not is_exempt and not self._is_allowed(frame, packet, entering, course):
                return Fate("drop", "policy_denied")
            return serve(self, frame, packet, entering, hop, course.flow is not None)
        if is_link_bound:
            return Fate("drop", "martian_address")
        if hop.kind == "unknown":
            return self.refuse(frame, packet, "no_route", NO_ROUTE)
        if hop.kind == "blackhole":
            return Fate("drop", "route_blackhole")
        if hop.kind == "unreachable":
            return self.refuse(frame, packet, "no_route", UNREACHABLE)
        assert hop.interface
        assert hop.domain
        if course.flow is None:
            reason = self._find_objection(packet, entering, hop, hop.interface, course.is_redirected)
            if reason:
                return Fate("drop", reason) if entering.is_uplink else self.refuse(frame, packet, reason, PROHIBITED)
            if self._is_hidden_message(packet, entering, hop.interface):
                return Fate("drop", "unrelated_error")
        if not self._is_allowed(frame, packet, entering, course):
            return Fate("drop", "policy_denied")
        if packet.ttl <= 1:
            return self.refuse(frame, packet, "ttl_exceeded", TIME_EXCEEDED)
        if len(packet.data) > hop.interface.mtu and not packet.may_be_cut:
            return self.refuse(frame, packet, "packet_too_big", TOO_BIG, hop.interface.mtu)
        mac = self._find_neighbour(frame, packet, hop.domain, hop.via or destination)
        if isinstance(mac, Fate):
            return mac
        data = self._enter(packet, entering, hop.interface, course)
        if not isinstance(data, bytes):
            return data
        if packet.fragment != "whole" and self.tracks and not entering.serves:
            self.fragments.let_pass(frame.domain, packet)
        return self._depart(frame, entering, hop.interface, hop.domain, mac, decrement_ttl(data))

    def find_quoted(
        self, packet: Packet, entering: Interface | None, zone: Any = None
    ) -> tuple[Quote, tuple[Flow, int]] | None:
        """Return what an error quotes, and the conversation of that. It must come in where the packet that it quotes
        goes to; where policies let it pass for that, it must go to whom it quotes."""
        quote = read_quote(packet) if packet.is_error else None
        half = self.flows.find(quote.towards, self.tick, zone) if quote else None
        if quote is None or half is None:
            return None
        if zone is None and not self._leads_to(quote.towards.source, entering):
            return None
        is_lost = self.judge.is_on and packet.tuple.destination != quote.towards.destination
        return None if is_lost else (quote, half)

    def _is_allowed(self, frame: Frame, packet: Packet, entering: Interface, course: Course) -> bool:
        """Whether policies let a packet go to where its course leads."""
        judge = self.judge
        if not judge.is_on or course.quote:
            return True
        leaves = course.leaves_as
        source, destination = judge.end(frame.port, packet.tuple.source), judge.end(None, leaves.destination)
        course.entered, course.is_nodes = frame.port.name, judge.is_nodes(frame.port, source)
        if course.flow:
            ends = (source, destination, course.is_nodes, course.entered)
            return judge.allows_on(course.flow, course.direction, *ends)
        seen = packet.tuple._replace(destination=leaves.destination, dport=leaves.dport)
        return judge.allows(source, destination, seen, course.is_nodes)

    def _leads_to(self, address: Address, interface: Interface | None) -> bool:
        """Whether packets for the address leave by the interface."""
        way = self.forwarding.find(address)
        return bool(way) and way[0].interface == interface

    def _is_inside(self, address: Address, entering: Interface) -> bool:
        """Whether the address is the router's own, or of a station on another link."""
        way = self.forwarding.find(address)
        if not way:
            return False
        return way[0].kind == "local" or (way[0].kind == "connected" and way[0].interface != entering)

    def _find_objection(
        self, packet: Packet, entering: Interface, hop: Hop, leaving: Interface, is_redirected: bool
    ) -> str | None:
        """Return why a packet of no known conversation may not go from one interface to another."""
        if entering.is_uplink and self._is_inside(packet.tuple.source, entering):
            return "martian_address"
        if is_redirected:
            crosses = leaving != entering and (entering.is_internal or leaving.is_internal)
            return "network_internal" if crosses else None
        if entering.serves or leaving.serves:
            return None
        if entering.is_uplink:
            if leaving.is_internal:
                return "network_internal"
            return "unsolicited" if leaving.masquerades or leaving.is_uplink else None
        if leaving.is_uplink:
            return "network_internal" if entering.is_internal else None
        return None if hop.is_open or leaving == entering else "networks_isolated"

    def _is_hidden_message(self, packet: Packet, entering: Interface, leaving: Interface) -> bool:
        """Whether it is ICMP about nothing that is known, of somebody who appears outside by another address."""
        if not packet.is_message or not self.nat.translates or not leaving.is_uplink:
            return False
        if entering.is_uplink or entering.serves:
            return False
        return entering.masquerades or packet.tuple.source in self.nat.outside_of

    def _find_neighbour(self, frame: Frame, packet: Packet, domain: Domain, address: Address) -> bytes | Fate:
        elsewhere = self.vtep.endpoint(domain, address) if self.vtep and self.vtep.has(domain) else None
        if elsewhere and elsewhere[1].mac:
            return elsewhere[1].mac
        found = self._resolve(frame, domain, address)
        return found or self.refuse(frame, packet, "neighbour_unresolved", UNREACHABLE)

    def _resolve(self, waiting: Frame | Parcel, domain: Domain, address: Address) -> bytes | Fate | None:
        """Return a neighbour's MAC, or the fate of what is for it, None if it is known not to answer."""
        mac, act = self.neighbours.meet((domain, address), self.tick)
        if act == "unreachable":
            return None
        if act == "no_room":
            return UNRESOLVED
        entry = self.neighbours.entries[domain, address]
        if act in ("ask", "probe"):
            self.ask(domain, address, entry)
        if mac is not None:
            return mac
        if len(entry.waiting) >= MOST_WAITING or self.parked >= PLACES:
            return UNRESOLVED
        entry.waiting.append(waiting)
        return CONSUMED

    def find_underlay(self, parcel: Parcel) -> tuple[Domain, bytes] | Fate:
        """Return by which domain and to which MAC a parcel leaves, or its fate; it may have to wait."""
        assert self.vtep
        way = self.forwarding.find(parcel.to)
        hop = way[0] if way else Hop("unknown")
        if hop.kind not in ("connected", "via") or hop.interface != self.vtep.uplink or hop.domain is None:
            return Fate("drop", "no_route")
        found = self._resolve(parcel, hop.domain, hop.via or parcel.to) or UNRESOLVED
        return (hop.domain, found) if isinstance(found, bytes) else found

    @property
    def parked(self) -> int:
        """How many frames wait."""
        return self.neighbours.parked + sum(len(each.waiting) for each in self.fragments.entries.values())

    def _enter(self, packet: Packet, entering: Interface, leaving: Interface, course: Course) -> bytes | Fate | None:
        """Enter a packet into its flow, made if there is none; return it translated, None if it ends the flow."""
        if course.quote:
            return translate_error(packet, course.quote, course.leaves_as)
        if not course.is_tracked:
            return packet.data
        if course.flow and not self.flows.track(course.flow, course.direction, packet, self.tick):
            self.flows.remove(course.flow)
            return None
        if course.flow:
            self.nat.refresh(course.flow.original, packet.tuple, self.tick)
        if course.flow is None:
            reply = course.leaves_as.reversed()
            chosen = self._choose_source(packet.tuple, reply, entering, leaving, course.is_redirected)
            if chosen is None:
                return Fate("drop", "nat_exhausted")
            reply = reply._replace(destination=chosen[0], dport=chosen[1])
            begun = self.flows.begin(packet.tuple, reply, packet, self.tick)
            if begun is None:
                return Fate("drop", "flow_table_full")
            begun.judged, begun.is_nodes, begun.between = self.judge.stamp, course.is_nodes, (course.entered, "")
            self.nat.refreshed.pop(packet.tuple, None)
            course.leaves_as = reply.reversed()
        if course.leaves_as == packet.tuple:
            return packet.data
        ports_change = course.leaves_as[3:] != packet.tuple[3:]
        if packet.tuple.protocol == SCTP and packet.fragment == "first" and ports_change:
            return Fate("drop", "malformed_transport")
        return translate(packet, course.leaves_as)

    def _choose_source(
        self, original: Tuple, reply: Tuple, entering: Interface, leaving: Interface, is_redirected: bool
    ) -> tuple[Address, int] | None:
        if entering.is_uplink:
            hides = False
        elif leaving.is_uplink:
            hides = entering.masquerades or original.source in self.nat.outside_of
        else:
            hides = is_redirected and (entering.masquerades or entering == leaving)
        return self.nat.source_for(original, reply, hides, self._is_free, self.draw, self.tick)

    def _is_free(self, answer: Tuple) -> bool:
        return self.flows.find(answer, self.tick) is None

    def _depart(
        self, frame: Frame, entering: Interface, leaving: Interface, domain: Domain, mac: bytes, data: bytes
    ) -> Fate:
        version = data[0] >> 4
        pieces = [data] if len(data) <= leaving.mtu else cut(data, leaving.mtu)
        first, *others = [ethernet(mac, leaving.mac, ethertype_of(version), piece) for piece in pieces]
        own = Own(domain, first, frame.inside.priority, frame.port, is_held_apart=entering == leaving, is_routed=True)
        fate = self.ways.out(own)
        if not fate.reason:
            self.caused += [own._replace(data=other, is_held_apart=False, is_routed=False) for other in others]
        return fate
