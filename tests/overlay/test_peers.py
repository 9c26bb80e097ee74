"""The peers among themselves: what the other tests hold this fabric against works without it."""

from pathlib import Path

import pytest
from scapy.layers.inet import UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from tests import packets
from tests.overlay.kernel import KernelNode
from tests.overlay.kernel_encapsulation import Tunnel, encapsulate
from tests.overlay.openvswitch import open_vswitch
from tests.overlay.reach import misunderstood, pairs_across_nets, pairs_within_nets, talking, unreached
from tests.overlay.stations import Net, join, stations
from tests.overlay.underlay import own_folder, underlay

pytestmark = pytest.mark.netns

NETS = (Net("red", 20, 200), Net("blue", 21, 0xABCDEF))


@pytest.mark.parametrize(("version", "mtu", "learning"), [(4, 1500, True), (6, 9070, False)])
def test_the_kernel_and_the_kernel(version: int, mtu: int, learning: bool) -> None:
    with underlay(2, mtu) as under, stations(NETS, under.nodes) as everybody, talking(everybody):
        vteps = [KernelNode(node, NETS, version, learning) for node in under.nodes]
        join(vteps, everybody, mtu - 70)
        assert not unreached(pairs_within_nets(everybody))
        assert not misunderstood(pairs_within_nets(everybody), (1, mtu - 200))
        assert len(unreached(pairs_across_nets(everybody), patience_s=1)) == 2 * len(pairs_across_nets(everybody))


@pytest.mark.parametrize(("version", "mtu"), [(4, 1500), (6, 9070)])
def test_the_kernel_and_open_vswitch(version: int, mtu: int, tmp_path: Path) -> None:
    with underlay(2, mtu) as under, stations(NETS, under.nodes) as everybody, talking(everybody):
        first, second = under.nodes
        kernel = KernelNode(first, NETS, version)
        with open_vswitch(second, under.middle, own_folder(tmp_path, second), NETS, version) as switch:
            join([kernel, switch], everybody, mtu - 70)
            assert not unreached(pairs_within_nets(everybody))
            assert not misunderstood(pairs_within_nets(everybody), (1, mtu - 200))


@pytest.mark.parametrize("ends", [("192.0.2.10", "192.0.2.20"), ("2001:db8::10", "2001:db8::20")], ids=["v4", "v6"])
@pytest.mark.parametrize("checksum", [False, True])
def test_what_the_kernel_makes_of_frames_is_seen_whole(ends: tuple[str, str], checksum: bool) -> None:
    frames = [packets.plain(packets.mac(2), packets.mac(1), length) for length in (60, 1400)]
    for frame, outer in zip(frames, encapsulate(frames, Tunnel(200, *ends, checksum)), strict=True):
        inner = Ether(outer)[VXLAN]
        assert (inner.vni, bytes(inner.payload)) == (200, frame)
        assert (Ether(outer)[UDP].chksum != 0) == checksum
