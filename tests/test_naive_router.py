"""The parts of the naive router that rows show only together: checksums, cutting, windows, draws."""

from ipaddress import ip_address
from random import Random

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.packet import Raw

from tests.naive.nat import Candidates, Nat
from tests.naive.packet import Tuple, read_packet
from tests.naive.tcp import Connection, Segment, read_segment
from tests.naive.translate import cut, translate
from tests.naive.wire import adjusted, checksum, crc32c, sum_words
from tests.rows.router.world import B1, FAR, OUTSIDE, WORLD, tcp


def test_the_checksum_of_sctp_is_the_published_one() -> None:
    assert crc32c(b"123456789") == 0xE3069283


@pytest.mark.parametrize("number", range(50))
def test_a_checksum_by_difference_is_the_checksum(number: int, seed: int) -> None:
    random = Random(seed)
    old, rest = random.randbytes(4), random.randbytes(40)
    new = random.randbytes(4)
    assert adjusted(checksum(old + rest), old, new) == checksum(new + rest)


def test_pieces_make_the_whole() -> None:
    whole = bytes(IP(src=B1.ip4, dst=FAR, id=9) / UDP(sport=1, dport=2) / Raw(bytes(range(256)) * 9))
    pieces = [IP(piece) for piece in cut(whole, 600)]
    assert b"".join(bytes(piece.payload) for piece in pieces) == whole[20:]
    assert all(len(piece) <= 600 and sum_words(bytes(piece)[:20]) == 0xFFFF for piece in pieces)
    assert [piece.flags.MF for piece in pieces] == [True] * (len(pieces) - 1) + [False]


def test_a_translated_packet_is_what_its_new_sender_would_send() -> None:
    frame = bytes(14) + bytes(tcp(B1.ip4, FAR, body=b"odd"))
    packet = read_packet(frame[:12] + b"\x08\x00" + frame[14:])
    assert packet
    new = packet.tuple._replace(source=ip_address(OUTSIDE), sport=50000)
    assert translate(packet, new) == bytes(tcp(OUTSIDE, FAR, sport=50000, body=b"odd"))


def segment(direction: int, flags: str, sequence: int, ack: int = 0) -> Segment:
    """Return a segment without data."""
    return Segment(bool(direction), frozenset(flags), sequence, ack, 1000)


def test_a_connection_opens_and_closes() -> None:
    connection = Connection()
    states = [connection.begin(segment(0, "S", 100))]
    course = [(1, "SA", 500, 101), (0, "A", 101, 501), (0, "FA", 101, 501), (1, "A", 501, 102), (1, "FA", 501, 102)]
    for each in [*course, (0, "A", 102, 502)]:
        connection.track(segment(*each))
        states.append(connection.state)
    assert states == [
        *("syn_sent", "syn_received", "established", "fin_wait", "close_wait", "last_ack", "time_wait"),
    ]
    assert connection.track(segment(1, "S", 9000)) == "anew"


def test_what_is_out_of_window_changes_nothing() -> None:
    connection = Connection()
    connection.begin(segment(0, "S", 100))
    for each in ((1, "SA", 500, 101), (0, "A", 101, 501)):
        connection.track(segment(*each))
    assert connection.track(segment(1, "R", 501 + 10**6)) is None
    assert connection.track(segment(1, "FA", 501, 101 + 10**6)) is None
    assert connection.state == "established"


@pytest.mark.parametrize("drawn", [("192.0.2.10", 999), ("192.0.2.10", 4001), ("192.0.2.99", 5000)])
def test_a_draw_that_is_not_possible_is_found_out(drawn: tuple[str, int]) -> None:
    nat, taken = Nat(WORLD), ("192.0.2.10", 4001)
    original = Tuple(ip_address(B1.ip4), ip_address(FAR), 17, 4000, 53)

    def is_free(answer: Tuple) -> bool:
        return (str(answer.destination), answer.dport) not in (taken, ("192.0.2.10", 4000))

    def draw(original: Tuple, reply: Tuple, candidates: Candidates, is_possible: object) -> tuple[object, int]:
        return ip_address(drawn[0]), drawn[1]

    with pytest.raises(AssertionError):
        nat.source_for(original, original.reversed(), True, is_free, draw)  # type: ignore[arg-type]


def test_segments_of_scapy_are_read_as_they_are() -> None:
    frame = bytes(12) + b"\x08\x00" + bytes(IP(src=B1.ip4, dst=FAR) / TCP(flags="S", options=[("WScale", 7)]))
    packet = read_packet(frame)
    assert packet
    segment = read_segment(packet, 0)
    assert segment
    assert (segment.kind, segment.scale) == ("syn", 7)
