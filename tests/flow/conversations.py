"""One flow that is tracked packet by packet: makes the packets, and says what each did to the flow."""

import struct
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from control.model import Timeouts
from dataplane.fdb.build import ticks_of
from dataplane.flow.build import flow_state_name, write_flow_rules
from dataplane.flow.states import begin_tracking, first_timeout, track_packet
from dataplane.flow.tables import BEGINS_ANEW, FLOW_RULES_DTYPE
from dataplane.vector import FRAME_AT, HEAD_BYTES, SLOT_BYTES, WHOLE, make_arena, make_vector
from tests.flow.tables import create, make_flows

IPV4_BYTES = 20
FLAGS = {"F": 0x01, "S": 0x02, "R": 0x04, "P": 0x08, "A": 0x10, "U": 0x20, "E": 0x40, "C": 0x80}
SECONDS = {name.removesuffix("_s"): seconds for name, seconds in asdict(Timeouts()).items()}
VECTOR, ARENA = make_vector(), make_arena(1)


def make_rules(seconds: dict[str, int] = SECONDS) -> Any:
    """Return the rules for these timeouts."""
    rules = np.zeros(1, FLOW_RULES_DTYPE).view(np.recarray)[0]
    write_flow_rules(rules, seconds)
    return rules


class Outcome(NamedTuple):
    """What a packet did: the flow's state, for how many ticks it lives now (None: its time is as it was), its traits,
    and whether it was begun anew."""

    state: str
    lives: int | None
    traits: int
    anew: bool


class Conversation:
    """A flow in a table of its own; its first packet makes it, as the router does."""

    def __init__(self, protocol: int, tick: int = 100) -> None:
        self.protocol, self.tick = protocol, tick
        self.flows, self.rules = make_flows(40), make_rules()
        self.vector, self.heads = VECTOR, ARENA.heads
        self.flow = 0

    @property
    def record(self) -> Any:
        return self.flows.records[self.flow]

    def send(self, direction: int, transport: bytes, fragment: int = WHOLE, payload: int | None = None) -> Outcome:
        """Send a packet of these bytes behind its IPv4 header; ``payload`` bytes more are in its tail."""
        self.write(transport, fragment, len(transport) + (payload or 0))
        now = np.uint64(self.tick)
        if self.flow == 0:
            timeout = first_timeout(self.rules, self.vector, self.heads, 0)
            word = self.protocol << 24
            self.flow = create(self.flows, (1, 2, 3, 4, word), (3, 4, 5, 6, word), self.tick, timeout)
            begin_tracking(self.flows, self.flow, self.rules, self.vector, self.heads, 0, now)
            assert self.record.expires == (self.tick + timeout) % (1 << 32)
            return self.outcome(False, 0)
        before = self.counted()
        stale = self.record.expires = (self.tick - 1) % (1 << 32)  # to see whether it is written
        half = self.flow * 2 + direction
        done = track_packet(self.flows, half, self.rules, self.vector, self.heads, 0, now)
        after = self.counted()
        if done == BEGINS_ANEW:
            assert after == before
        else:
            before[direction][0] += 1
            before[direction][1] += int(self.vector.packet_bytes[0])
            assert after == before
        return self.outcome(done == BEGINS_ANEW, stale)

    def outcome(self, anew: bool, stale: int) -> Outcome:
        expires = int(self.record.expires)
        lives = None if expires == stale else (expires - self.tick) % (1 << 32)
        state = flow_state_name(self.protocol, int(self.record.state))
        return Outcome(state, lives, int(self.record.traits), anew)

    def write(self, transport: bytes, fragment: int, length: int) -> None:
        """Write frame 0: the columns as the parser leaves them, and what follows the IP header."""
        at = FRAME_AT + 14 + IPV4_BYTES
        head = transport[: HEAD_BYTES - 14 - IPV4_BYTES]
        self.heads[:SLOT_BYTES] = 0xEE
        self.heads[at : at + len(head)] = np.frombuffer(head, np.uint8)
        self.vector.head_at[0] = FRAME_AT
        self.vector.head_length[0] = 14 + IPV4_BYTES + len(head)
        self.vector.packet_bytes[0] = IPV4_BYTES + length
        self.vector.protocol[0] = self.protocol
        self.vector.fragment[0] = fragment
        self.vector.transport_at[0] = at if transport else 0

    def counted(self) -> list[list[int]]:
        return [[int(half.packets), int(half.bytes)] for half in (self.record.original, self.record.reply)]


def tcp(flags: str, sequence: int, ack: int = 0, window: int = 8192, options: bytes = b"") -> bytes:
    """Return a TCP header with these flags, as letters, and options."""
    options += bytes(-len(options) % 4)
    bits = sum(FLAGS[letter] for letter in flags)
    words = (4000, 80, sequence % (1 << 32), ack % (1 << 32), (20 + len(options)) << 2, bits, window, 0, 0)
    return struct.pack("!HHIIBBHHH", *words) + options


def scale_option(shift: int) -> bytes:
    """Return a window scale option behind one that says nothing."""
    return bytes([1, 3, 3, shift])


def ticks(name: str) -> int:
    """Return a timeout in ticks."""
    return ticks_of(SECONDS[name])
