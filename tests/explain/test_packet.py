"""A packet as the user writes it becomes the frame that scapy reads as the same, checksums included."""

from ipaddress import ip_address

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.layers.sctp import SCTP

from control.errors import UserError
from control.explain.answer import neighbour_answer, presence
from control.explain.decode import Decoded
from control.explain.packet import Packet, ether_type_of, frame_bytes, packet_bytes, parse_packet

HERE, THERE = b"\x02" * 6, b"\x04" * 6

READ = {
    "tcp 10.10.0.2:4000 > 10.10.0.3:80": "tcp 10.10.0.2:4000 > 10.10.0.3:80 syn",
    "tcp 10.10.0.2:4000>10.10.0.3:80 syn,ack ttl=3": "tcp 10.10.0.2:4000 > 10.10.0.3:80 syn,ack",
    "udp [fd00::2]:53 > [fd00::3]:5353 length=1400": "udp [fd00::2]:53 > [fd00::3]:5353",
    "udp 10.0.0.1:1 > 10.0.0.2:2 length=1501": "udp 10.0.0.1:1 > 10.0.0.2:2",
    "sctp 10.0.0.1:1 > 10.0.0.2:2": "sctp 10.0.0.1:1 > 10.0.0.2:2",
    "icmp 10.0.0.1 > 10.0.0.2 id=7": "icmp 10.0.0.1 > 10.0.0.2 echo request",
    "icmp fd00::2 > fd00::3": "icmp fd00::2 > fd00::3 echo request",
    "icmp6 [fd00::2] > fd00::3": "icmp fd00::2 > fd00::3 echo request",
    "47 10.0.0.1 > 10.0.0.2 vlan=5 fragments": "47 10.0.0.1 > 10.0.0.2",
}


def frame_of(packet: Packet) -> bytes:
    return frame_bytes(THERE, HERE, packet_bytes(packet), ether_type_of(packet), packet.vlan)


@pytest.mark.parametrize(("written", "read"), READ.items())
def test_a_packet_is_read_as_it_was_written(written: str, read: str) -> None:
    packet = parse_packet(written)
    frame = frame_of(packet)
    decoded = Decoded(frame)
    assert (decoded.text, decoded.ttl, decoded.vlan) == (read, packet.ttl, packet.vlan)
    assert (decoded.destination_mac, decoded.source_mac) == (THERE, HERE)
    if packet.length:
        assert decoded.length == packet.length == len(frame) - 14


@pytest.mark.parametrize("written", READ)
def test_scapy_finds_nothing_to_mend(written: str) -> None:
    frame = frame_of(parse_packet(written))
    found = Ether(frame)
    assert (Dot1Q in found) == ("vlan" in written)
    for layer, field in (
        (IP, "chksum"),
        (TCP, "chksum"),
        (UDP, "chksum"),
        (ICMP, "chksum"),
        (ICMPv6EchoRequest, "cksum"),
    ):
        if layer in found:
            mended = Ether(frame)
            delattr(mended[layer], field)
            assert getattr(Ether(bytes(mended))[layer], field) == getattr(found[layer], field)
    assert (SCTP in found) == written.startswith("sctp")
    if IP in found:
        assert found[IP].flags == ("" if "fragments" in written else "DF")
        assert found[IP].len == len(bytes(found[IP]))
    else:
        assert found[IPv6].plen + 40 == len(bytes(found[IPv6]))


PHRASES = {
    "tcp": "expected 'PROTOCOL SOURCE[:PORT] > DESTINATION[:PORT] [OPTIONS]'",
    "tcp 10.0.0.1:1 10.0.0.2:2 >": "expected 'PROTOCOL SOURCE[:PORT] > DESTINATION[:PORT] [OPTIONS]'",
    "tcp 10.0.0.1 > 10.0.0.2": "expected a port behind each address for tcp",
    "icmp 10.0.0.1:1 > 10.0.0.2:2": "expected no ports for icmp",
    "tcp 10.0.0.1:1 > fd00::1": "expected two addresses of one family, found 10.0.0.1 and fd00::1",
    "tcp host:1 > 10.0.0.1:2": "expected an address such as 10.10.0.2:4000 or [fd00:10::2]:4000, found 'host:1'",
    "tcp 10.0.0.1:99999 > 10.0.0.1:2": "expected a port from 0 to 65535, found 99999",
    "tpc 10.0.0.1:1 > 10.0.0.1:2": "expected tcp, udp, sctp, icmp or a protocol's number, found 'tpc'",
    "icmp6 10.0.0.1 > 10.0.0.2": "expected tcp, udp, sctp, icmp or a protocol's number, found 'icmp6'",
    "256 10.0.0.1 > 10.0.0.2": "expected tcp, udp, sctp, icmp or a protocol's number, found '256'",
    "tcp 10.0.0.1:1 > 10.0.0.1:2 ttl=256": "found 'ttl=256'",
    "udp 10.0.0.1:1 > 10.0.0.1:2 syn": "expected ttl=N (at most 255), length=N (at most 9198), id=N",
    "udp 10.0.0.1:1 > 10.0.0.1:2 length=27": "length: expected at least 28 for its headers, found 27",
}


@pytest.mark.parametrize(("written", "phrase"), PHRASES.items())
def test_what_cannot_be_read_says_what_was_expected(written: str, phrase: str) -> None:
    with pytest.raises(UserError) as error:
        parse_packet(written)
    assert str(error.value).startswith("packet: ")
    assert phrase in str(error.value)
    assert error.value.status == 2


def test_an_arp_answer() -> None:
    asked, asker = ip_address("10.0.0.2"), ip_address("10.0.0.1")
    frame = neighbour_answer(asked, HERE, asker.packed, THERE, None)
    assert Decoded(frame).text == "arp 10.0.0.2 is at 02:02:02:02:02:02"
    assert len(frame) == 60


def test_a_neighbour_advertisement() -> None:
    asked, asker = ip_address("fd00::2"), ip_address("fe80::1")
    frame = neighbour_answer(asked, HERE, asker.packed, THERE, 5)
    mended = Ether(frame)
    del mended["ICMPv6ND_NA"].cksum
    assert bytes(mended) == frame
    assert (mended["ICMPv6ND_NA"].S, mended["ICMPv6ND_NA"].O, mended["ICMPv6ND_NA"].tgt) == (1, 1, "fd00::2")
    assert (mended["IPv6"].hlim, mended[Dot1Q].vlan) == (255, 5)
    assert Decoded(frame).text == "icmp fd00::2 > fe80::1 neighbour advertisement"


def test_a_frame_that_says_nothing_but_who_sends_it() -> None:
    assert Decoded(presence(HERE, None)).text == "type 0x88b5"
