"""Conversations between inside and outside, step by step.

A *message* is what one end says, as a function of the two ends' addresses and ports: inside, the inside end has its
own; outside, it has what the router gave it, which is known only as the conversation goes on. So steps are functions
too, and each router gets frames that belong to the port that it chose itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.kernelnat.craft import icmp, icmp_protocol, ip, with_hops
from tests.kernelnat.place import Family, Side

Build = Callable[[str, int, str, int], bytes]
"""Source, its port, destination, its port -> IP packet."""
Pieces = Callable[[bytes], list[bytes]]
"""IP packet -> what of it reaches the router."""


@dataclass(frozen=True)
class Conversation:
    """Two ends and what they speak. An ICMP query's identifier is the port of who asks."""

    number: int
    family: Family
    protocol: int
    inside: str
    inside_port: int
    outside: str
    outside_port: int

    def __str__(self) -> str:
        return f"#{self.number} {self.protocol} {self.inside}:{self.inside_port} > {self.outside}:{self.outside_port}"


@dataclass(frozen=True)
class Message:
    """What one end says; ``label`` tells people what it is."""

    from_inside: bool
    label: str
    build: Build

    def inside_view(self, of: Conversation) -> bytes:
        """Return the packet as it is inside."""
        if self.from_inside:
            return self.build(of.inside, of.inside_port, of.outside, of.outside_port)
        return self.build(of.outside, of.outside_port, of.inside, of.inside_port)

    def outside_view(self, of: Conversation, mapped: int) -> bytes:
        """Return the packet as it is outside, where the inside end's port is ``mapped``."""
        router = of.family.outside_router
        if self.from_inside:
            return self.build(router, mapped, of.outside, of.outside_port)
        return self.build(of.outside, of.outside_port, router, mapped)


@dataclass(frozen=True)
class Step:
    """Packets that reach the router from one station, one right after the other."""

    conversation: Conversation
    side: Side
    station: str
    label: str
    make: Callable[[int], list[bytes]]
    """The port outside -> packets."""

    def __str__(self) -> str:
        return f"{self.conversation}: {self.label}, from {self.side.value}"


def as_it_is(packet: bytes) -> list[bytes]:
    """Return the packet as its only piece."""
    return [packet]


@dataclass
class Script:
    """What comes of one conversation, in order; ``said`` are its messages."""

    conversation: Conversation
    random: Random
    steps: list[Step] = field(default_factory=list)
    said: list[Message] = field(default_factory=list)

    def say(self, message: Message, pieces: Pieces = as_it_is) -> None:
        """Add a message."""
        of = self.conversation
        self.said.append(message)
        if message.from_inside:
            self.add(Side.INSIDE, of.inside, message.label, lambda mapped: pieces(message.inside_view(of)))
        else:
            self.add(Side.OUTSIDE, of.outside, message.label, lambda mapped: pieces(message.outside_view(of, mapped)))

    def complain(self, about: Message, by: str, kind: int, code: int, rest: int, quoted: int) -> None:
        """Add an ICMP error of ``by`` about a message, which quotes that many bytes of it."""
        of = self.conversation
        label = f"error {kind}/{code} about {about.label}, {quoted} bytes of it"

        def error(packet: bytes, to: str) -> list[bytes]:
            quote = with_hops(packet, 1)[:quoted]
            return [ip(by, to, icmp_protocol(by), icmp(by, to, kind, code, rest, quote), identification=77)]

        if about.from_inside:
            router = of.family.outside_router
            self.add(Side.OUTSIDE, by, label, lambda mapped: error(about.outside_view(of, mapped), router))
        else:
            self.add(Side.INSIDE, by, label, lambda mapped: error(about.inside_view(of), of.outside))

    def add(self, side: Side, station: str, label: str, make: Callable[[int], list[bytes]]) -> None:
        """Add a step."""
        self.steps.append(Step(self.conversation, side, station, label, make))
