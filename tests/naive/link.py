"""What stations on a link ask and say: ARP and neighbour discovery, answered for the router's addresses."""

from collections.abc import Callable

from tests.naive.discovery import (
    ADVERTISEMENT,
    OVERRIDES,
    ROUTER_SOLICITATION,
    SOLICITATION,
    SOLICITED,
    Discovery,
    advertise,
    advertise_router,
    read_arp,
    write_arp,
)
from tests.naive.domains import is_tunnel
from tests.naive.frames import CONSUMED, Fate, Frame
from tests.naive.interfaces import LINK_LOCAL, Interface
from tests.naive.neighbours import Kind
from tests.naive.node import Node
from tests.naive.packet import Packet
from tests.naive.wire import Address

UNSPECIFIED = {bytes(4), bytes(16)}
BOTH = SOLICITED | OVERRIDES
KINDS: dict[int, Kind] = {0: "unsolicited", OVERRIDES: "override", SOLICITED: "solicited", BOTH: "heard"}


def meet_arp(node: Node, frame: Frame, interface: Interface) -> Fate | None:
    arp = read_arp(frame.data)
    if arp is None:
        return None
    if is_claimed(node, interface, arp.sender, arp.sender_mac):
        return Fate("drop", "gateway_claimed")
    to_router = is_put_to(interface, frame)
    is_ours = arp.sender != arp.target and answers_for(
        node, frame, interface, arp.target, is_probe=arp.sender.packed in UNSPECIFIED
    )
    if arp.sender.packed not in UNSPECIFIED:
        hear(node, frame, interface, arp.sender, arp.sender_mac, "heard", is_ours)
    if arp.is_request and is_ours:
        answer = write_arp(2, interface.mac, arp.target, arp.sender_mac, arp.sender, arp.sender_mac)
        return answer_here(node, frame, answer)
    if arp.is_request:
        fate = ask_elsewhere(
            node,
            frame,
            interface,
            arp.target,
            arp.sender.packed in UNSPECIFIED,
            lambda mac: write_arp(2, mac, arp.target, arp.sender_mac, arp.sender, arp.sender_mac),
        )
        if fate:
            return fate
    return CONSUMED if to_router else None


def meet_discovery(
    node: Node, frame: Frame, interface: Interface, packet: Packet, message: Discovery | str
) -> Fate | None:
    to_router = is_put_to(interface, frame)
    if isinstance(message, str):
        return Fate("drop", "malformed_neighbour") if to_router else None
    source, mac = packet.tuple.source, message.link_address
    if message.kind == SOLICITATION:
        if mac and is_claimed(node, interface, source, mac):
            return Fate("drop", "gateway_claimed")
        is_ours = source != message.target and answers_for(
            node, frame, interface, message.target, is_probe=source.packed in UNSPECIFIED
        )
        if mac:
            hear(node, frame, interface, source, mac, "heard", is_ours)
        if is_ours:
            return answer_here(node, frame, advertise(frame.data, packet, message, interface.mac))
        fate = ask_elsewhere(
            node,
            frame,
            interface,
            message.target,
            source.packed in UNSPECIFIED,
            lambda mac: advertise(frame.data, packet, message, mac, kind=0),
        )
        if fate:
            return fate
    elif message.kind == ADVERTISEMENT:
        if is_claimed(node, interface, message.target, mac):
            return Fate("drop", "gateway_claimed")
        hear(node, frame, interface, message.target, mac, KINDS[message.says & BOTH], False)
    elif is_asked_for_routers(frame, interface, message):
        if mac:
            hear(node, frame, interface, source, mac, "heard", True)
        return answer_here(node, frame, advertise_router(frame.data, packet, message, interface))
    return CONSUMED if to_router else None


def answer_here(node: Node, frame: Frame, answer: bytes) -> Fate:
    """Answer a station here with what the router has to say of itself. Other nodes have gateways of their own."""
    return CONSUMED if is_tunnel(frame.port) else node.answer(frame, answer)


def ask_elsewhere(
    node: Node,
    frame: Frame,
    interface: Interface,
    target: Address,
    is_probe: bool,
    answer: Callable[[bytes], bytes],
) -> Fate | None:
    """Answer a station here that asks for one at another node, or let that node alone hear the question, unless it was
    put to the router alone. Who probes is not answered: whether an address is taken, its owner says."""
    vtep = node.vtep
    if vtep is None or not vtep.has(frame.domain) or is_tunnel(frame.port):
        return None
    known = vtep.endpoint(frame.domain, target)
    if known and known[1].mac and not is_probe:
        return node.answer(frame, answer(known[1].mac))
    peer = vtep.with_address(frame.domain, target)
    return node.ways.away(frame, peer.address) if peer and not is_put_to(interface, frame) else None


def is_put_to(interface: Interface, frame: Frame) -> bool:
    """Whether a frame was sent to the router's MAC."""
    return frame.data[0:6] == interface.mac


def is_asked_for_routers(frame: Frame, interface: Interface, message: Discovery) -> bool:
    """Whether a station solicits routers, and there is one for it."""
    is_heard = is_put_to(interface, frame) or bool(frame.data[0] & 1)
    return message.kind == ROUTER_SOLICITATION and is_heard and advertises(interface)


def advertises(interface: Interface) -> bool:
    """Whether stations there may take the router for theirs: not at the uplink, nor where it speaks no IPv6."""
    speaks = any(address.version == 6 for address in interface.addresses)
    return interface.network is not None and speaks


def is_claimed(node: Node, interface: Interface, address: Address, mac: bytes | None) -> bool:
    return mac != interface.mac and node.forwarding.is_local(address, interface)


def answers_for(node: Node, frame: Frame, interface: Interface, address: Address, is_probe: bool) -> bool:
    if node.forwarding.is_local(address, interface):
        return True
    if is_probe or address in LINK_LOCAL:
        return False
    return interface.proxies and all(own.ip != address for own in frame.port.addresses)


def hear(
    node: Node, frame: Frame, interface: Interface, address: Address, mac: bytes | None, kind: Kind, may_create: bool
) -> None:
    if node.forwarding.is_on_link(address, interface, frame.domain):
        key = (frame.domain, address)
        node.caused += node.neighbours.note(key, mac, kind, may_create, node.tick)
