"""An underlay: nodes that reach each other by IPv4 and IPv6, through a router or on one link.

node 1 192.0.2.6  ---- 192.0.2.5                      node 1 192.0.2.1 ----
node 2 192.0.2.10 ---- 192.0.2.9  router       or     node 2 192.0.2.2 ---- switch
node 3 192.0.2.14 ---- 192.0.2.13                     node 3 192.0.2.3 ----
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.netns import Namespace, connect, namespaces, require_tools, set_up

ETHERNET_MTU = 1500
WIRE = "wire"
"""The interface of every node that leads to the others."""


@dataclass(frozen=True)
class Node:
    """A machine on the underlay; the first has number 1. ``is_alone``: on its link there is only the router."""

    place: Namespace
    number: int
    mtu: int
    is_alone: bool

    def address(self, version: int = 4) -> str:
        return self.prefix(version).partition("/")[0]

    def prefix(self, version: int = 4) -> str:
        """Return its address with the length of its link's prefix."""
        if self.is_alone:
            return f"192.0.2.{4 * self.number + 2}/30" if version == 4 else f"2001:db8:{self.number}::2/64"
        return f"192.0.2.{self.number}/24" if version == 4 else f"2001:db8::{self.number}/64"

    def gateway(self, version: int = 4) -> str | None:
        """Return the router's address with its prefix length; None where there is no router."""
        if not self.is_alone:
            return None
        return f"192.0.2.{4 * self.number + 1}" if version == 4 else f"2001:db8:{self.number}::1"


@dataclass(frozen=True)
class Underlay:
    """All of it. ``middle`` is the router, which knows the nodes' own addresses and what a test tells it, or the
    switch."""

    middle: Namespace
    nodes: tuple[Node, ...]

    def route(self, subnet: str, node: Node) -> None:
        """Let the router send what is for ``subnet`` to a node."""
        version = 6 if ":" in subnet else 4
        self.middle.run("ip", "route", "add", subnet, "via", node.address(version))


@contextmanager
def underlay(count: int, mtu: int = ETHERNET_MTU) -> Iterator[Underlay]:
    """Make ``count`` nodes and the router between them."""
    with made(count, mtu, is_alone=True) as under:
        under.middle.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        for node in under.nodes:
            for version in (4, 6):
                gateway = str(node.gateway(version))
                set_up(under.middle, link_to(node), f"{gateway}/{node.prefix(version).partition('/')[2]}")
                node.place.run("ip", f"-{version}", "route", "add", "default", "via", gateway)
        yield under


@contextmanager
def shared_link(count: int, mtu: int = ETHERNET_MTU) -> Iterator[Underlay]:
    """Make ``count`` nodes and the switch that they are all connected to."""
    with made(count, mtu, is_alone=False) as under:
        under.middle.run("ip", "link", "add", "switch", "type", "bridge", "mcast_snooping", "0")
        under.middle.run("ip", "link", "set", "switch", "up")
        for node in under.nodes:
            under.middle.run("ip", "link", "set", link_to(node), "master", "switch")
        yield under


@contextmanager
def made(count: int, mtu: int, is_alone: bool) -> Iterator[Underlay]:
    """Make nodes with their addresses, and what they are connected to."""
    require_tools("ip", "sysctl")
    with namespaces("middle", *(f"node{number}" for number in range(1, count + 1))) as (middle, *places):
        nodes = tuple(Node(place, number, mtu, is_alone) for number, place in enumerate(places, 1))
        for node in nodes:
            connect(node.place, WIRE, middle, link_to(node))
            for place, name in ((node.place, WIRE), (middle, link_to(node))):
                place.run("ip", "link", "set", name, "mtu", str(mtu))
            set_up(node.place, WIRE, node.prefix(4), node.prefix(6))
        yield Underlay(middle, nodes)


def link_to(node: Node) -> str:
    """Return the router's or the switch's end of a node's link."""
    return f"link{node.number}"


def mac_of(place: Namespace, ifname: str) -> str:
    """Return the MAC of an interface."""
    (link,) = json.loads(place.run("ip", "-json", "link", "show", ifname).stdout)
    return str(link["address"])


def turn_off_checksum_offload(*ends: tuple[Namespace, str]) -> None:
    """Let the kernel finish the checksums of what it sends by these interfaces.

    What reads a veth through AF_PACKET sees half of a checksum else, and takes it for a whole one.
    """
    require_tools("ethtool")
    for place, ifname in ends:
        place.run("ethtool", "-K", ifname, "tx", "off")


def own_folder(folder: Path, node: Node) -> Path:
    """Return a folder for what runs on a node, made when it is missing."""
    path = folder / f"node{node.number}"  # what it runs has sockets in it, whose paths must be short
    path.mkdir(exist_ok=True)
    return path
