"""Makes the twin draw what the real pipeline has drawn: it looks at what that has sent for the frame at hand.

The twin itself holds each draw to be a possible one. What is chosen by a hash must be chosen again the same way: the
outside address of an inside one (``nat``), and the next hop of a conversation.
"""

from collections.abc import Callable

from tests.naive.discovery import SOLICITATION, read_arp, read_discovery
from tests.naive.forwarding import Hop
from tests.naive.nat import Candidates, keep_or_lowest
from tests.naive.packet import Packet, Tuple, read_packet
from tests.naive.router import Router
from tests.naive.switch import Outcome
from tests.naive.wire import Address
from tests.runs import Run

IsPossible = Callable[[Address, int], bool]


class Follower:
    """Lends a router its luck: looks at what the ``real`` run did with frame number ``at``.

    Where that sent nothing, or several packets to one end, the conversations tell that there were after its vector.
    """

    def __init__(self, router: Router, real: Run) -> None:
        self.router = router
        self.real = real
        self.at = 0
        self.hops: dict[Tuple, Hop] = {}
        router.draw = self.draw
        router.choose = self.choose

    def draw(
        self, original: Tuple, reply: Tuple, candidates: Candidates, is_possible: IsPossible
    ) -> tuple[Address, int] | None:
        """Return the first possible source of what was sent to the other end, or that of the conversation."""
        sent = self.sources(reply)
        known = self.real.replies[self.at].get(original) if self.real.replies else None
        kept = [(known.destination, known.dport)] if known else []
        drawn = kept if kept and kept[0] in sent else sent + kept
        possible = next((source for source in drawn if is_possible(*source)), None)
        if possible or self.was_exhausted(original, reply, candidates, is_possible):
            return possible
        return keep_or_lowest(original, reply, candidates, is_possible)

    def was_exhausted(self, original: Tuple, reply: Tuple, candidates: Candidates, is_possible: IsPossible) -> bool:
        """Whether the frame was refused for want of a port, rightly so if one of the addresses has none to offer: which
        of them is the sender's cannot be seen before it has sent something."""
        choices = [candidates._replace(addresses=(address,)) for address in candidates.addresses]
        return self.real.outcomes[self.at].reason == "nat_exhausted" and any(
            keep_or_lowest(original, reply, choice, is_possible) is None for choice in choices
        )

    def sources(self, reply: Tuple) -> list[tuple[Address, int]]:
        """Return the sources of what the frame caused to be sent to where ``reply`` comes from."""
        wanted = reply.protocol, reply.source, reply.sport
        sent = [packet.tuple for packet in packets_of(self.real.outcomes[self.at]) if packet.fragment != "later"]
        return [(one.source, one.sport) for one in sent if (one.protocol, one.destination, one.dport) == wanted]

    def choose(self, key: Tuple, way: tuple[Hop, ...]) -> Hop:
        """Return the hop whose neighbour was sent something, or asked for."""
        if key not in self.hops:
            told = [hop for hop in way if self.was_told(hop)]
            self.hops[key] = told[0] if told else way[0]
        return self.hops[key]

    def was_told(self, hop: Hop) -> bool:
        """Whether a frame went to a hop's neighbour, or asked for it."""
        assert hop.domain
        assert hop.via
        entry = self.router.neighbours.entries.get((hop.domain, hop.via))
        return any(
            (entry is not None and entry.mac == frame[0:6]) or asked_address(frame) == hop.via
            for _, frame in self.real.outcomes[self.at].out
        )


def packets_of(outcome: Outcome) -> list[Packet]:
    """Return all packets that were sent."""
    read = [read_packet(frame) for _, frame in outcome.out if frame[12:14] in (b"\x08\x00", b"\x86\xdd")]
    return [packet for packet in read if packet]


def asked_address(frame: bytes) -> Address | None:
    """Return the address that a frame asks for."""
    arp = read_arp(frame)
    if arp:
        return arp.target
    packet = read_packet(frame) if frame[12:14] == b"\x86\xdd" else None
    message = read_discovery(packet) if packet else None
    return message.target if message and not isinstance(message, str) and message.kind == SOLICITATION else None
