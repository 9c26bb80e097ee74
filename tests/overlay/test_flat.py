"""One flat network across machines: three nodes with a daemon each, two networks, a station of both on every node.

    outside 192.0.2.18 ---- router ---- nodes 1 to 3 [uplink: host, or one of their own with the raw transport]

Sockets are as they are by default here: what goes uncut where the kernel can. Where all is cut: test_interop.
"""

import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.netns import require_tools
from tests.overlay import talk
from tests.overlay.fabric import HOST_UPLINK, OverlayNode, running
from tests.overlay.reach import (
    PORT,
    STREAM_BYTES,
    misunderstood,
    pairs_across_nets,
    pairs_within_nets,
    pings,
    talking,
    unreached,
)
from tests.overlay.stations import Net, Station, stations
from tests.overlay.underlay import Node, own_folder, underlay

pytestmark = pytest.mark.netns

SUBNETS_KNOWN, STATIONS_KNOWN = Net("red", 20, 200), Net("blue", 21, 201)
NETS = (SUBNETS_KNOWN, STATIONS_KNOWN)
MTU = 1450


@dataclass(frozen=True)
class World:
    """Everybody. ``outside`` is no node of the overlay."""

    fabrics: list[OverlayNode]
    stations: list[Station]
    outside: Node

    def at(self, fabric: OverlayNode) -> list[Station]:
        return [station for station in self.stations if station.node is fabric.node]


@pytest.fixture(scope="module", params=["uncut", "raw"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    require_tools("nft", "ping")
    folder, transport = tmp_path_factory.mktemp("flat"), request.param
    more = {} if transport == "raw" else {"uplink": HOST_UPLINK}
    with underlay(4) as under, stations(NETS, under.nodes[:3]) as everybody:
        fabrics = [OverlayNode(node, own_folder(folder, node), transport=transport, **more) for node in under.nodes[:3]]
        for fabric in fabrics:
            introduce(fabric, everybody)
        with running(fabrics), talking(everybody):
            yield World(fabrics, everybody, under.nodes[3])


def introduce(fabric: OverlayNode, everybody: list[Station]) -> None:
    """Tell a node of its own stations; of one network which part of it is where, of the other each station."""
    for station in everybody:
        if station.node is fabric.node:
            fabric.attach(station)
        elif station.net is STATIONS_KNOWN:
            fabric.add_station(station)
        else:
            fabric.add_subnets(station.node, [station.net])


def test_everybody_reaches_everybody_of_its_network(world: World) -> None:
    assert not unreached(pairs_within_nets(world.stations))


def test_everybody_is_seen_with_its_own_address_and_bytes_arrive_as_they_were_sent(world: World) -> None:
    assert not misunderstood(pairs_within_nets(world.stations), (1, MTU - 48 - 64, 2 * MTU))


def test_nobody_reaches_the_other_network(world: World) -> None:
    pairs = pairs_across_nets(world.stations)
    assert len(unreached(pairs, patience_s=1)) == 2 * len(pairs)


def test_every_node_reaches_the_stations_on_it(world: World) -> None:
    if world.fabrics[0].overlay["transport"] == "raw":
        pytest.skip("needs the host as the uplink: by an uplink of its own the fabric does not hear the host")
    for fabric in world.fabrics:
        for station in world.at(fabric):
            for version in (4, 6):
                assert pings(fabric.node.place, station.address(version)), (fabric.node, station)


def test_what_leaves_for_the_outside_has_the_address_of_its_own_node(world: World) -> None:
    command = (sys.executable, "-S", talk.__file__)
    with world.outside.place.running(*command, "serve", str(PORT)) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        for station in world.stations:
            for version in (4, 6):
                ask = (*command, "ask", world.outside.address(version), str(PORT), str(STREAM_BYTES), "1")
                assert station.place.run(*ask).stdout.strip() == station.node.address(version)


@pytest.mark.parametrize("version", [4, 6])
def test_who_sends_too_big_a_packet_is_told_what_fits(world: World, version: int) -> None:
    one, other = world.stations[0], world.stations[1]
    one.place.run("ip", "link", "set", "eth0", "mtu", "1500")
    try:
        headers = 28 if version == 4 else 48
        assert not pings(one.place, other.address(version), "-M", "do", "-s", str(1500 - headers), patience_s=2)
        assert f"mtu {MTU}" in one.place.run("ip", "route", "get", other.address(version)).stdout
        assert not misunderstood([(one, other)], (1400, 3000))
    finally:
        one.place.run("ip", "link", "set", "eth0", "mtu", str(MTU))
        for family in ("-4", "-6"):
            one.place.run("ip", family, "route", "flush", "cache")


def test_a_node_that_dies_and_comes_back_is_reachable_again_within_a_second(world: World) -> None:
    fabric, *others = world.fabrics
    workers = fabric.daemon.record().workers
    fabric.daemon.stop(signal.SIGKILL)
    for worker in workers:
        worker.process.send(signal.SIGKILL)
    fabric.daemon.until(lambda: not any(worker.process.is_alive() for worker in workers))
    assert not pings(world.at(others[0])[0].place, world.at(fabric)[0].address(), patience_s=1)

    fabric.daemon.start()
    back = [pair for pair in pairs_within_nets(world.stations) if fabric.node in {station.node for station in pair}]
    assert not unreached(back, patience_s=1)
    assert not unreached(pairs_within_nets(world.stations))
