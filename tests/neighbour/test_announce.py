"""What the router says unasked, held against what scapy would have built."""

import pytest
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet

from dataplane.neighbour.request import announce_interface
from dataplane.vector import EXTRA_FRAMES
from tests.neighbour.rig import LINK_LOCAL, Rig, make_interfaces, own_address, own_mac

pytestmark = pytest.mark.kernel

OWN = own_mac(2).to_bytes(6, "little").hex(":")


def announced(full: int = 0, **without: int) -> list[tuple[int, bytes]]:
    """Return domain and bytes of what is announced of interface 2."""
    interface = make_interfaces().interface[2]
    for name, value in without.items():
        interface[name] = value
    vector, arena = Rig().vector(1, 1, full)
    count = announce_interface(interface, vector, arena.heads, 0, 11)
    frames = [
        (int(vector.domain[k]), arena.heads[int(vector.head_at[k]) :][: int(vector.length[k])].tobytes())
        for k in range(1 + full, vector.count)
    ]
    assert count == len(frames)
    return frames


def advertisement(address: str) -> Packet:
    says = ICMPv6ND_NA(tgt=address, R=1, S=0, O=1) / ICMPv6NDOptDstLLAddr(lladdr=OWN)
    return Ether(dst="33:33:00:00:00:01", src=OWN) / IPv6(src=address, dst="ff02::1", hlim=255) / says


def test_all_addresses_are_announced() -> None:
    own = own_address(2)
    arp = ARP(op=1, hwsrc=OWN, psrc=own, hwdst="00:00:00:00:00:00", pdst=own)
    gratuitous = Ether(dst="ff:ff:ff:ff:ff:ff", src=OWN) / arp
    expected = [gratuitous, advertisement("fd00:2::1"), advertisement(LINK_LOCAL)]
    assert announced() == [(11, bytes(frame)) for frame in expected]


def test_those_that_there_are() -> None:
    assert len(announced(address4=0)) == 2
    assert len(announced(address6_high=0, address6_low=0, link_local_low=0)) == 1
    assert announced(mac=0) == []
    assert len(announced(full=EXTRA_FRAMES - 2)) == 2
