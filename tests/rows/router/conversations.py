"""How long conversations live, what ends them, and what there is room for."""

from scapy.packet import Packet

from control.model import Limits, Timeouts
from tests.checkers import came_out_of, dropped
from tests.rows.router.translation import goes
from tests.rows.router.world import (
    B1,
    B2,
    FAR,
    OUTSIDE,
    WORLD,
    G,
    Station,
    arp_reply,
    gives,
    met,
    ping,
    sent,
    tcp,
    udp,
    world,
)
from tests.rows.row import Row, Step, step

OUT = udp(B1.ip4, FAR)
ANSWER = udp(FAR, OUTSIDE, 5353, 4000)


def ticks(seconds: int) -> int:
    """Return seconds in ticks, rounded up."""
    return -(-seconds * 10**9 // 2**27)


def out(after: int, packet: Packet = OUT) -> Step:
    """Return the step in which B1 speaks to somebody far away."""
    return gives(B1, packet, came_out_of("wan"), after_ticks=after)


def answered(after: int) -> Step:
    """Return the step in which that answers."""
    return gives(G, ANSWER, came_out_of("b1"), after_ticks=after)


def segment(flags: str, after: int, seq: int = 100, ack: int = 0) -> Step:
    """Return the step in which B1 sends a segment."""
    return gives(B1, tcp(B1.ip4, FAR, flags=flags, seq=seq, ack=ack), came_out_of("wan"), after_ticks=after)


def segment_back(flags: str, after: int, seq: int = 500, ack: int = 101) -> Step:
    """Return the step in which a segment comes for B1."""
    answer = tcp(FAR, OUTSIDE, 80, 4000, flags, seq=seq, ack=ack)
    return gives(G, answer, came_out_of("b1"), after_ticks=after)


def too_late(after: int, flags: str = "A") -> Step:
    """Return the step in which a segment comes for a conversation that is over."""
    answer = tcp(FAR, OUTSIDE, 80, 4000, flags, seq=501, ack=101)
    return gives(G, answer, dropped("unsolicited"), after_ticks=after)


def known(after: int) -> tuple[Step, ...]:
    """Return the steps that keep the neighbours known."""
    return tuple(
        each._replace(after_ns=after * 2**27) for each in (Step(s.port, arp_reply(s), (), 0) for s in (B1, B2, G))
    )


HANDSHAKE = (
    segment("S", 0),
    segment_back("SA", 0),
    segment("A", 0, 101, 501),
)
CLOSING = (
    segment("FA", 0, 101, 501),
    segment_back("A", 0, 501, 102),
    segment_back("FA", 0, 501, 102),
    segment("A", 0, 102, 502),
)
SHORT = world(timeouts=Timeouts(tcp_established_s=600, tcp_close_s=10, tcp_time_wait_s=20))
KNOWN = met(B1, B2, G)


def from_port(station: Station, number: int) -> bytes:
    """Return a datagram to somebody far away, without a checksum, from this port."""
    packet = udp(station.ip4, FAR, 0)
    packet.getlayer(1).chksum = 0
    frame = bytearray(sent(station, packet))
    frame[34:36] = number.to_bytes(2, "big")
    return bytes(frame)


ROWS = [
    Row(
        "when all low ports to one end are taken one more conversation from a low port is not to be had",
        WORLD,
        (
            *KNOWN,
            *(step("b1", from_port(B1, number), came_out_of("wan")) for number in range(1, 1024)),
            step("b2", from_port(B2, 5), dropped("nat_exhausted")),
            step("b2", from_port(B2, 1024), came_out_of("wan")),
            gives(B2, udp(B2.ip4, "198.51.100.10", 5), came_out_of("wan")),
        ),
    ),
    Row(
        "a datagram that is not answered is remembered for udp_s",
        WORLD,
        (
            *KNOWN,
            out(0),
            out(ticks(30) - 1),
            *known(2 * ticks(30) - 3),
            gives(G, ANSWER, dropped("unsolicited"), after_ticks=2 * ticks(30) - 1),
        ),
    ),
    Row(
        "an answered one for udp_stream_s, by any of its packets",
        WORLD,
        (
            *KNOWN,
            out(0),
            answered(ticks(30) - 1),
            *known(ticks(30) + ticks(120) - 3),
            answered(ticks(30) + ticks(120) - 2),
            *known(ticks(30) + 2 * ticks(120) - 4),
            gives(G, ANSWER, dropped("unsolicited"), after_ticks=ticks(30) + 2 * ticks(120) - 2),
        ),
    ),
    Row(
        "an echo is remembered for icmp_s",
        WORLD,
        (
            *KNOWN,
            gives(B1, ping(B1.ip4, FAR), came_out_of("wan")),
            gives(G, ping(FAR, OUTSIDE, reply=True), came_out_of("b1"), after_ticks=ticks(30) - 1),
            # The router's own address answers nothing, and takes what is no answer to anything.
            *known(2 * ticks(30) - 3),
            gives(B1, ping(B1.ip4, FAR), came_out_of("wan"), after_ticks=2 * ticks(30)),
        ),
    ),
    Row(
        "a SYN is remembered for tcp_syn_sent_s",
        WORLD,
        (
            *KNOWN,
            segment("S", 0),
            *known(ticks(120) - 2),
            segment_back("SA", ticks(120) - 1),
            *known(ticks(120) + ticks(60) - 2),
            too_late(ticks(120) - 1 + ticks(60), "SA"),
        ),
    ),
    Row(
        "a connection that stands is remembered for tcp_established_s",
        SHORT,
        (
            *KNOWN,
            *HANDSHAKE,
            *known(ticks(600) - 2),
            segment_back("A", ticks(600) - 1, 501, 101),
            *known(2 * ticks(600) - 3),
            too_late(2 * ticks(600) - 1),
        ),
    ),
    Row(
        "a connection that was closed is remembered for tcp_time_wait_s",
        SHORT,
        (
            *KNOWN,
            *HANDSHAKE,
            *CLOSING,
            segment_back("FA", ticks(20) - 1, 501, 102),
            too_late(ticks(20) + ticks(20)),
        ),
    ),
    Row(
        "a reset leaves tcp_close_s",
        SHORT,
        (
            *KNOWN,
            *HANDSHAKE,
            segment_back("R", 0, 501),
            too_late(ticks(10)),
        ),
    ),
    Row(
        "a reset out of window changes nothing, and goes on",
        SHORT,
        (
            *KNOWN,
            *HANDSHAKE,
            segment_back("R", 0, 501 + 10**6),
            segment_back("A", ticks(10), 501, 101),
        ),
    ),
    Row(
        "a SYN on a closed connection begins another, from inside",
        SHORT,
        (
            *KNOWN,
            *HANDSHAKE,
            *CLOSING,
            goes(B1, tcp(B1.ip4, FAR, seq=9999), G, tcp(OUTSIDE, FAR, seq=9999, ttl=63)),
            segment_back("SA", 0, 777, 10000),
        ),
    ),
    Row(
        "from outside it is nobody's",
        SHORT,
        (
            *KNOWN,
            *HANDSHAKE,
            *CLOSING,
            gives(G, tcp(FAR, OUTSIDE, 80, 4000, "S", seq=9999), dropped("unsolicited")),
        ),
    ),
    Row(
        "a connection that is first seen under way goes on",
        SHORT,
        (
            *KNOWN,
            segment("A", 0, 101, 501),
            segment_back("A", 0, 501, 101),
        ),
    ),
    Row(
        "when the table is full of conversations that were answered a new one is refused",
        world(limits=Limits(fdb=4096, flows=2)),
        (
            *KNOWN,
            out(0),
            answered(0),
            gives(B2, udp(B2.ip4, FAR, 4001), came_out_of("wan")),
            gives(G, udp(FAR, OUTSIDE, 5353, 4001), came_out_of("b2")),
            gives(B2, udp(B2.ip4, FAR, 4002), dropped("flow_table_full")),
            answered(0),
        ),
    ),
    Row(
        "one that was not answered makes room",
        world(limits=Limits(fdb=4096, flows=2)),
        (
            *KNOWN,
            out(0),
            answered(0),
            gives(B2, udp(B2.ip4, FAR, 4001), came_out_of("wan")),
            gives(B2, udp(B2.ip4, FAR, 4002), came_out_of("wan")),
            gives(G, udp(FAR, OUTSIDE, 5353, 4001), dropped("unsolicited")),
            gives(G, udp(FAR, OUTSIDE, 5353, 4002), came_out_of("b2")),
            answered(0),
        ),
    ),
]
