"""Segments merged: as few frames as can be, each as a sender's kernel would have made it; what is cut from them is what
came."""

import struct
from random import Random

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_Router_Alert, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, Raw

from dataplane.superframe.tables import MAX_DATAGRAMS, MAX_PACKET, OPEN_SUPERFRAMES
from dataplane.vector import VIRTIO_BYTES
from tests.packets import ip4, ip6, plain
from tests.scale import scaled
from tests.superframe import streams
from tests.superframe.packets import (
    GSO_TCP4,
    GSO_TCP6,
    GSO_UDP,
    TIMESTAMP,
    cut_by_hand,
    framed,
    network,
    superframe,
    transport_of,
)
from tests.superframe.streams import LEAD, Arrived, listed, merge

pytestmark = pytest.mark.kernel

SIZE = 1000


def stream(count: int, seed: int = 1) -> bytes:
    return Random(seed).randbytes(count)


def tcp(version: int = 4, count: int = 3 * SIZE, sport: int = 5000, **fields: object) -> Packet:
    """Return one large segment of a flow, which a test has cut into frames."""
    settings = {"sport": sport, "dport": 80, "seq": 1000, "ack": 5, "flags": "A"} | fields
    return framed(network(version) / TCP(**settings) / Raw(stream(count)))


def udp(version: int = 4, count: int = 3 * SIZE, sport: int = 5000) -> Packet:
    return framed(network(version) / UDP(sport=sport, dport=53) / Raw(stream(count)))


def tcp_frames(**fields: object) -> list[bytes]:
    """Return three frames of SIZE bytes of payload each."""
    return cut_by_hand(tcp(**fields), SIZE)


def sizes(arrived: list[Arrived]) -> list[int]:
    """Return how many segments each frame stands for."""
    return [len(each.segments) for each in arrived]


def segments(arrived: list[Arrived]) -> list[bytes]:
    return [segment for each in arrived for segment in each.segments]


def changed(frame: bytes, layer: type[Packet], **fields: object) -> bytes:
    """Return the frame with fields of a layer changed, and lengths and checksums to match."""
    packet = Ether(frame)
    for name, value in fields.items():
        setattr(packet[layer], name, value)
    if IP in packet:
        del packet[IP].chksum
    del transport_of(packet).chksum
    return bytes(packet)


FLOWS = [
    pytest.param(tcp(4), GSO_TCP4, 16, id="tcp4"),
    pytest.param(tcp(6), GSO_TCP6, 16, id="tcp6"),
    pytest.param(tcp(4, options=TIMESTAMP), GSO_TCP4, 16, id="tcp4 with timestamps"),
    pytest.param(tcp(6, options=TIMESTAMP), GSO_TCP6, 16, id="tcp6 with timestamps"),
    pytest.param(udp(4), GSO_UDP, 6, id="udp4"),
    pytest.param(udp(6), GSO_UDP, 6, id="udp6"),
    pytest.param(framed(Dot1Q(vlan=5) / tcp(4).payload), GSO_TCP4, 16, id="tagged"),
    pytest.param(tcp(4, count=2 * SIZE + 1), GSO_TCP4, 16, id="the last is short"),
    pytest.param(tcp(4, flags="PA"), GSO_TCP4, 16, id="pushed at its end"),
]


@pytest.mark.parametrize(("packet", "kind", "field"), FLOWS)
def test_a_stream_becomes_one_superframe(packet: Packet, kind: int, field: int) -> None:
    """The frame is the large segment that it was cut from, its checksum left to a device as a sender leaves it."""
    frames = cut_by_hand(packet, SIZE)
    (merged,) = merge(frames)
    expected = superframe(packet, SIZE)
    assert merged.lead == LEAD
    assert merged.frame == expected.frame
    begin, header = expected.begin + len(LEAD), expected.header + len(LEAD)
    assert merged.virtio == struct.pack("<BBHHHHH", 1, kind, header, SIZE, begin, field, 0)
    assert merged.segments == frames


@pytest.mark.parametrize("size", [1, 2, 37, 200, 254, 255, 320, 321, 1399, 8948])
def test_segments_of_every_size_merge(size: int) -> None:
    packet = tcp(count=min(30 * size, 60_000) - 1)
    frames = cut_by_hand(packet, size)
    (merged,) = merge(frames)
    assert merged.frame == superframe(packet, size).frame
    assert merged.segments == frames


def test_a_single_segment_stays_as_it_came() -> None:
    (frame, *_) = tcp_frames()
    (only,) = merge([frame])
    assert (only.lead, only.frame, only.virtio) == (LEAD, frame, bytes(VIRTIO_BYTES))


