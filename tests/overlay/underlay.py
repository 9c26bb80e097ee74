"""An underlay: nodes that reach each other through a router between them, by IPv4 and IPv6, each on a link of its own.

node 1 192.0.2.6  ---- 192.0.2.5
node 2 192.0.2.10 ---- 192.0.2.9  router      all links have one MTU
node 3 192.0.2.14 ---- 192.0.2.13
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.netns import Namespace, connect, namespaces, require_tools, set_up

ETHERNET_MTU = 1500
WIRE = "wire"
"""The interface of every node that leads to the router."""


@dataclass(frozen=True)
class Node:
    """A machine on the underlay; the first has number 1."""

    place: Namespace
    number: int
    mtu: int = ETHERNET_MTU

    def address(self, version: int = 4) -> str:
        return f"192.0.2.{4 * self.number + 2}" if version == 4 else f"2001:db8:{self.number}::2"

    def prefix(self, version: int = 4) -> str:
        """Return its address with the length of its link's prefix."""
        return f"{self.address(version)}/{30 if version == 4 else 64}"

    def gateway(self, version: int = 4) -> str:
        """Return the router's address on the node's link."""
        return f"192.0.2.{4 * self.number + 1}" if version == 4 else f"2001:db8:{self.number}::1"


@dataclass(frozen=True)
class Underlay:
    """All of it. ``router`` knows the nodes' own addresses, and what a test tells it."""

    router: Namespace
    nodes: tuple[Node, ...]

    def route(self, subnet: str, node: Node) -> None:
        """Let the router send what is for ``subnet`` to a node."""
        version = 6 if ":" in subnet else 4
        self.router.run("ip", "route", "add", subnet, "via", node.address(version))


@contextmanager
def underlay(count: int, mtu: int = ETHERNET_MTU) -> Iterator[Underlay]:
    """Make ``count`` nodes and the router between them."""
    require_tools("ip", "sysctl")
    with namespaces("router", *(f"node{number}" for number in range(1, count + 1))) as (router, *places):
        router.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        nodes = tuple(Node(place, number, mtu) for number, place in enumerate(places, 1))
        for node in nodes:
            lay_link(router, node)
        yield Underlay(router, nodes)


def lay_link(router: Namespace, node: Node) -> None:
    """Connect a node with the router, which is its way to everybody."""
    ifname = f"link{node.number}"
    connect(node.place, WIRE, router, ifname)
    for place, name in ((node.place, WIRE), (router, ifname)):
        place.run("ip", "link", "set", name, "mtu", str(node.mtu))
    for version in (4, 6):
        length = node.prefix(version).partition("/")[2]
        set_up(node.place, WIRE, node.prefix(version))
        set_up(router, ifname, f"{node.gateway(version)}/{length}")
        node.place.run("ip", f"-{version}", "route", "add", "default", "via", node.gateway(version))


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
    made = folder / node.place.name
    made.mkdir(exist_ok=True)
    return made
