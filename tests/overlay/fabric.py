"""This fabric as a node: `tapestry up` with a file of its own, stations on TAPs.

What the node is told is collected first and written down when it starts.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.agent.daemon import Daemon
from tests.overlay.stations import Net, Station
from tests.overlay.underlay import WIRE, Node

VERSIONS = (4, 6)
HOST_UPLINK = {"mode": "host"}


class FabricNode:
    """A node on which a daemon runs; ``sections`` are what its file says beside networks and ports."""

    def __init__(self, node: Node, folder: Path, **sections: Any) -> None:
        self.node = node
        self.sections = sections
        self.networks: dict[Net, dict[str, Any]] = {}
        self.ports: list[dict[str, Any]] = []
        self.daemon = Daemon(folder, node.place, "")

    def add_net(self, net: Net, **fields: Any) -> None:
        """Have a network."""
        default = {"name": net.name, "subnets": [net.subnet(version) for version in VERSIONS]}
        self.networks.setdefault(net, default | fields)

    def add_port(self, station: Station, **fields: Any) -> None:
        """Connect a station of this node."""
        self.ports.append(
            {
                "name": station.name,
                "network": station.net.name,
                "tap": {"netns": station.place.name, "ifname": "eth0"},
                "mac": station.mac,
                "addresses": [station.address(version) for version in VERSIONS],
                **fields,
            }
        )

    def document(self) -> dict[str, Any]:
        """Return what the file says."""
        own = {"node": f"node{self.node.number}", "workers": 1, "networks": list(self.networks.values())}
        return {**own, "ports": self.ports, **self.sections}

    def start(self) -> None:
        """Write the file, and run."""
        self.daemon.write(json.dumps(self.document(), indent=1))
        self.daemon.start()


class OverlayNode(FabricNode):
    """A node whose daemon is the VTEP. ``transport``: *socket* cuts superframes, *uncut* does not where it need not;
    *raw* is frames of its own on the wire, with the node's addresses, which the host gives away for it. ``learning``:
    it is told of peers, and of none of their stations."""

    def __init__(
        self, node: Node, folder: Path, version: int = 4, transport: str = "socket", learning: bool = False, **more: Any
    ) -> None:
        super().__init__(node, folder, **({"uplink": own_uplink(node)} if transport == "raw" else {}), **more)
        self.version = version
        kind = "raw" if transport == "raw" else "socket"
        self.overlay: dict[str, Any] = {"address": node.address(version), "transport": kind, "learning": learning}
        self.overlay["uncut"] = transport == "uncut"
        self.peers: dict[str, dict[str, Any]] = {}
        if transport == "raw":
            node.place.run("ip", "address", "flush", "dev", WIRE)

    def attach(self, station: Station, mtu: int | None = None, **port: Any) -> None:
        """Connect a station of this node; without ``mtu`` its network has what the underlay leaves."""
        fields = {"mode": "overlay", "vni": station.net.vni}
        self.add_net(station.net, **fields, **({"mtu": mtu} if mtu else {}))
        self.add_port(station, **port)

    def add_peer(self, peer: Node, nets: Sequence[Net] = ()) -> None:
        """Know another node."""
        self._peer(peer)

    def add_station(self, station: Station) -> None:
        """Know where a remote station is, unless that is to be learned."""
        if not self.overlay["learning"]:
            self._peer(station.node).setdefault("endpoints", []).extend(
                {"network": station.net.name, "address": station.address(version), "mac": station.mac}
                for version in VERSIONS
            )

    def add_subnets(self, peer: Node, nets: Iterable[Net], versions: Iterable[int] = VERSIONS) -> None:
        """Know that a node has a part of each of these networks, and nothing of single stations."""
        subnets = [net.subnet_at(peer, version) for net in nets for version in versions]
        self._peer(peer).setdefault("subnets", []).extend(subnets)

    def _peer(self, peer: Node) -> dict[str, Any]:
        found = {"node": f"node{peer.number}", "address": peer.address(self.version)}
        return self.peers.setdefault(peer.place.name, found)

    def document(self) -> dict[str, Any]:
        return super().document() | {"overlay": self.overlay | {"peers": list(self.peers.values())}}


def own_uplink(node: Node) -> dict[str, Any]:
    """Return the uplink by which a fabric has a node's addresses on its wire."""
    gateways = [gateway for version in VERSIONS if (gateway := node.gateway(version))]
    addresses = [node.prefix(version) for version in VERSIONS]
    return {"mode": "nic", "ifname": WIRE, "mtu": node.mtu, "addresses": addresses, "gateway": gateways}


@contextmanager
def running(nodes: Sequence[FabricNode]) -> Iterator[None]:
    """Run the daemons of all nodes, started and ended together; nothing of them is left afterwards."""
    with ThreadPoolExecutor(len(nodes)) as pool:
        try:
            list(pool.map(FabricNode.start, nodes))
            yield
        finally:
            list(pool.map(lambda node: node.daemon.end_everything(), nodes))
