"""What translation means, in words of Python: rules looked through one by one, conversations in a dictionary."""

from dataclasses import dataclass, field

from nat.build import NatPlan
from nat.tables import MAPPING_TICKS
from tests.flow.tables import Key
from tests.nat.rules import ICMP, ICMPV6, SCTP, TCP, UDP, ends

PORT_PROTOCOLS = (TCP, UDP, SCTP)


def protocol_of(key: Key) -> int:
    return key[4] >> 24 & 0xFF


def is_ipv4(address: int) -> bool:
    return address >> 32 == 0xFFFF


def ports_like(original: Key) -> range:
    """Return the ports that may stand in for the source port; none where nothing can be changed."""
    _, port, _, kind = ends(original)
    protocol = protocol_of(original)
    if protocol in PORT_PROTOCOLS:
        return range(1, 1024) if port < 1024 else range(1024, 65536)
    is_query = (protocol, kind) in ((ICMP, 8), (ICMP, 13), (ICMPV6, 128))
    return range(65536) if is_query else range(0)


End = tuple[int, int, int]
"""Protocol, address, port."""


@dataclass
class NaiveNat:
    """The twin: it says what is right, and of what is drawn at random whether it is right."""

    plan: NatPlan
    until: dict[Key, int] = field(default_factory=dict)
    """Every tuple that a conversation has, in either direction, and when it ends."""
    hidden: dict[int, int] = field(default_factory=dict)
    """As whom each inside address appears."""
    mapped: dict[End, tuple[tuple[int, int], int]] = field(default_factory=dict)
    """The outside end of each inside end that has a mapping, and when that ends."""

    def destination_of(self, original: Key, tick: int = 1) -> tuple[int, int] | None:
        _, _, address, port = ends(original)
        protocol = protocol_of(original)
        for each in self.plan.published:
            if address in each.outside and protocol == each.protocol and each.first <= port <= each.last:
                return each.inside, each.target + port - each.first
        if protocol in PORT_PROTOCOLS:
            for (mapped_protocol, inside, inside_port), (outside, until) in self.mapped.items():
                if mapped_protocol == protocol and outside == (address, port) and until > tick:
                    return inside, inside_port
        for outside, inside in self.plan.static:
            if address == outside:
                return inside, port
        return None

    def is_taken(self, key: Key, tick: int) -> bool:
        return self.until.get(key, 0) > tick

    def mapping_of(self, end: End, tick: int) -> tuple[int, int] | None:
        outside, until = self.mapped.get(end, ((0, 0), 0))
        return outside if until > tick else None

    def may_be_mapped(self, protocol: int, outside: tuple[int, int], tick: int) -> bool:
        is_published = any(
            outside[0] in each.outside and protocol == each.protocol and each.first <= outside[1] <= each.last
            for each in self.plan.published
        )
        others = [end for (its, *_), (end, until) in self.mapped.items() if its == protocol and until > tick]
        return not is_published and outside not in others

    def packet_leaves(self, end: End, tick: int) -> None:
        """A packet of a conversation leaves from an inside end."""
        if outside := self.mapping_of(end, tick):
            self.mapped[end] = outside, tick + MAPPING_TICKS

    def judge(self, original: Key, flow: int, reply: Key, tick: int, translates_source: bool, timeout: int) -> None:
        """Assert that a conversation may begin as it did, and remember it."""
        inside, inside_port, asked, asked_port = ends(original)
        source, sport, outside, port = ends(reply)
        assert (source, sport) == (self.destination_of(original, tick) or (asked, asked_port))
        statics = {inner: outer for outer, inner in self.plan.static}
        family = [each for each in self.plan.sources if is_ipv4(each) == is_ipv4(inside)]
        if not translates_source:
            assert outside == inside
        elif inside in statics:
            assert outside == statics[inside]
        else:
            assert outside in family
            assert self.hidden.setdefault(inside, outside) == outside
        end = protocol_of(original), inside, inside_port
        is_mapped = self.plan.endpoint_independent and translates_source and inside not in statics
        is_mapped = is_mapped and bool(ports_like(original))
        wanted = (self.mapping_of(end, tick) if is_mapped else None) or (outside, inside_port)
        kept = (*reply[:4], reply[4] & ~(0xFFFF << 32) | wanted[1] << 32)
        is_in_use = kept == original or self.is_taken(kept, tick)
        if is_mapped and not self.mapping_of(end, tick):
            assert self.may_be_mapped(end[0], (outside, port), tick)
            is_in_use |= not self.may_be_mapped(end[0], wanted, tick)
            self.mapped[end] = (outside, port), 0
        if is_mapped:
            self.mapped[end] = self.mapped[end][0], tick + MAPPING_TICKS
        if is_in_use:
            assert port in ports_like(original), "drawn from the same class"
        else:
            assert (outside, port) == wanted, "kept, since it is free"
        assert flow > 0
        assert reply != original
        assert not self.is_taken(original, tick)
        assert not self.is_taken(reply, tick), "no two answers are alike"
        self.until[original] = self.until[reply] = tick + timeout
