"""Nodes on one link: a multicast group instead of copies for each peer, and routed networks without encapsulation."""

from pathlib import Path

import pytest

from tests.overlay.fabric import VERSIONS, OverlayNode, running
from tests.overlay.kernel import KernelNode
from tests.overlay.reach import misunderstood, pairs_within_nets, talking, unreached
from tests.overlay.stations import Net, Vtep, join, stations
from tests.overlay.underlay import WIRE, own_folder, shared_link

pytestmark = pytest.mark.netns

RED = Net("red", 20, 200)
PODS = Net("pods", 30, 0)
GROUPS = {4: "239.1.1.1", 6: "ff05::1:1"}
MTU = 1430


@pytest.mark.parametrize(("transport", "version"), [("socket", 4), ("raw", 6)])
def test_what_is_for_everybody_goes_to_the_group_that_the_kernel_is_in(
    transport: str, version: int, tmp_path: Path
) -> None:
    """Nobody is told where a station is: without the group no question would ever arrive."""
    with shared_link(3) as under, stations([RED], under.nodes) as everybody:
        fabrics = [
            OverlayNode(node, own_folder(tmp_path, node), version, transport, learning=True) for node in under.nodes[:2]
        ]
        kernel = KernelNode(under.nodes[2], [RED], version, group=GROUPS[version])
        vteps: list[Vtep] = [*fabrics, kernel]
        for fabric in fabrics:
            fabric.overlay["group"] = GROUPS[version]
            if transport == "socket":
                fabric.overlay["group_interface"] = WIRE
        join(vteps, everybody, MTU)
        with running(fabrics), talking(everybody):
            assert not unreached(pairs_within_nets(everybody))
            assert not misunderstood(pairs_within_nets(everybody), (1, MTU - 48 - 64, 2 * MTU))


@pytest.mark.parametrize("version", VERSIONS)
def test_parts_of_a_routed_network_are_reached_by_the_nodes_that_have_them(version: int, tmp_path: Path) -> None:
    """Each node's uplink is its own, and the peers' parts are routes over it: no VNI, nothing around the packets."""
    with shared_link(3) as under, stations([PODS], under.nodes) as everybody:
        fabrics = [OverlayNode(node, own_folder(tmp_path, node), version, "raw") for node in under.nodes]
        for fabric, station in zip(fabrics, everybody, strict=True):
            fabric.add_net(PODS, mode="routed")
            fabric.add_port(station)
            for other in under.nodes:
                if other is not fabric.node:
                    fabric.add_subnets(other, [PODS], [version])
        with running(fabrics), talking(everybody):
            assert not unreached(pairs_within_nets(everybody), versions=[version])
            assert not misunderstood(pairs_within_nets(everybody), (1, 1500 - 48 - 64, 3000), versions=[version])
