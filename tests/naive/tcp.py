"""TCP as connection tracking sees it: Linux's table of states, and its windows (Rooij, "Real stateful TCP packet
filtering", 2001).

A segment that lies out of window, or that its state has no use for, changes nothing. A connection that is first seen
under way is taken as established.
"""

import struct
from dataclasses import dataclass, field

from tests.naive.packet import Packet

FIN, SYN, RST, ACK = 1, 2, 4, 16
WRAP = 1 << 32
LOOSEST_ACK = 66_000

STATES = (
    "none",
    "syn_sent",
    "syn_received",
    "established",
    "fin_wait",
    "close_wait",
    "last_ack",
    "time_wait",
    "close",
    "syn_sent2",
)
INVALID, IGNORE, ANEW = "invalid", "ignore", "anew"
NEXT: dict[tuple[int, str], tuple[int | str, ...]] = {
    # From none, syn_sent, syn_received, established, fin_wait, close_wait, last_ack, time_wait, close, syn_sent2.
    (0, "syn"): (1, 1, IGNORE, IGNORE, IGNORE, IGNORE, IGNORE, ANEW, ANEW, 9),
    (0, "synack"): (INVALID, INVALID, 2, INVALID, INVALID, INVALID, INVALID, INVALID, INVALID, 2),
    (0, "fin"): (INVALID, INVALID, 4, 4, 6, 6, 6, 7, 8, INVALID),
    (0, "ack"): (3, INVALID, 3, 3, 5, 5, 7, 7, 8, INVALID),
    (0, "rst"): (INVALID, 8, 8, 8, 8, 8, 8, 8, 8, 8),
    (1, "syn"): (INVALID, 9, INVALID, INVALID, INVALID, INVALID, INVALID, ANEW, ANEW, 9),
    (1, "synack"): (INVALID, 2, IGNORE, IGNORE, IGNORE, IGNORE, IGNORE, IGNORE, IGNORE, 2),
    (1, "fin"): (INVALID, INVALID, 4, 4, 6, 6, 6, 7, 8, INVALID),
    (1, "ack"): (INVALID, IGNORE, 2, 3, 5, 5, 7, 7, 8, IGNORE),
    (1, "rst"): (INVALID, 8, 8, 8, 8, 8, 8, 8, 8, 8),
}
TIMEOUTS = {
    "syn_sent": "tcp_syn_sent_s",
    "syn_sent2": "tcp_syn_sent_s",
    "syn_received": "tcp_syn_received_s",
    "established": "tcp_established_s",
    "fin_wait": "tcp_fin_wait_s",
    "close_wait": "tcp_close_wait_s",
    "last_ack": "tcp_last_ack_s",
    "time_wait": "tcp_time_wait_s",
    "close": "tcp_close_s",
}


@dataclass(frozen=True)
class Segment:
    """What tracking reads of a segment."""

    kind: str | None
    seq: int
    ack: int | None
    end: int
    window: int
    scale: int
    is_syn: bool
    is_rst: bool


def read_segment(packet: Packet) -> Segment:
    """Return the segment in a packet whose TCP header is there."""
    assert packet.transport is not None
    data = packet.data[packet.transport :]
    seq, ack = struct.unpack_from("!II", data, 4)
    kinds, window = data[13], int.from_bytes(data[14:16], "big")
    header = (data[12] >> 4) * 4
    taken = max(len(data) - header, 0) + bool(kinds & SYN) + bool(kinds & FIN)
    return Segment(
        kind_of(kinds),
        seq,
        ack if kinds & ACK else None,
        (seq + taken) % WRAP,
        window,
        read_scale(data[20:header]) if kinds & SYN else 0,
        bool(kinds & SYN),
        bool(kinds & RST),
    )


def kind_of(kinds: int) -> str | None:
    """Return which row of the table the flags choose."""
    if kinds & RST:
        return "rst"
    if kinds & SYN:
        return "synack" if kinds & ACK else "syn"
    if kinds & FIN:
        return "fin"
    return "ack" if kinds & ACK else None


def read_scale(options: bytes) -> int:
    """Return the window scale that the options of a SYN announce (RFC 7323)."""
    at = 0
    while at < len(options) and options[at]:
        if options[at] == 1:
            at += 1
            continue
        if at + 1 >= len(options) or options[at + 1] < 2:
            break
        if options[at] == 3 and options[at + 1] == 3 and at + 2 < len(options):
            return min(options[at + 2], 14)
        at += options[at + 1]
    return 0


def is_before(one: int, other: int) -> bool:
    """Whether a sequence number comes before another."""
    return (one - other) % WRAP >= WRAP // 2


@dataclass
class Window:
    """What one direction has sent, and may send."""

    end: int = 0
    most_end: int = 0
    most_window: int = 0
    scale: int = 0


@dataclass
class Connection:
    """The state of one connection."""

    state: str = "none"
    windows: list[Window] = field(default_factory=lambda: [Window(), Window()])

    def begin(self, segment: Segment) -> None:
        """Begin with the first segment seen."""
        if segment.kind == "syn":
            self.state = "syn_sent"
        else:
            self.state = {"fin": "fin_wait", "rst": "close"}.get(segment.kind or "", "established")
        mine, other = self.windows
        mine.end = segment.end
        mine.most_window = max(segment.window, 1)
        mine.most_end = segment.end if segment.is_syn else (segment.end + mine.most_window) % WRAP
        mine.scale = segment.scale
        if not segment.is_syn and segment.ack is not None:
            other.end = other.most_end = segment.ack

    def track(self, direction: int, segment: Segment) -> str | None:
        """Follow a segment; return "anew" if it begins another connection, "unchanged" if it means nothing."""
        following = INVALID if segment.kind is None else NEXT[direction, segment.kind][STATES.index(self.state)]
        if following == ANEW:
            return "anew"
        if following in (INVALID, IGNORE) or not self._is_in_window(direction, segment):
            return "unchanged"
        self.state = STATES[int(following)]
        return None

    def _is_in_window(self, direction: int, segment: Segment) -> bool:
        sender, receiver = self.windows[direction], self.windows[1 - direction]
        if sender.most_window == 0:
            sender.scale = segment.scale
            sender.end = segment.end
            sender.most_window = max(segment.window, 1)
            sender.most_end = segment.end if segment.is_syn else (segment.end + sender.most_window) % WRAP
        seq, end = segment.seq, segment.end
        ack = receiver.end if segment.ack is None or (segment.is_rst and segment.ack == 0) else segment.ack
        if segment.is_rst and seq == 0 and self.state == "syn_sent":
            seq = end = sender.end
        loosest = max(sender.most_window, LOOSEST_ACK)
        fits = (
            is_before(seq, (sender.most_end + 1) % WRAP)
            and is_before((sender.end - receiver.most_window - 1) % WRAP, end)
            and is_before(ack, (receiver.end + 1) % WRAP)
            and is_before((receiver.end - loosest - 1) % WRAP, ack)
        )
        if not fits:
            return False
        window = segment.window if segment.is_syn else segment.window << sender.scale
        sender.most_window = max(sender.most_window, window)
        if is_before(sender.end, end):
            sender.end = end
        if is_before(receiver.most_end, (ack + window) % WRAP):
            receiver.most_end = (ack + max(window, 1)) % WRAP
        return True
