"""Frames that go from port to port by MAC, where policies are in force: conversations are known there too, and judged.

Of a frame that is to be bridged, ``read`` says how policies see it. For one station it is judged, and entered into its
conversation, before it is sent: so a conversation may begin with a frame that nobody receives. What is for groups, or
for a station that nobody has heard of, is left out where policies keep it away.
"""

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Protocol

from control.model import Port
from control.policy.model import Pod
from tests.naive.frames import Fate, Frame, drop
from tests.naive.judge import Judge, keeps_link
from tests.naive.packet import Packet, lacks_transport, read_packet
from tests.naive.policy import End
from tests.naive.router import Router

ARP = b"\x08\x06"
IP = (b"\x08\x00", b"\x86\xdd")
OF_LINKS = (ip_network("169.254.0.0/16"), ip_network("fe80::/10"))
MAPPED = ip_network("::ffff:0:0/96")
"""IPv4 addresses as sockets of IPv6 write them: they are none of any packet's."""
DENIED, UNREADABLE = drop("policy_denied"), drop("policy_unreadable")


class Passenger(Protocol):
    """A frame that has been read. ``refusal`` is what it ends with if nobody may hear it."""

    refusal: Fate

    def enter(self, leaving: Port | None) -> Fate | None:
        """Judge it on its way to the one port that it leaves by, None if that is not known; return why it ends."""

    def is_for(self, port: Port) -> bool:
        """Whether one of several ports may have it."""


class Free:
    """What nobody is asked about."""

    refusal = DENIED

    def enter(self, leaving: Port | None) -> Fate | None:
        """Let it go on."""
        return None

    def is_for(self, port: Port) -> bool:
        """Let everybody have it."""
        return True


FREE = Free()


@dataclass
class Unreadable:
    """What is no packet: not for pods that policies select, nor from them."""

    judge: Judge
    port: Port
    refusal: Fate = UNREADABLE

    def enter(self, leaving: Port | None) -> Fate | None:
        """Let nothing out of a pod that is isolated, or into it."""
        if self.judge.is_isolated(self.judge.pods.get(self.port.name), "egress"):
            return UNREADABLE
        return None if leaving is None or self.is_for(leaving) else UNREADABLE

    def is_for(self, port: Port) -> bool:
        """Whether the port is no isolated pod's."""
        return not self.judge.is_isolated(self.judge.pods.get(port.name), "ingress")


@dataclass
class Call:
    """A packet for a group: each who hears it is asked."""

    router: Router
    frame: Frame
    packet: Packet
    source: End
    asks: bool = False
    refusal: Fate = DENIED

    def enter(self, leaving: Port | None) -> Fate | None:
        """Ask whether the source may send to the group."""
        judge, ends = self.router.judge, self.packet.tuple
        if self.packet.fragment != "whole":
            self.router.fragments.let_pass(self.frame.domain, self.packet)
        return None if self.asks or judge.may_leave(self.source, judge.end(None, ends.destination), ends) else DENIED

    def is_for(self, port: Port) -> bool:
        """Whether the port's pod lets the source in."""
        judge, ends = self.router.judge, self.packet.tuple
        heard = judge.end(port, ends.destination)
        return judge.is_nodes(self.frame.port, self.source) or judge.may_enter(self.source, heard, ends)


@dataclass
class Talk:
    """A packet for one station."""

    router: Router
    frame: Frame
    packet: Packet
    source: End
    zone: Any
    asks: bool = False
    pod: Pod | None = None
    leaving: Port | None = None
    refusal: Fate = DENIED

    def enter(self, leaving: Port | None) -> Fate | None:
        """Judge it, and enter it into its conversation. Messages have none."""
        destination = self.router.judge.end(leaving, self.packet.tuple.destination)
        self.pod, self.leaving = destination.pod, leaving
        if self.asks and leaving is not None and leaving.name not in self.router.judge.pods:
            return None
        fate = self._enter_message(destination) if self.packet.is_message else self._follow(destination)
        if fate is None and self.packet.fragment != "whole":
            self.router.fragments.let_pass(self.frame.domain, self.packet)
        return fate

    def is_for(self, port: Port) -> bool:
        """Whether it is for the port's pod, or for all that is known no policy keeps it away."""
        judge = self.router.judge
        pod = judge.pods.get(port.name)
        return (pod is not None and pod == self.pod) or not judge.is_isolated(pod, "ingress")

    def _enter_message(self, destination: End) -> Fate | None:
        """Judge a message that neither asks nor answers, unless it is about a known conversation."""
        router, judge = self.router, self.router.judge
        if router.find_quoted(self.packet, router.by_domain.get(self.frame.domain), self.zone):
            return None
        is_nodes = judge.is_nodes(self.frame.port, self.source)
        return None if judge.allows(self.source, destination, self.packet.tuple, is_nodes) else DENIED

    def _follow(self, destination: End) -> Fate | None:
        """Let a packet go on in its conversation, if that is still allowed, or begin one."""
        router, judge, key = self.router, self.router.judge, self.packet.tuple
        half = router.flows.find(key, router.tick, self.zone)
        is_nodes = judge.is_nodes(self.frame.port, self.source)
        entered, left = self.frame.port.name, self.leaving.name if self.leaving else ""
        if half:
            flow, direction = half
            if not judge.allows_on(flow, direction, self.source, destination, is_nodes, entered, left):
                return DENIED
            if router.flows.track(flow, direction, self.packet, router.tick):
                return None
            router.flows.remove(flow)
        if not judge.allows(self.source, destination, key, is_nodes):
            return DENIED
        if router.flows.find(key.reversed(), router.tick, self.zone):
            return drop("nat_exhausted")
        begun = router.flows.begin(key, key.reversed(), self.packet, router.tick, self.zone)
        if begun is None:
            return drop("flow_table_full")
        begun.judged, begun.is_nodes, begun.between = judge.stamp, is_nodes, (entered, left)
        return None


def read(router: Router, frame: Frame) -> Passenger | Fate:
    """Return a frame that is to be bridged as policies see it, or its fate if it goes no further."""
    ethertype, judge = frame.data[12:14], router.judge
    if not judge.is_on or ethertype == ARP:
        return FREE
    if ethertype not in IP:
        return Unreadable(judge, frame.port)
    packet = read_packet(frame.data)
    if packet is None:
        return drop("malformed_packet")
    source = judge.end(frame.port, packet.tuple.source)
    is_pods = frame.port.name in judge.pods
    asks = is_pods and judge.is_dhcp(frame.port, packet)
    if (packet.fragment == "whole" and keeps_link(packet)) or (not is_pods and judge.is_dhcp(frame.port, packet)):
        return FREE
    if any(address in MAPPED for address in packet.tuple[:2]):
        return drop("martian_address")
    if lacks_transport(packet):
        return drop("malformed_transport")
    followed = router.follow(frame, packet)
    if isinstance(followed, Fate):
        return followed
    if frame.data[0] & 1:
        return Call(router, frame, followed, source, asks)
    return Talk(router, frame, followed, source, zone_of(router, frame, followed), asks)


def zone_of(router: Router, frame: Frame, packet: Packet) -> Any:
    """Return where a packet's ends mean something: in its domain alone if no router is there, or they are of a link."""
    ends = packet.tuple.source, packet.tuple.destination
    is_of_link = any(address in link for address in ends for link in OF_LINKS)
    return frame.domain if is_of_link or frame.domain not in router.by_domain else None
