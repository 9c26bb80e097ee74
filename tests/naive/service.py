"""Packets to the router's own addresses."""

from tests.naive.forwarding import Hop
from tests.naive.frames import CONSUMED, Fate, Frame, Own
from tests.naive.icmp import ECHO, NO_PORT, NO_PROTOCOL, echo_reply, may_err, reset_for
from tests.naive.interfaces import Interface
from tests.naive.node import Node
from tests.naive.packet import Packet
from tests.naive.wire import ICMP, ICMPV6, TCP, UDP, ethernet, ethertype_of

NAMES_PORT = 53


def serve(node: Node, frame: Frame, packet: Packet, entering: Interface, hop: Hop, is_known: bool) -> Fate:
    assert hop.interface
    protocol = packet.tuple.protocol
    if entering.is_uplink and node.nat.translates and hop.interface != entering:
        return Fate("drop", "unsolicited")
    if packet.icmp_type == ECHO[packet.version] and packet.fragment == "whole":
        reply = ethernet(frame.data[6:12], frame.data[0:6], ethertype_of(packet.version), echo_reply(packet))
        return node.answer(frame, reply + frame.data[14 + len(packet.data) :])
    if asks_for_names(node, packet, entering, hop):
        return pass_to_services(node, frame, packet, hop)
    if packet.is_error and hop.interface.is_uplink and node.nat.translates and not is_known:
        return Fate("drop", "unrelated_error")
    if protocol == (ICMP if packet.version == 4 else ICMPV6):
        return CONSUMED
    if entering.is_uplink and node.nat.translates:
        return Fate("drop", "unsolicited")
    if protocol == TCP:
        reset = reset_for(packet) if may_err(frame.data, packet) else None
        if reset and node.has_token(frame.port):
            node.say(frame, packet, reset)
        return Fate("drop", "no_service")
    return node.refuse(frame, packet, "no_service", NO_PORT if protocol == UDP else NO_PROTOCOL)


def asks_for_names(node: Node, packet: Packet, entering: Interface, hop: Hop) -> bool:
    assert hop.interface
    is_name_port = packet.tuple.protocol in (UDP, TCP) and packet.tuple.dport == NAMES_PORT
    has_services = any(each.serves for each in node.interfaces)
    return is_name_port and has_services and hop.interface.answers_names and not entering.is_uplink


def pass_to_services(node: Node, frame: Frame, packet: Packet, hop: Hop) -> Fate:
    assert hop.interface
    services = next(each for each in node.interfaces if each.serves)
    port = next(port for port in node.configuration.ports if port.name == node.configuration.services)
    whole = ethernet(port.mac, hop.interface.mac, ethertype_of(packet.version), packet.data)
    return node.ways.out(Own(services.domains[0], whole, frame.inside.priority, frame.port))
