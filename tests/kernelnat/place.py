"""Where the conversations take place: addresses and MACs, the same on both sides.

An inside network of a few hosts, and an uplink with a gateway behind which everybody else is. ``Side`` is where a
packet is seen or sent: inside, or outside.
"""

from enum import Enum
from typing import NamedTuple


class Side(Enum):
    """A side of the router."""

    INSIDE = "inside"
    OUTSIDE = "outside"


class Family(NamedTuple):
    """Addresses of one version of IP: networks with their prefix length, the router's own and the uplink's gateway."""

    version: int
    inside_network: str
    inside_router: str
    inside_hosts: tuple[str, ...]
    outside_network: str
    outside_router: str
    gateway: str
    neighbours: tuple[str, ...]
    strangers: tuple[str, ...]
    prefix: tuple[int, int]


IPV4 = Family(
    version=4,
    inside_network="10.10.0.0/24",
    inside_router="10.10.0.1",
    inside_hosts=tuple(f"10.10.0.{n}" for n in range(2, 10)),
    outside_network="192.0.2.0/24",
    outside_router="192.0.2.10",
    gateway="192.0.2.1",
    neighbours=("192.0.2.20", "192.0.2.21"),
    strangers=tuple(f"198.51.100.{n}" for n in range(1, 9)),
    prefix=(24, 24),
)
IPV6 = Family(
    version=6,
    inside_network="fd00:10::/64",
    inside_router="fd00:10::1",
    inside_hosts=tuple(f"fd00:10::{n:x}" for n in range(2, 10)),
    outside_network="2001:db8:1::/64",
    outside_router="2001:db8:1::10",
    gateway="2001:db8:1::1",
    neighbours=("2001:db8:1::20", "2001:db8:1::21"),
    strangers=tuple(f"2001:db8:2::{n:x}" for n in range(1, 9)),
    prefix=(64, 64),
)

INSIDE_MTU = 4000
OUTSIDE_MTU = 1500


def mac_of(address: str) -> bytes:
    """Return the MAC of whoever has this address; strangers are reached by their gateway's."""
    for family in (IPV4, IPV6):
        for kind, addresses in enumerate((family.inside_hosts, (family.gateway, *family.neighbours))):
            if address in addresses:
                return bytes((2, family.version, kind, 0, 0, addresses.index(address) + 1))
        if address in family.strangers:
            return mac_of(family.gateway)
    raise KeyError(address)


def stations(family: Family) -> dict[Side, tuple[str, ...]]:
    """Return who is on the link of each side, but for the router."""
    return {Side.INSIDE: family.inside_hosts, Side.OUTSIDE: (family.gateway, *family.neighbours)}
