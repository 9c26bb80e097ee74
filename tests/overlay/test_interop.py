"""This fabric beside the kernel's VXLAN and Open vSwitch's, on one underlay; all have stations in two networks.

One daemon for every transport, family and way to know of stations; of its networks one has small packets, one large.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product

import pytest

from tests.overlay.fabric import VERSIONS, OverlayNode, running
from tests.overlay.kernel import KernelNode
from tests.overlay.openvswitch import open_vswitch
from tests.overlay.reach import Pair, misunderstood, pairs_across_nets, pairs_within_nets, talking, unreached
from tests.overlay.stations import Net, Station, Vtep, join, stations
from tests.overlay.underlay import own_folder, underlay

pytestmark = pytest.mark.netns

RED, BLUE = Net("red", 20, 200), Net("blue", 21, 0xABCDEF)
MTU_OF = {RED: 1400, BLUE: 9000}
NETS = tuple(MTU_OF)
OUTER_BYTES = {4: 50, 6: 70}
OURS, KERNEL, OPEN_VSWITCH = 1, 2, 3
"""The numbers of the nodes."""

each_peer = pytest.mark.parametrize("peer", [KERNEL, OPEN_VSWITCH], ids=["kernel", "openvswitch"])


@dataclass(frozen=True)
class Case:
    """``version`` is the underlay's family, whose MTU is the smallest that carries all."""

    transport: str
    version: int
    learning: bool

    def __str__(self) -> str:
        how = "learning" if self.learning else "told"
        return f"{self.transport}-v{self.version}-{how}"


ALONE = [Case("uncut", 4, learning) for learning in (False, True)]
"""Over IPv6 superframes are cut."""
CASES = [Case(*each) for each in product(("socket", "raw"), VERSIONS, (False, True))] + ALONE


@dataclass(frozen=True)
class World:
    """Everybody, and how."""

    case: Case
    fabric: OverlayNode
    stations: list[Station]

    def pairs_with(self, peer: int) -> list[Pair]:
        """Return every two stations of one network of which one is ours and one the peer's; skips without the peer."""
        if peer not in {station.node.number for station in self.stations}:
            pytest.skip("needs the tool ovs-vswitchd")
        wanted = {OURS, peer}
        pairs = pairs_within_nets(self.stations)
        return [(one, other) for one, other in pairs if {one.node.number, other.node.number} == wanted]


@pytest.fixture(scope="module", params=CASES, ids=str)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    case, folder = request.param, tmp_path_factory.mktemp("world")
    outer_mtu = max(MTU_OF.values()) + OUTER_BYTES[case.version]
    with ExitStack() as stack:
        under = stack.enter_context(underlay(3 if shutil.which("ovs-vswitchd") else 2, outer_mtu))
        everybody = stack.enter_context(stations(NETS, under.nodes))
        ours = under.nodes[0]
        fabric = OverlayNode(ours, own_folder(folder, ours), case.version, case.transport, case.learning)
        vteps: list[Vtep] = [fabric, KernelNode(under.nodes[1], NETS, case.version, case.learning)]
        for node in under.nodes[2:]:
            switch = open_vswitch(node, under.middle, own_folder(folder, node), NETS, case.version)
            vteps.append(stack.enter_context(switch))
        for net, mtu in MTU_OF.items():
            join(vteps, [station for station in everybody if station.net is net], mtu)
        stack.enter_context(running([fabric]))
        stack.enter_context(talking(everybody))
        yield World(case, fabric, everybody)


@each_peer
def test_stations_of_one_network_reach_each_other(world: World, peer: int) -> None:
    assert not unreached(world.pairs_with(peer))


@each_peer
def test_tcp_and_udp_arrive_as_they_were_sent(world: World, peer: int) -> None:
    """One byte, what just fits into a packet, and what has to be cut into fragments."""
    for net, mtu in MTU_OF.items():
        pairs = [pair for pair in world.pairs_with(peer) if pair[0].net is net]
        assert not misunderstood(pairs, (1, mtu - 48 - 64, 2 * mtu))


def test_networks_stay_apart(world: World) -> None:
    ours = [pair for pair in pairs_across_nets(world.stations) if OURS in {station.node.number for station in pair}]
    assert len(unreached(ours, patience_s=1)) == 2 * len(ours)
