"""Small nodes that route, and their tables as kernels read them, with names instead of numbers."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any, NamedTuple

import numpy as np

from control.fabric import Fabric
from control.model import Address, Configuration, Network, Port, Uplink
from dataplane.generation.tables import COPIES
from dataplane.jit import kernel
from dataplane.route.hops.kernels import choose_hop
from dataplane.route.hops.tables import KIND_NAMES, PLACES, Hops
from dataplane.route.kernels import find_route4, find_route6
from dataplane.route.tables import Fib
from tests.configurations import port, switch
from tests.generate.routers import GATEWAYS, SMALL, UPLINKS


class Found(NamedTuple):
    """Where a packet goes: the hop's kind, its interface and domain by name, the neighbour if there is one."""

    kind: str
    interface: str = ""
    domain: tuple[Any, ...] = ()
    via: int = 0
    is_open: bool = False
    mtu: int = 0


NOWHERE = Found("none")


def blue(**fields: Any) -> Network:
    subnets = (ip_network("10.10.0.0/24"), ip_network("fd00:10::/64"))
    return Network("blue", **{"subnets": subnets, "gateway": tuple(subnet[1] for subnet in subnets)} | fields)


def red(**fields: Any) -> Network:
    subnet = ip_network("10.20.0.0/24")
    return Network("red", **{"subnets": (subnet,), "gateway": (subnet[1],)} | fields)


def node(*ports: Port, networks: tuple[Network, ...] = (blue(), red()), **fields: Any) -> Configuration:
    return replace(switch(ports), **{"networks": networks, "limits": SMALL} | fields)


WAY_OUT = {"uplink": Uplink("port", UPLINKS, GATEWAYS, "out")}
OUT = port("out", "", endpoint=False)


def as_number(address: Address) -> int:
    return int(address) | (0xFFFF << 32 if address.version == 4 else 0)


@kernel
def group4(fib: Any, address: Any) -> Any:
    return find_route4(fib, address)


@kernel
def group6(fib: Any, high: Any, low: Any) -> Any:
    return find_route6(fib, high, low)


@kernel
def hop_of(hops: Any, group: Any, flow_hash: Any) -> Any:
    return choose_hop(hops.group, hops.spread.reshape(-1), group, flow_hash)


def copy_in_force(fabric: Fabric) -> int:
    return int(fabric.state.control[0].active[0]) % COPIES


def hops_in_force(fabric: Fabric) -> Hops:
    return Hops(fabric.state.hops, fabric.state.hop_groups, fabric.state.hop_spreads)


def group_of(fabric: Fabric, address: Address) -> int:
    """Look an address up."""
    state, number = fabric.state, int(address)
    if address.version == 4:
        return int(group4(Fib(state.fib4_root, state.fib4_units), np.uint32(number)))
    halves = np.uint64(number >> 64), np.uint64(number & (1 << 64) - 1)
    return int(group6(Fib(state.fib6_root, state.fib6_units), *halves))


def find(fabric: Fabric, address: Address) -> dict[Found, int]:
    """Return where packets for an address go, and how many of the places of its flows each has."""
    group, hops = group_of(fabric, address), hops_in_force(fabric)
    places: dict[Found, int] = {}
    for flow_hash in range(PLACES) if int(hops.group[group]) >> 31 else (0,):
        number = int(hop_of(hops, np.uint32(group), np.uint32(flow_hash)))
        found = describe_hop(fabric, hops.hop[number])
        places[found] = places.get(found, 0) + 1
    return places


def describe_hop(fabric: Fabric, hop: Any) -> Found:
    """Return a hop with names."""
    interfaces = {plan.number: key.network or key.kind for key, plan in fabric.plan.interfaces.items()}
    domains = {number: key for key, number in fabric.plan.domain_numbers.items()}
    return Found(
        KIND_NAMES[hop.kind],
        interfaces[int(hop.interface)] if hop.interface else "",
        tuple(domains[int(hop.domain)]) if hop.domain else (),
        int(hop.address_high) << 64 | int(hop.address_low),
        bool(hop.is_open),
        int(hop.mtu),
    )


def interfaces_in_force(fabric: Fabric) -> dict[str, dict[str, Any]]:
    """Return every interface's row, by its name, and the domains where it is found."""
    table = fabric.state.interfaces[copy_in_force(fabric)]
    domains = {number: tuple(key) for key, number in fabric.plan.domain_numbers.items()}
    rows = {}
    for key, plan in fabric.plan.interfaces.items():
        row = table.interface[plan.number]
        rows[key.network or key.kind] = {
            **{field: np.asarray(row[field]).tolist() for field in row.dtype.names if field != "domain"},
            "domain": domains.get(int(row.domain), ()),
            "domains": sorted(map(domains.__getitem__, np.flatnonzero(table.of_domain == plan.number).tolist())),
        }
    numbered = set(np.flatnonzero(table.interface["mac"]).tolist())
    assert numbered == {plan.number for plan in fabric.plan.interfaces.values()}, "and no others"
    return rows
