"""What goes into a run of the switch and what comes out of it, whoever runs it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from control.model import Configuration
from tests.naive.packet import Tuple
from tests.naive.switch import Outcome


class Arrival(NamedTuple):
    """A frame that comes in at ``port`` at ``time_ns``, nanoseconds since the epoch."""

    port: str
    frame: bytes
    time_ns: int


@dataclass(frozen=True)
class Conditions:
    """What the ports suffer while the frames come: links that are down, ports that take no frame."""

    down: frozenset[str] = frozenset()
    refusing: frozenset[str] = frozenset()


CALM = Conditions()


class Phase(NamedTuple):
    """A configuration, and what comes in while it is in force."""

    configuration: Configuration
    arrivals: Sequence[Arrival]
    conditions: Conditions = CALM


class Traffic(NamedTuple):
    """What a port counted; lengths without FCS."""

    rx_packets: int
    rx_bytes: int
    tx_packets: int
    tx_bytes: int


class Conversation(NamedTuple):
    """A flow: how its packets come, how answers do, and how many packets and bytes of IP went each way."""

    original: Tuple
    reply: Tuple
    packets: tuple[int, int]
    octets: tuple[int, int]


@dataclass
class Run:
    """What a run did: one outcome per arrival, the FDB's counters, drops by (port, reason), the ports' traffic, and the
    conversations that there are in the end. Several may be alike: in domains that have addresses of their own.

    ``replies``: for each arrival, the reply tuples by the original ones of the router's conversations that there were
    when its vector was through.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    counters: Counter[str] | None = field(default_factory=Counter)
    drops: Counter[tuple[str, str]] = field(default_factory=Counter)
    traffic: dict[str, Traffic] | None = None
    conversations: Counter[Conversation] | None = None
    replies: list[dict[Tuple, Tuple]] = field(default_factory=list, compare=False)
