"""Routed networks across machines without encapsulation: the underlay itself has a route to each node's part."""

from pathlib import Path

import pytest

from tests.netns import require_tools
from tests.overlay.fabric import HOST_UPLINK, VERSIONS, FabricNode, running
from tests.overlay.reach import misunderstood, pairs_within_nets, talking, unreached
from tests.overlay.stations import Net, stations
from tests.overlay.underlay import own_folder, underlay

pytestmark = pytest.mark.netns

PODS = Net("pods", 30, 0)


def test_stations_of_all_nodes_reach_each_other_by_routes_of_the_underlay(tmp_path: Path) -> None:
    require_tools("nft")
    with underlay(3) as under, stations([PODS], under.nodes) as everybody:
        fabrics = [FabricNode(node, own_folder(tmp_path, node), uplink=HOST_UPLINK) for node in under.nodes]
        for fabric, station in zip(fabrics, everybody, strict=True):
            parts = [PODS.subnet_at(fabric.node, version) for version in VERSIONS]
            for part in parts:
                under.route(part, fabric.node)
            fabric.add_net(PODS, mode="routed", subnets=parts)
            fabric.add_port(station)
        with running(fabrics), talking(everybody):
            assert not unreached(pairs_within_nets(everybody))
            assert not misunderstood(pairs_within_nets(everybody), (1, 1500 - 48 - 64, 3000))