DIFFERENCES = [
    pytest.param(IP, {"tos": 1}, id="CE mark"),
    pytest.param(IP, {"ttl": 63}, id="TTL"),
    pytest.param(IP, {"flags": 0}, id="DF"),
    pytest.param(IP, {"src": ip4(9)}, id="source"),
    pytest.param(IP, {"dst": ip4(9)}, id="destination"),
    pytest.param(IP, {"id": 99}, id="identification"),
    pytest.param(Ether, {"src": "02:00:00:00:00:09"}, id="source MAC"),
    pytest.param(Ether, {"dst": "02:00:00:00:00:09"}, id="destination MAC"),
    pytest.param(TCP, {"sport": 5001}, id="source port"),
    pytest.param(TCP, {"dport": 81}, id="destination port"),
    pytest.param(TCP, {"seq": 1999}, id="sequence number, overlapping"),
    pytest.param(TCP, {"seq": 2001}, id="sequence number, with a gap"),
    pytest.param(TCP, {"ack": 6}, id="acknowledgement"),
    pytest.param(TCP, {"window": 1}, id="window"),
    pytest.param(TCP, {"urgptr": 1}, id="urgent pointer"),
    pytest.param(TCP, {"reserved": 1}, id="reserved bits"),
    pytest.param(TCP, {"options": [("NOP", None), ("NOP", None), ("Timestamp", (1001, 2000))]}, id="timestamp"),
    *(pytest.param(TCP, {"flags": flags}, id=f"flags {flags}") for flags in ("FA", "SA", "RA", "UA", "EA", "CA", "P")),
]


@pytest.mark.parametrize(("layer", "fields"), DIFFERENCES)
def test_what_differs_in_a_header_is_not_merged(layer: type[Packet], fields: dict[str, object]) -> None:
    first, second, third = tcp_frames(options=TIMESTAMP)
    frames = [first, changed(second, layer, **fields), third]
    arrived = merge(frames)
    assert segments(arrived) == frames
    assert sizes(arrived) == [1, 1, 1] or (len(arrived) == 2 and arrived[0].segments == [first])


@pytest.mark.parametrize(
    ("layer", "fields"), [(IPv6, {"tc": 1}), (IPv6, {"fl": 1}), (IPv6, {"hlim": 9}), (IPv6, {"src": ip6(9)})]
)
def test_what_differs_in_an_ipv6_header_is_not_merged(layer: type[Packet], fields: dict[str, object]) -> None:
    first, second, _ = tcp_frames(version=6)
    assert sizes(merge([first, changed(second, layer, **fields)])) == [1, 1]


def test_what_came_with_another_lead_is_not_merged() -> None:
    frames = tcp_frames()
    arrived = merge(frames, [LEAD, LEAD[:6] + b"\x2b\0", LEAD])
    assert segments(arrived) == frames
    assert sizes(arrived) == [1, 1, 1]
    assert [each.lead for each in arrived] == [LEAD, LEAD[:6] + b"\x2b\0", LEAD]


def test_there_may_be_no_lead() -> None:
    frames = tcp_frames()
    (merged,) = merge(frames, [b""] * 3)
    assert merged.segments == frames


def test_a_push_ends_a_superframe() -> None:
    first, second, third = tcp_frames()
    frames = [first, changed(second, TCP, flags="PA"), third]
    arrived = merge(frames)
    assert sizes(arrived) == [2, 1]
    assert segments(arrived) == frames
    assert arrived[0].packet[TCP].flags == "PA"


def test_a_pushed_first_segment_goes_alone() -> None:
    first, second, third = tcp_frames()
    assert sizes(merge([changed(first, TCP, flags="PA"), second, third])) == [1, 2]


def test_a_shorter_segment_is_the_last_and_a_longer_one_begins_anew() -> None:
    short = cut_by_hand(tcp(count=2 * SIZE + 10), SIZE)
    after = tcp_frames(seq=1000 + 2 * SIZE + 10)
    after = [changed(frame, IP, id=10 + n) for n, frame in enumerate(after)]
    assert sizes(merge([*short, *after])) == [3, 3]
    small, large = cut_by_hand(tcp(count=20), 10), cut_by_hand(tcp(seq=1020), SIZE)
    large = [changed(frame, IP, id=9 + n) for n, frame in enumerate(large)]
    assert sizes(merge([*small, *large])) == [2, 3]


def test_sequence_numbers_and_identifications_wrap_around() -> None:
    packet = framed(network(4, id=0xFFFF) / TCP(seq=0xFFFF_FC00, flags="A") / Raw(stream(3000)))
    frames = cut_by_hand(packet, SIZE)
    (merged,) = merge(frames)
    assert merged.segments == frames


def with_identifications(*numbers: int, flags: str = "DF") -> list[bytes]:
    return [changed(changed(f, IP, id=n), IP, flags=flags) for f, n in zip(tcp_frames(), numbers, strict=True)]


