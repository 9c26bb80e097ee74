"""Routing: every flow goes to a route of its own, of as many as there are flows, drawn as the Internet's tables are."""

from typing import Any

import numpy as np

from control.bench.full_table import full_table, random_within
from control.bench.packets import udp4, udp6, words
from control.bench.routed import BEYOND, INSIDE, announce, make_fabric, pcap_port, router_mac, station_mac
from control.bench.workload import CALM_FRAMES, Parameters, Workload, lay_out_frames
from control.fabric import Fabric
from control.fabric.interfaces import InterfaceKey
from dataplane.route.bulk import Routes
from dataplane.route.hops.build import NextHop
from dataplane.route.hops.tables import VIA
from dataplane.route.rib import columns_of
from dataplane.route.tables import IPV4_BITS, IPV6_BITS

SEED = 2
NEXT_HOPS = 64
FIRST_HOP = 0x0A02_0002
GATEWAY = 0x0A02_0001
MAPPED = 0xFFFF_0000_0000
SENDER = 0x0A01_0002
SENDER6 = bytes.fromhex("fd000001000000000000000000000002")
SOURCE_PORT, PORT = 4000, 5000
MARTIANS = (0, 127, *range(224, 256))
"""First bytes of IPv4 addresses that no router forwards; routes there are left out."""


def ip4_route(parameters: Parameters) -> Workload:
    """Return the workload for IPv4; one worker's."""
    fabric = prepared(parameters)
    routes = load_routes(fabric, IPV4_BITS, parameters.flows)
    order = repeated(parameters.flows)
    high, _ = destinations(routes, IPV4_BITS)
    drawn = (high >> np.uint64(32)).astype(np.uint32)
    target = np.resize(drawn[~np.isin(drawn >> 24, MARTIANS)], parameters.flows)[order]
    macs = router_mac(fabric, "inside") + station_mac(1)
    ports = np.full(len(target), SOURCE_PORT), np.full(len(target), PORT)
    headers = udp4(macs, np.full(len(target), SENDER), target, ports, parameters.frame_bytes)
    return routed("ip4_route", fabric, headers, parameters)


def ip6_route(parameters: Parameters) -> Workload:
    """Return the workload for IPv6; one worker's."""
    fabric = prepared(parameters)
    routes = load_routes(fabric, IPV6_BITS, parameters.flows)
    order = repeated(parameters.flows)
    high, low = destinations(routes, IPV6_BITS)
    target = np.resize(np.hstack([words(high, 8), words(low, 8)]), (parameters.flows, 16))[order]
    source = np.broadcast_to(np.frombuffer(SENDER6, np.uint8), target.shape)
    macs = router_mac(fabric, "inside") + station_mac(1)
    ports = np.full(len(target), SOURCE_PORT), np.full(len(target), PORT)
    headers = udp6(macs, source, target, ports, parameters.frame_bytes)
    return routed("ip6_route", fabric, headers, parameters)


def prepared(parameters: Parameters) -> Fabric:
    """Return a router between two networks."""
    return make_fabric((INSIDE, BEYOND), (pcap_port("in", "inside"), pcap_port("out", "beyond")), parameters)


def load_routes(fabric: Fabric, width: int, count: int) -> Routes:
    """Load ``count`` routes beside those that the networks have; return them."""
    beyond = fabric.plan.interfaces[InterfaceKey("network", "beyond")]
    hop = NextHop(VIA, beyond.number, mtu=beyond.mtu, domain=beyond.domain, is_open=True)
    groups = np.array(
        [fabric.router.hops.add_group({hop._replace(address=MAPPED | FIRST_HOP + n): 1}) for n in range(NEXT_HOPS)],
        np.uint32,
    )
    drawn = full_table(count, width, np.random.default_rng(SEED))
    routes = drawn._replace(group=groups[drawn.group - 1])
    table = fabric.router.tables[4 if width == IPV4_BITS else 6]
    own = columns_of(list(table), width)
    table.load(Routes(*(np.concatenate(pair) for pair in zip(routes, own, strict=True))))
    return routes


def destinations(routes: Routes, width: int) -> tuple[Any, Any]:
    """Return an address within each route."""
    return random_within(routes, width, np.random.default_rng(SEED), near=False)


def repeated(flows: int) -> Any:
    """Return the flows in random order, often enough for a round that can be measured."""
    random = np.random.default_rng(SEED)
    return np.concatenate([random.permutation(flows) for _ in range(max(1, CALM_FRAMES // flows))])


def routed(name: str, fabric: Fabric, headers: Any, parameters: Parameters) -> Workload:
    """Return the workload that sends frames with these headers in at one network and out at the other."""
    in_ports = np.full(len(headers), fabric.index_of("in"), np.uint16)
    hops = {FIRST_HOP + n: station_mac(2 + n) for n in range(NEXT_HOPS)}
    opening = announce(fabric, "out", GATEWAY, hops)
    return Workload(name, fabric, [lay_out_frames(headers, in_ports, parameters.frame_bytes)], opening)
