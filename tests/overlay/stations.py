"""Stations: containers of overlay networks, each a namespace with an eth0, whatever connects it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from tests.netns import Namespace, connect, namespaces, set_up
from tests.overlay.underlay import Node

FIRST = 10
"""The number of a node's first station."""


@dataclass(frozen=True)
class Net:
    """An overlay network: its VNI, and subnets that have its number in them."""

    name: str
    number: int
    vni: int

    def subnet(self, version: int = 4) -> str:
        return f"10.{self.number}.0.0/16" if version == 4 else f"fd00:{self.number}::/64"

    def subnet_at(self, node: Node, version: int = 4) -> str:
        """Return the part of the subnet that the stations of a node are in."""
        if version == 4:
            return f"10.{self.number}.{node.number}.0/24"
        return f"fd00:{self.number}::{node.number << 8:x}/120"


@dataclass(frozen=True)
class Station:
    """A container of ``net`` on ``node``; its eth0 is made by whoever connects it there. Its number on a node has the
    node's in the higher byte, so that each node has a subnet of the network's."""

    place: Namespace
    node: Node
    net: Net
    number: int

    @property
    def name(self) -> str:
        return f"{self.net.name}{self.node.number}"

    @property
    def mac(self) -> str:
        return f"02:00:00:{self.net.number:02x}:{self.number >> 8:02x}:{self.number & 0xFF:02x}"

    def address(self, version: int = 4) -> str:
        if version == 4:
            return f"10.{self.net.number}.{self.number >> 8}.{self.number & 0xFF}"
        return f"fd00:{self.net.number}::{self.number:x}"


@contextmanager
def stations(nets: Sequence[Net], nodes: Sequence[Node]) -> Iterator[list[Station]]:
    """Make a station of every network on every node, each with a namespace of its own."""
    pairs = [(net, node) for net in nets for node in nodes]
    with namespaces(*(f"{net.name}{node.number}" for net, node in pairs)) as places:
        yield [
            Station(place, node, net, (node.number << 8) + FIRST)
            for place, (net, node) in zip(places, pairs, strict=True)
        ]


def plug_in(station: Station, mtu: int) -> str:
    """Give a station an eth0 whose other end is on its node; return the name of that end."""
    ifname = f"to-{station.name}"
    connect(station.place, "eth0", station.node.place, ifname)
    station.place.run("ip", "link", "set", "eth0", "address", station.mac, "mtu", str(mtu))
    station.node.place.run("ip", "link", "set", ifname, "mtu", str(mtu))
    set_up(station.place, "eth0", f"{station.address(4)}/16", f"{station.address(6)}/64")
    return ifname


class Vtep(Protocol):
    """Whoever connects the stations of a node with those of others."""

    node: Node

    def attach(self, station: Station, mtu: int) -> None: ...
    def add_peer(self, peer: Node, nets: Sequence[Net]) -> None: ...
    def add_station(self, station: Station) -> None: ...


def join(vteps: Sequence[Vtep], everybody: Sequence[Station], mtu: int) -> None:
    """Connect everybody's stations, and tell everybody of the others and theirs."""
    nets = list(dict.fromkeys(station.net for station in everybody))
    for vtep in vteps:
        for other in vteps:
            if other is not vtep:
                vtep.add_peer(other.node, nets)
        for station in everybody:
            if station.node is vtep.node:
                vtep.attach(station, mtu)
            else:
                vtep.add_station(station)
