"""The kernel as a peer: a vxlan device and a bridge for every network, stations on veths."""

from collections.abc import Sequence

import pytest

from tests.netns import Namespace
from tests.overlay.stations import Net, Station, plug_in
from tests.overlay.underlay import WIRE, Node

UDP_PORT = 4789
EVERY_STATION = "00:00:00:00:00:00"


def require_vxlan(place: Namespace) -> None:
    """Skip the test unless the kernel has vxlan devices."""
    if place.run("ip", "link", "add", "try", "type", "vxlan", "id", "1", "dstport", "1", check=False).returncode:
        pytest.skip("needs a kernel with vxlan devices")
    place.run("ip", "link", "del", "try")


class KernelNode:
    """A node on which the kernel's vxlan device is the VTEP. ``learning``: of where frames come from; ``group``: a
    multicast address that gets what is for everybody, instead of a copy for each peer."""

    def __init__(
        self, node: Node, nets: Sequence[Net], version: int = 4, learning: bool = True, group: str | None = None
    ) -> None:
        self.node = node
        self.version = version
        self.group = group
        require_vxlan(node.place)
        for net in nets:
            self._run("ip", "link", "add", self._bridge(net), "type", "bridge", "mcast_snooping", "0")
            self._run(
                *("ip", "link", "add", self._vtep(net), "type", "vxlan", "id", str(net.vni)),
                *("dstport", str(UDP_PORT), "local", node.address(version), "ttl", "64"),
                "learning" if learning else "nolearning",
                *(("group", group, "dev", WIRE) if group else ()),
            )
            self._run("ip", "link", "set", self._vtep(net), "master", self._bridge(net), "up")
            self._run("ip", "link", "set", self._bridge(net), "up")

    def attach(self, station: Station, mtu: int) -> None:
        """Connect a station of this node."""
        ifname = plug_in(station, mtu)
        self._run("ip", "link", "set", self._vtep(station.net), "mtu", str(mtu))
        self._run("ip", "link", "set", ifname, "master", self._bridge(station.net))

    def add_peer(self, peer: Node, nets: Sequence[Net]) -> None:
        """Replicate to ``peer`` what goes to everybody, or to a station that nobody knows."""
        for net in nets if self.group is None else ():
            self._forward(net, EVERY_STATION, peer)

    def add_station(self, station: Station) -> None:
        """Know where a remote station is."""
        self._forward(station.net, station.mac, station.node)

    def _forward(self, net: Net, mac: str, peer: Node) -> None:
        self._run("bridge", "fdb", "append", mac, "dev", self._vtep(net), "dst", peer.address(self.version))

    def _run(self, *command: str) -> None:
        self.node.place.run(*command)

    @staticmethod
    def _bridge(net: Net) -> str:
        return f"br{net.vni}"

    @staticmethod
    def _vtep(net: Net) -> str:
        return f"vx{net.vni}"