def test_identifications_count_or_stand_still_where_nothing_is_fragmented() -> None:
    assert sizes(merge(with_identifications(5, 6, 7))) == [3]
    assert sizes(merge(with_identifications(5, 6, 7, flags=""))) == [3]
    assert sizes(merge(with_identifications(0, 0, 0))) == [3]
    assert sizes(merge(with_identifications(0, 0, 0, flags=""))) == [1, 1, 1]
    assert sizes(merge(with_identifications(0, 0, 1))) == [2, 1]
    assert sizes(merge(with_identifications(0, 1, 1))) == [2, 1]
    assert sizes(merge(with_identifications(5, 4, 3))) == [1, 1, 1]


@pytest.mark.parametrize("offset", [18, 24, 50, 60, 900])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_wrong_checksum_arrives_wrong(which: int, offset: int) -> None:
    """Wherever a bit flips: in the IP header, its checksum, TCP's, or the payload."""
    frames = tcp_frames()
    spoiled = bytearray(frames[which])
    spoiled[offset] ^= 0x10
    frames[which] = bytes(spoiled)
    arrived = merge(frames)
    assert segments(arrived) == frames
    assert next(each for each in arrived if each.frame == frames[which]).virtio == bytes(VIRTIO_BYTES)


def test_datagrams_without_a_checksum_stay_without() -> None:
    frames = cut_by_hand(udp(), SIZE)
    without = [frame[:40] + b"\0\0" + frame[42:] for frame in frames]
    arrived = merge(without)
    assert [each.frame for each in arrived] == without


@pytest.mark.parametrize("between", ["ack", "fin", "wrong"])
def test_a_flow_stays_in_order(between: str) -> None:
    """What is not merged closes its flow's superframe: nothing that comes later may come to stand before it."""
    first, second, third = tcp_frames()
    spoiled = second[:-1] + bytes([second[-1] ^ 1])
    ack = bytes(framed(network(4, id=99) / TCP(sport=5000, dport=80, seq=3000, ack=9, flags="A")))
    fin = changed(ack, TCP, flags="FA")
    frames = [first, {"ack": ack, "fin": fin, "wrong": spoiled}[between], second, third]
    arrived = merge(frames)
    assert segments(arrived) == frames
    assert sizes(arrived) == [1, 1, 2]


STRANGERS = [
    pytest.param(bytes(framed(ARP())), id="arp"),
    pytest.param(bytes(framed(network(4) / ICMP())), id="icmp"),
    pytest.param(plain(b"\x02" * 6, b"\x04" * 6), id="another EtherType"),
    pytest.param(bytes(fragment(tcp().payload, fragsize=800)[1]), id="not even a frame"),
    pytest.param(bytes(framed(fragment(tcp().payload, fragsize=800)[0])), id="first fragment"),
    pytest.param(bytes(framed(fragment(tcp().payload, fragsize=800)[1])), id="later fragment"),
    pytest.param(bytes(framed(network(4, options=[IPOption_Router_Alert()]) / TCP() / Raw(b"x"))), id="IPv4 options"),
    pytest.param(bytes(framed(network(6) / IPv6ExtHdrDestOpt() / TCP() / Raw(b"x"))), id="extension header"),
    pytest.param(tcp_frames()[0] + b"pad", id="padding"),
    pytest.param(tcp_frames()[0][:-1], id="truncated"),
    pytest.param(bytes(framed(network(4) / TCP(dataofs=4) / Raw(b"x"))), id="TCP header too short"),
    pytest.param(bytes(framed(network(4) / TCP(dataofs=15) / Raw(b"x"))), id="TCP header too long"),
    pytest.param(bytes(framed(network(4, proto=6) / Raw(bytes(19)))), id="half a TCP header"),
    pytest.param(bytes(framed(network(4, proto=17) / Raw(bytes(7)))), id="half a UDP header"),
    pytest.param(b"", id="nothing"),
]


@pytest.mark.parametrize("stranger", STRANGERS)
def test_what_may_belong_to_any_flow_closes_all(stranger: bytes) -> None:
    frames = tcp_frames()
    arrived = merge([*frames[:2], stranger, frames[2]])
    assert [each.segments for each in arrived] == [frames[:2], [stranger], [frames[2]]]


def test_every_truncation_arrives_as_it_is() -> None:
    for version in (4, 6):
        for whole in (tcp_frames(version=version)[0][:80], cut_by_hand(udp(version), SIZE)[0][:80]):
            frames = [whole[:length] for length in range(81)]
            assert [each.frame for each in merge(frames, limit=90)] == frames[:90]


def test_flows_that_take_turns_are_merged_side_by_side() -> None:
    flows = [cut_by_hand(tcp(sport=n), SIZE) for n in range(4)] + [cut_by_hand(udp(6, sport=n), SIZE) for n in range(4)]
    assert len(flows) == OPEN_SUPERFRAMES
    arrived = merge([frame for turn in zip(*flows, strict=True) for frame in turn])
    assert [each.segments for each in arrived] == flows


