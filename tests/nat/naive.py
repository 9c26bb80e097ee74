"""What translation means, in words of Python: rules looked through one by one, conversations in a dictionary."""

from dataclasses import dataclass, field

from nat.build import NatPlan
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


@dataclass
class NaiveNat:
    """The twin: it says what is right, and of what is drawn at random whether it is right."""

    plan: NatPlan
    until: dict[Key, int] = field(default_factory=dict)
    """Every tuple that a conversation has, in either direction, and when it ends."""
    hidden: dict[int, int] = field(default_factory=dict)
    """As whom each inside address appears."""

    def destination_of(self, original: Key) -> tuple[int, int] | None:
        _, _, address, port = ends(original)
        for each in self.plan.published:
            is_meant = address in each.outside and protocol_of(original) == each.protocol
            if is_meant and each.first <= port <= each.last:
                return each.inside, each.target + port - each.first
        for outside, inside in self.plan.static:
            if address == outside:
                return inside, port
        return None

    def is_taken(self, key: Key, tick: int) -> bool:
        return self.until.get(key, 0) > tick

    def judge(self, original: Key, flow: int, reply: Key, tick: int, translates_source: bool, timeout: int) -> None:
        """Assert that a conversation may begin as it did, and remember it."""
        inside, inside_port, asked, asked_port = ends(original)
        source, sport, outside, port = ends(reply)
        assert (source, sport) == (self.destination_of(original) or (asked, asked_port))
        statics = {inner: outer for outer, inner in self.plan.static}
        family = [each for each in self.plan.sources if is_ipv4(each) == is_ipv4(inside)]
        if not translates_source:
            assert outside == inside
        elif inside in statics:
            assert outside == statics[inside]
        else:
            assert outside in family
            assert self.hidden.setdefault(inside, outside) == outside
        kept = (*reply[:4], reply[4] & ~(0xFFFF << 32) | inside_port << 32)
        if kept == original or self.is_taken(kept, tick):
            assert port in ports_like(original), "drawn from the same class"
        else:
            assert port == inside_port, "kept, since it is free"
        assert flow > 0
        assert reply != original
        assert not self.is_taken(original, tick)
        assert not self.is_taken(reply, tick), "no two answers are alike"
        self.until[original] = self.until[reply] = tick + timeout
