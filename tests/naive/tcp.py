"""What ``dataplane/flow/tcp.py`` says of connections, as plainly as it can be said: the twin of its kernels."""

import struct
from dataclasses import dataclass, field

from tests.naive.packet import Packet

LETTERS = {"F": 1, "S": 2, "R": 4, "A": 16}
SHORTEST_HEADER = 20
WRAP = 1 << 32
SLACK = 1 << 17
ENDED = ("time_wait", "close")


def ahead(one: int, other: int) -> int:
    """Return how far ``one`` is ahead of ``other``: negative if it is behind."""
    return (one - other + WRAP // 2) % WRAP - WRAP // 2


def latest(one: int | None, other: int) -> int:
    """Return the later of two numbers, of which the first may not be known."""
    return other if one is None or ahead(other, one) > 0 else one


@dataclass(frozen=True)
class Segment:
    """A segment; ``scale`` is the option, if it has one."""

    reply: bool
    flags: frozenset[str]
    sequence: int
    ack: int
    window: int
    payload: int = 0
    scale: int | None = None
    fragment: bool = False

    @property
    def kind(self) -> str:
        shape = "".join(sorted(self.flags & set("SAFR")))
        return {"S": "syn", "AS": "syn_ack", "A": "ack", "AF": "fin", "R": "rst", "AR": "rst"}.get(shape, "nonsense")

    @property
    def end(self) -> int:
        return (self.sequence + self.payload + ("S" in self.flags) + ("F" in self.flags)) % WRAP


NONSENSE = Segment(False, frozenset(), 0, 0, 0)
"""What no host sends. A connection of which a later fragment is seen first begins as if by that."""


def read_segment(packet: Packet, direction: int) -> Segment | None:
    """Return the segment in a packet, NONSENSE if its header cannot be right, None in the later fragments of one."""
    if packet.transport is None:
        return None
    data = packet.data[packet.transport :]
    header, bits = (data[12] >> 4) * 4, data[13]
    if not SHORTEST_HEADER <= header <= len(data):
        return NONSENSE
    sequence, ack = struct.unpack_from("!II", data, 4)
    window = int.from_bytes(data[14:16], "big")
    flags = frozenset(letter for letter, bit in LETTERS.items() if bits & bit)
    scale = read_scale(data[SHORTEST_HEADER:header])
    payload = len(data) - header
    return Segment(bool(direction), flags, sequence, ack, window, payload, scale, packet.fragment != "whole")


def read_scale(options: bytes) -> int | None:
    """Return the window scale that the options of a SYN offer (RFC 7323)."""
    at = 0
    while at < len(options) and options[at]:
        if options[at] == 1:
            at += 1
            continue
        if at + 1 >= len(options) or options[at + 1] < 2 or at + options[at + 1] > len(options):
            break
        if options[at] == 3 and options[at + 1] == 3:
            return min(options[at + 2], 14)
        at += options[at + 1]
    return None


@dataclass
class Side:
    """What is known of one direction."""

    seen: bool = False
    end: int = 0
    may_send_to: int = 0
    window: int = 0
    scale: int | None = None
    acknowledged: int = 0
    finished: bool = False
    ignored_syn: tuple[int, int | None] | None = None


@dataclass
class Connection:
    """``track`` follows it, and returns the state whose timeout the flow lives for now, None, or "anew"."""

    state: str = "new"
    assured: bool = False
    answered: bool = False
    loose: bool = False
    sides: tuple[Side, Side] = field(default_factory=lambda: (Side(), Side()))

    def begin(self, segment: Segment) -> str:
        states = {"syn": "syn_sent", "syn_ack": "syn_received", "ack": "established", "fin": "fin_wait"}
        self.state = states.get(segment.kind, "close")
        self.loose = segment.kind != "syn" or segment.fragment
        own, other = self.sides
        if segment.kind == "syn":
            self.open(own, other, segment)
        elif self.state != "close":
            other.acknowledged = segment.sequence
            own.finished = segment.kind == "fin"
            self.note(own, other, segment)
        return self.lives()

    def lives(self) -> str:
        return "unanswered" if self.state == "established" and not self.answered else self.state

    def open(self, own: Side, other: Side, segment: Segment) -> None:
        if not own.seen or own.end != segment.end:
            own.end = own.may_send_to = segment.end
        own.seen = True
        own.window, own.scale, own.ignored_syn = max(segment.window, 1), segment.scale, None
        other.acknowledged = (segment.sequence + 1) % WRAP

    def note(self, own: Side, other: Side, segment: Segment) -> None:
        window = max(segment.window << (own.scale or 0), 1)
        own.end = latest(own.end if own.seen else None, segment.end)
        own.acknowledged = latest(own.acknowledged if own.seen else None, segment.ack)
        other.may_send_to = latest(other.may_send_to if own.seen else None, (segment.ack + window) % WRAP)
        own.window = max(own.window, window)
        own.seen, own.ignored_syn = True, None

    def track(self, segment: Segment) -> str | None:
        own, other = self.sides[segment.reply], self.sides[not segment.reply]
        kind = segment.kind
        if kind == "nonsense":
            return None
        self.loose |= segment.fragment
        if kind == "syn":
            return self.track_syn(own, other, segment)
        if kind == "syn_ack":
            return self.track_syn_ack(own, other, segment)
        if kind == "rst":
            return self.track_reset(own, other, segment)
        if self.state in ("syn_sent", "simultaneous_open") or not (self.loose or self.fits(own, other, segment)):
            return None
        self.note(own, other, segment)
        self.answered |= segment.reply
        own.finished |= kind == "fin"
        if self.state not in ENDED:
            self.state = self.progress(own, other, segment)
        self.assured = (self.assured or (self.state == "established" and self.answered)) and self.state not in ENDED
        return self.lives()

    def fits(self, own: Side, other: Side, segment: Segment) -> bool:
        sequence, end = segment.sequence, segment.end
        if sequence == end:
            sequence = end = own.end
        return (
            ahead(sequence, own.may_send_to) <= 0
            and ahead(end, (own.end - max(other.window, SLACK)) % WRAP) >= 0
            and ahead(segment.ack, other.end) <= 0
            and ahead(segment.ack, (other.end - max(own.window, SLACK)) % WRAP) >= 0
        )

    def progress(self, own: Side, other: Side, segment: Segment) -> str:
        finished = [(one, peer) for one, peer in ((own, other), (other, own)) if one.finished]
        if not finished:
            completes = self.state == "syn_received" and not segment.reply
            return "established" if completes else self.state
        done = all(ahead(one.end, peer.acknowledged) <= 0 for one, peer in finished)
        if len(finished) == 1:
            return "close_wait" if done else "fin_wait"
        return "time_wait" if done else "last_ack"

    def track_syn(self, own: Side, other: Side, segment: Segment) -> str | None:
        if self.state in ENDED:
            return "anew"
        if self.state in ("syn_sent", "simultaneous_open"):
            self.open(own, other, segment)
            if segment.reply:
                self.answered, self.state = True, "simultaneous_open"
            return self.state
        if not segment.reply:
            own.ignored_syn = None if segment.end == own.end else (segment.end, segment.scale)
        return None

    def track_syn_ack(self, own: Side, other: Side, segment: Segment) -> str | None:
        answers = ("syn_sent", "syn_received", "simultaneous_open") if segment.reply else ("simultaneous_open",)
        if self.state not in answers or not self.covers_syn(own, other, segment):
            if not segment.reply or other.ignored_syn is None or (other.ignored_syn[0] - segment.ack) % (1 << 16):
                return None
            other.end = other.may_send_to = segment.ack
            other.window, other.scale, other.ignored_syn = 0xFFFF, other.ignored_syn[1], None
            own.finished = other.finished = self.loose = False
        self.open(own, other, segment)
        if ahead(other.acknowledged, segment.sequence) != 1:
            raise AssertionError
        own.acknowledged = segment.ack
        other.may_send_to = (segment.ack + max(segment.window, 1)) % WRAP
        own.may_send_to = latest(own.may_send_to, (own.end + other.window) % WRAP)
        if own.scale is None or other.scale is None:
            own.scale = other.scale = None
        self.state, self.answered = "syn_received", True
        return self.state

    @staticmethod
    def covers_syn(own: Side, other: Side, segment: Segment) -> bool:
        return ahead(segment.ack, own.acknowledged) >= 0 and ahead(segment.ack, other.end) <= 0

    def track_reset(self, own: Side, other: Side, segment: Segment) -> str | None:
        expected = other.acknowledged
        if self.state == "syn_sent" and segment.reply:
            closes = "A" in segment.flags and self.covers_syn(own, other, segment)
            fits = False
        else:
            closes = segment.sequence == expected or (own.seen and segment.sequence == own.end)
            limit = (expected + (1 << 30)) % WRAP if self.loose else own.may_send_to
            fits = ahead(segment.sequence, expected) >= 0 and ahead(segment.sequence, limit) <= 0
        if closes:
            self.state, self.assured = "close", False
            self.answered |= segment.reply
        return "close" if closes or fits else None