def test_of_too_many_flows_some_are_not_merged_but_none_is_lost() -> None:
    flows = [cut_by_hand(tcp(sport=n), SIZE) for n in range(OPEN_SUPERFRAMES + 3)]
    arrived = merge([frame for turn in zip(*flows, strict=True) for frame in turn])
    for n, frames in enumerate(flows):
        assert [f for f in segments(arrived) if Ether(f)[TCP].sport == n] == frames


def test_a_packet_of_64_kib_is_full() -> None:
    packet = tcp(count=MAX_PACKET - 40)
    frames = cut_by_hand(packet, SIZE)
    (merged,) = merge(frames)
    assert (merged.packet[IP].len, merged.segments) == (MAX_PACKET, frames)
    more = cut_by_hand(tcp(count=100, seq=1000 + MAX_PACKET - 40), SIZE)
    more = [changed(frame, IP, id=7 + len(frames)) for frame in more]
    full = [*frames[:-1], changed(frames[-1], IP, id=7 + len(frames) - 1)]
    assert sizes(merge(full + more)) == [len(frames), 1]
    over = [*frames[:-1], *cut_by_hand(tcp(count=SIZE, seq=1000 + SIZE * (len(frames) - 1)), SIZE)]
    over[-1] = changed(over[-1], IP, id=7 + len(frames) - 1)
    assert sizes(merge(over)) == [len(frames) - 1, 1]


def test_so_many_datagrams_are_a_superframe_at_most() -> None:
    frames = cut_by_hand(udp(count=(MAX_DATAGRAMS + 2) * 100), 100)
    assert sizes(merge(frames)) == [MAX_DATAGRAMS, 2]


def test_a_full_vector_takes_no_more_and_loses_nothing() -> None:
    flows = [frame for n in range(4) for frame in tcp_frames(sport=n)]
    arrived = merge(flows, limit=12, first=9)
    assert sizes(arrived) == [3, 3, 3]
    assert streams.taken == 9
    assert sizes(merge(flows[9:])) == [3]
    assert merge(flows, limit=9, first=9) == []
    assert streams.taken == 0


def random_frames(random: Random) -> list[bytes]:
    """Return frames of a few flows, mixed, now and then lost, doubled, spoiled or of another kind."""
    flows = []
    for sport in range(random.randrange(1, 12)):
        version, size = random.choice([4, 6]), random.choice([50, 300, 1000, 1400])
        count = random.randrange(1, 12 * size)
        make = random.choice([tcp, tcp, udp])
        flows.append(cut_by_hand(make(version, count=min(count, 60_000), sport=sport), size))
    frames = []
    while any(flows):
        flow = random.choice([flow for flow in flows if flow])
        for _ in range(min(random.randrange(1, 6), len(flow))):
            frame = flow.pop(0)
            chance = random.random()
            if chance < 0.03:
                continue
            if chance < 0.06:
                frames.append(frame)
            if chance < 0.1:
                spoiled = bytearray(frame)
                spoiled[random.randrange(len(frame))] ^= 1 << random.randrange(8)
                frame = bytes(spoiled)
            frames.append(bytes(framed(ARP())) if chance > 0.98 else frame)
    return frames[: streams.VECTOR]


def flow_of(frame: bytes) -> bytes:
    """Return the bytes that are addresses and ports, if it is an IP packet."""
    return frame[26:38] if frame[12:14] == b"\x08\x00" else frame[22:58]


def test_random_streams_arrive_whole_and_in_order(seed: int) -> None:
    random = Random(seed)
    for _ in range(scaled(300, jit_off=15)):
        frames = random_frames(random)
        arrived = merge(frames)
        got = segments(arrived)
        assert sorted(got) == sorted(frames)
        for flow in {flow_of(frame) for frame in frames}:
            assert [f for f in got if flow_of(f) == flow] == [f for f in frames if flow_of(f) == flow]


@pytest.mark.parametrize(
    ("length", "segment_bytes", "expected"),
    [
        (0, 1000, []),
        (1000, 1000, [(100, 1000)]),
        (2500, 1000, [(100, 1000), (1100, 1000), (2100, 500)]),
        (2500, 0, [(100, 2500)]),
        (700, 1000, [(100, 700)]),
    ],
)
def test_a_coalesced_message_is_listed(length: int, segment_bytes: int, expected: list[tuple[int, int]]) -> None:
    assert listed(length, segment_bytes) == expected
    assert listed(length, segment_bytes, before=3) == expected


def test_a_list_takes_what_it_has_room_for() -> None:
    assert listed(2500, 1000, room=2) == [(100, 1000), (1100, 1000)]
