"""Neighbour discovery messages, held against what scapy would have built."""

from random import Random
from typing import Any

import numpy as np
import pytest
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_RS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptMTU,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.packet import Packet, Raw

from dataplane.neighbour.nd import answer_solicitation, read_discovery, source_link_address, write_solicitation
from dataplane.neighbour.tables import FROM_ROUTER, MALFORMED, NOT_DISCOVERY
from dataplane.originate import originate_frame
from tests.icmp.slots import SLOT, Slot, number
from tests.packets import header, ip6, mac, mac_text

pytestmark = pytest.mark.kernel

LINK = ICMPv6NDOptSrcLLAddr(lladdr=mac_text(mac(7)))
GROUP = "ff02::1:ff00:1"
NS, NA = ICMPv6ND_NS(tgt=ip6(1)), ICMPv6ND_NA(tgt=ip6(1), S=1)
VALID = [
    (ip6(2), GROUP, NS / LINK),
    (ip6(2), ip6(1), NS),
    ("::", GROUP, NS / ICMPv6NDOptMTU()),
    (ip6(2), ip6(1), NA / ICMPv6NDOptDstLLAddr(lladdr=mac_text(mac(2)))),
    (ip6(2), "ff02::1", ICMPv6ND_NA(tgt=ip6(2), S=0)),
    ("fe80::2", "ff02::2", ICMPv6ND_RS() / LINK),
    ("::", "ff02::2", ICMPv6ND_RS()),
    ("fe80::2", "ff02::1", ICMPv6ND_RA() / ICMPv6NDOptMTU()),
]
INVALID = [
    ("::", GROUP, NS / LINK),
    ("::", ip6(1), NS),
    ("::", "ff02::1", NS),
    (ip6(2), GROUP, ICMPv6ND_NS(tgt="ff02::9")),
    (ip6(2), ip6(1), ICMPv6ND_NA(tgt="ff02::9")),
    (ip6(2), "ff02::1", NA),
    ("::", "ff02::2", ICMPv6ND_RS() / LINK),
    (ip6(2), "ff02::1", ICMPv6ND_RA()),
    (ip6(2), ip6(1), NS / Raw(bytes(8))),
    (ip6(2), ip6(1), NS / Raw(bytes([1, 2, *bytes(6)]))),
    (ip6(2), ip6(1), NS / Raw(bytes([14]))),
    (ip6(2), ip6(1), ICMPv6ND_NS(tgt=ip6(1), code=1)),
    (ip6(2), ip6(1), ICMPv6ND_NS(tgt=ip6(1), cksum=1)),
    (ip6(2), ip6(1), NS / Raw(bytes([14, 40, *bytes(318)]))),
]


def slot_of(source: str, destination: str, message: Packet, hops: int = 255) -> Slot:
    return Slot(bytes(header(mac(1), mac(2)) / IPv6(src=source, dst=destination, hlim=hops) / message))


def read(slot: Slot) -> int:
    return int(read_discovery(slot.vector, slot.arena.heads, SLOT))


def column(address: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(address, "little"))


def halves(text: str) -> tuple[Any, Any]:
    high, low = number(text)
    return np.uint64(high), np.uint64(low)


@pytest.mark.parametrize("case", range(len(VALID)))
def test_what_is_valid(case: int) -> None:
    source, destination, message = VALID[case]
    assert read(slot_of(source, destination, message)) == message.type
    assert read(slot_of(source, destination, message, hops=254)) == MALFORMED


@pytest.mark.parametrize("case", range(len(INVALID)))
def test_what_is_not(case: int) -> None:
    assert read(slot_of(*INVALID[case])) == MALFORMED


def test_what_is_something_else() -> None:
    assert read(slot_of(ip6(2), ip6(1), ICMPv6EchoRequest())) == NOT_DISCOVERY
    assert read(slot_of(ip6(2), ip6(1), ICMPv6ND_NS(type=137))) == NOT_DISCOVERY


@pytest.mark.parametrize("case", range(len(VALID)))
def test_every_message_cut_short_is_refused(case: int) -> None:
    """But where it is cut between options, and its checksum says so."""
    source, destination, message = VALID[case]
    whole = bytes(IPv6(src=source, dst=destination) / message)[40:]
    fixed = {133: 8, 134: 16}.get(message.type, 24)
    for length in range(1, len(whole)):
        cut = bytearray(whole[:length])
        if length >= 4:
            cut[2:4] = bytes(2)
        packet = IPv6(src=source, dst=destination, hlim=255, nh=58) / Raw(bytes(cut))
        slot = Slot(bytes(header(mac(1), mac(2)) / packet))
        slot.set_virtio(b"\1" + bytes(11))  # The checksum is left to a device: it is not what refuses this.
        assert read(slot) == (message.type if length == fixed else MALFORMED)
    slot = slot_of(source, destination, message)
    slot.vector.head_length[SLOT] -= 1
    assert read(slot) == MALFORMED


@pytest.mark.parametrize("byte", range(24))
def test_every_byte_is_checked(byte: int) -> None:
    raw = bytearray(bytes(header(mac(1), mac(2)) / IPv6(src=ip6(2), dst=GROUP, hlim=255) / NS / LINK))
    raw[54 + byte] ^= 0x10
    assert read(Slot(bytes(raw))) in (MALFORMED, NOT_DISCOVERY)


@pytest.mark.parametrize("options", [LINK, None, ICMPv6NDOptMTU() / LINK])
@pytest.mark.parametrize("source", [ip6(2), "::"])
def test_a_solicitation_is_answered(source: str, options: Packet | None, seed: int) -> None:
    if source == "::" and options:
        return
    slot = slot_of(source, GROUP, NS / options if options else NS)
    slot.set_virtio(Random(seed).randbytes(12))
    named = mac(7) if options else mac(2)
    assert source_link_address(slot.vector, slot.arena.heads, SLOT, 24) == (column(mac(7)) if options else 0)
    answer_solicitation(slot.vector, slot.arena.heads, SLOT, column(mac(9)), FROM_ROUTER)
    solicited = source != "::"
    to = source if solicited else "ff02::1"
    answer = ICMPv6ND_NA(tgt=ip6(1), R=1, S=solicited, O=1) / ICMPv6NDOptDstLLAddr(lladdr=mac_text(mac(9)))
    link = header(named if solicited else bytes.fromhex("333300000001"), mac(9))
    assert slot.frame() == bytes(link / IPv6(src=ip6(1), dst=to, hlim=255) / answer)
    assert slot.virtio() == bytes(12)


def test_a_solicitation_of_our_own() -> None:
    slot = slot_of(ip6(2), GROUP, NS)
    k = originate_frame(slot.vector, slot.arena.heads, SLOT)
    target = "fd00::12:3456"
    write_solicitation(slot.vector, slot.arena.heads, k, np.uint64(0), column(mac(9)), *halves(ip6(1)), *halves(target))
    at, length = int(slot.vector.head_at[k]), int(slot.vector.length[k])
    question = ICMPv6ND_NS(tgt=target) / ICMPv6NDOptSrcLLAddr(lladdr=mac_text(mac(9)))
    packet = IPv6(src=ip6(1), dst="ff02::1:ff12:3456", hlim=255) / question
    expected = bytes(header(bytes.fromhex("3333ff123456"), mac(9)) / packet)
    assert slot.arena.heads[at : at + length].tobytes() == expected
