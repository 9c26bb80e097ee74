"""Connection tracking: which conversations there are, by the tuple of either direction, and how long they live.

A flow lives for the timeout of the state that its last packet left it in; a packet that means nothing to its state
changes nothing. An expired flow is as if absent. When there are ``limits.flows``, one that is not assured goes for a
new one; if all are, there is no new one.

A *zone* is where a tuple means something: everywhere the router is (None), and in each domain without it.
"""

from dataclasses import dataclass, field
from typing import Any

from control.model import Timeouts
from tests.naive.fdb import ticks
from tests.naive.packet import Packet, Tuple
from tests.naive.tcp import NONSENSE, Connection, read_segment
from tests.naive.wire import ICMP, ICMPV6, SCTP, TCP, UDP

UNANSWERED_S = 300
"""How long a connection that was first seen under way lives until the other end is seen."""


@dataclass(eq=False)
class Flow:
    """``original`` is how its packets come, ``reply`` how answers to what they become will come. ``judged``: the stamp
    of the policies that have allowed it; ``is_nodes``: the node itself began it; ``between``: the ports that it went
    between when it was allowed, who began it first; no name for one that is not known. ``connection`` is TCP's,
    ``is_answered`` of all else."""

    original: Tuple
    reply: Tuple
    expires: int
    is_answered: bool = False
    connection: Connection = field(default_factory=Connection)
    packets: tuple[int, int] = (0, 0)
    octets: tuple[int, int] = (0, 0)
    zone: Any = None
    judged: int = 0
    is_nodes: bool = False
    between: tuple[str, str] = ("", "")

    @property
    def is_assured(self) -> bool:
        """Whether it is not given up for another."""
        return self.connection.assured or self.is_answered

    def leaves_as(self, direction: int) -> Tuple:
        """Return what packets of a direction are translated to."""
        return (self.original if direction else self.reply).reversed()


class Flows:
    """The table."""

    def __init__(self, capacity: int, timeouts: Timeouts) -> None:
        self.capacity = capacity
        self.timeouts = timeouts
        self.halves: dict[tuple[Any, Tuple], tuple[Flow, int]] = {}

    def find(self, key: Tuple, tick: int, zone: Any = None) -> tuple[Flow, int] | None:
        """Return the flow of a tuple, and the direction that it is of: 0 original, 1 reply."""
        half = self.halves.get((zone, key))
        if half and half[0].expires <= tick:
            self.remove(half[0])
            return None
        return half

    def begin(self, original: Tuple, reply: Tuple, packet: Packet, tick: int, zone: Any = None) -> Flow | None:
        """Make a flow of its first packet, whose tuples are free; None if the table is full."""
        if not self._make_room(tick):
            return None
        flow = Flow(original, reply, tick, zone=zone)
        self.halves[zone, reply] = flow, 1
        self.halves[zone, original] = flow, 0  # Of a sender to itself all packets are the original's.
        self._count(flow, 0, packet)
        state = flow.connection.begin(read_segment(packet, 0) or NONSENSE) if is_tcp(flow) else ""
        flow.expires = tick + self._timeout(flow, state)
        return flow

    def track(self, flow: Flow, direction: int, packet: Packet, tick: int) -> bool:
        """Follow a further packet; False, and nothing was done, if it begins another connection."""
        state: str | None = ""
        if is_tcp(flow):
            segment = read_segment(packet, direction)
            state = flow.connection.track(segment) if segment else flow.connection.lives()
        else:
            flow.is_answered |= bool(direction)
        if state == "anew":
            return False
        self._count(flow, direction, packet)
        if state is not None:
            flow.expires = tick + self._timeout(flow, state)
        return True

    def remove(self, flow: Flow) -> None:
        """Take a flow out."""
        del self.halves[flow.zone, flow.original]
        self.halves.pop((flow.zone, flow.reply), None)

    def count(self, tick: int) -> int:
        """Return how many flows there are."""
        return len(self.present(tick))

    def present(self, tick: int) -> list[Flow]:
        """Return the flows that there are."""
        return [flow for flow, direction in self.halves.values() if direction == 0 and flow.expires > tick]

    def _count(self, flow: Flow, direction: int, packet: Packet) -> None:
        count, octets = [*flow.packets], [*flow.octets]
        count[direction] += 1
        octets[direction] += len(packet.data)
        flow.packets, flow.octets = (count[0], count[1]), (octets[0], octets[1])

    def _make_room(self, tick: int) -> bool:
        if self.count(tick) < self.capacity:
            return True
        for flow, _ in list(self.halves.values()):
            if flow.expires > tick and not flow.is_assured:
                self.remove(flow)
                return True
        return False

    def _timeout(self, flow: Flow, state: str) -> int:
        """Return for how many ticks a flow lives; ``state`` is of TCP's, as whose a connection lives."""
        times, protocol = self.timeouts, flow.original.protocol
        if protocol == TCP:
            return ticks(seconds_in(times, state))
        if protocol == UDP:
            return ticks(times.udp_stream_s if flow.is_answered else times.udp_s)
        if protocol in (ICMP, ICMPV6):
            return ticks(times.icmp_s)
        if protocol == SCTP:
            return ticks(times.sctp_established_s if flow.is_answered else times.sctp_s)
        return ticks(times.generic_s)


def is_tcp(flow: Flow) -> bool:
    """Whether a flow is a connection of TCP."""
    return flow.original.protocol == TCP


def seconds_in(times: Timeouts, state: str) -> int:
    """Return how long a connection lives in a state."""
    if state == "unanswered":
        return min(times.tcp_established_s, UNANSWERED_S)
    seconds: int = getattr(times, f"tcp_{'syn_sent' if state == 'simultaneous_open' else state}_s")
    return seconds
