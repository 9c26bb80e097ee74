"""ARP messages, held against what scapy would have built."""

from random import Random

import numpy as np
import pytest
from scapy.layers.l2 import ARP
from scapy.packet import Packet

from dataplane.neighbour.arp import answer_arp, arp_sender, arp_sender_mac, arp_target, read_arp, write_arp_request
from dataplane.neighbour.tables import NOT_ARP
from dataplane.originate import originate_frame
from dataplane.vector import SLOT_BYTES
from dataplane.wire import MAC_BROADCAST
from tests.icmp.slots import SLOT, Slot, number
from tests.packets import BROADCAST, arp_request, header, ip4, mac, mac_text

pytestmark = pytest.mark.kernel


def column(address: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(address, "little"))


def address(text: str) -> np.uint64:
    return np.uint64(number(text)[1])


def read(frame: bytes) -> int:
    slot = Slot(frame)
    return int(read_arp(slot.vector, slot.arena.heads, SLOT))


def with_fields(**fields: int) -> bytes:
    what: Packet = ARP(hwsrc=mac_text(mac(2)), psrc=ip4(2), hwdst=mac_text(mac(1)), pdst=ip4(1), **fields)
    return bytes(header(BROADCAST, mac(2)) / what)


def test_what_is_arp() -> None:
    frame = arp_request(1, 2)
    assert read(frame) == 1
    assert read(frame + bytes(18)) == 1
    assert read(with_fields(op=2)) == 2
    slot = Slot(frame)
    assert arp_sender(slot.vector, slot.arena.heads, SLOT) == address(ip4(2))
    assert arp_target(slot.vector, slot.arena.heads, SLOT) == address(ip4(1))
    assert arp_sender_mac(slot.vector, slot.arena.heads, SLOT) == column(mac(2))


@pytest.mark.parametrize("length", range(14, 42))
def test_what_is_cut_is_not(length: int) -> None:
    assert read(arp_request(1, 2)[:length]) == NOT_ARP


@pytest.mark.parametrize(
    "fields", [{"op": 0}, {"op": 3}, {"op": 257}, {"hwtype": 6}, {"ptype": 0x86DD}, {"hwlen": 5}, {"plen": 6}]
)
def test_what_is_of_another_kind_is_not(fields: dict[str, int]) -> None:
    raw = bytearray(arp_request(1, 2))
    places = {"hwtype": (14, 2), "ptype": (16, 2), "hwlen": (18, 1), "plen": (19, 1), "op": (20, 2)}
    for name, value in fields.items():
        at, width = places[name]
        raw[at : at + width] = value.to_bytes(width, "big")
    assert read(bytes(raw)) == NOT_ARP


@pytest.mark.parametrize("sender", [ip4(2), "0.0.0.0"])
def test_a_request_is_answered_to_whoever_asks(sender: str, seed: int) -> None:
    """A probe too (RFC 5227 section 2.1.1); and the one who asks need not be the one who sent."""
    slot = Slot(arp_request(1, 2, psrc=sender, hwsrc=mac_text(mac(7))) + bytes(18))
    slot.set_virtio(Random(seed).randbytes(12))
    answer_arp(slot.vector, slot.arena.heads, SLOT, column(mac(9)))
    own = {"hwsrc": mac_text(mac(9)), "psrc": ip4(1), "hwdst": mac_text(mac(7)), "pdst": sender}
    assert slot.frame() == bytes(header(mac(7), mac(9)) / ARP(op=2, **own))
    assert slot.virtio() == bytes(12)


def test_a_request_of_our_own() -> None:
    slot = Slot(arp_request(1, 2))
    k = originate_frame(slot.vector, slot.arena.heads, SLOT)
    write_arp_request(slot.vector, slot.arena.heads, k, MAC_BROADCAST, column(mac(9)), address(ip4(1)), address(ip4(2)))
    at, length = int(slot.vector.head_at[k]), int(slot.vector.length[k])
    assert at // SLOT_BYTES == SLOT + 1
    what = ARP(op=1, hwsrc=mac_text(mac(9)), psrc=ip4(1), hwdst="00:00:00:00:00:00", pdst=ip4(2))
    assert slot.arena.heads[at : at + length].tobytes() == bytes(header(BROADCAST, mac(9)) / what)
