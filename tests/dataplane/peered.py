"""A node that has peers, and what its tables must hold by a naive reading of its configuration."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import numpy as np

from control.fabric import Fabric
from control.model import (
    TUNNEL,
    Address,
    Configuration,
    Limits,
    Network,
    Overlay,
    Peer,
    Port,
    RemoteEndpoint,
    Subnet,
    Uplink,
    Vtep,
)
from dataplane.route.hops.tables import CONNECTED, VIA
from encap.build import Key, address_key, entry_value, link_key, vtep_key
from encap.tables import HERE
from tests.configurations import port, switch
from tests.dataplane.fabrics import group_of, hops_in_force

SMALL = Limits(fdb=1000, flows=1000, neighbours=1000, routes=500, fragments=16)
RED = Network("red", "overlay", (ip_network("10.20.0.0/16"), ip_network("fd00:20::/48")), vni=200, mtu=1450)
GREEN = Network("green", "overlay", (ip_network("10.30.0.0/16"),), vni=7, mtu=1400, inner_vlan="keep")
BARE = Network("bare", "overlay", vni=9, mtu=1450)
LAB = Network("lab", "routed", (ip_network("10.40.0.0/16"),))
NETWORKS = tuple(replace(each, gateway=tuple(subnet[1] for subnet in each.subnets)) for each in (RED, GREEN, BARE, LAB))
UPLINK = Uplink("port", (ip_interface("192.0.2.1/24"),), (ip_address("192.0.2.254"),), "wan")
OVERLAY = Overlay(ip_address("192.0.2.1"))
WEB = bytes.fromhex("020000000a02")
PORTS = (
    port("web", "red", addresses=(ip_interface("10.20.0.2/16"),), mac=WEB),
    port("lab1", "lab", addresses=(ip_interface("10.40.0.2/16"),)),
    port("wan", "", endpoint=False),
)


def node(*peers: Peer, networks: tuple[Network, ...] = NETWORKS, **overlay: Any) -> Configuration:
    """Return a node with the networks and these other nodes."""
    own = replace(OVERLAY, peers=peers, **overlay)
    tunnel = Port(TUNNEL, "", Vtep(own.transport), endpoint=False)
    names = {network.name for network in networks} | {""}
    ports = (*(each for each in PORTS if each.network in names), tunnel)
    return replace(switch(ports), networks=networks, uplink=UPLINK, overlay=own, limits=SMALL)


def peer(number: int, *endpoints: RemoteEndpoint, **fields: Any) -> Peer:
    return Peer(f"node{number}", ip_address(f"192.0.2.{number}"), **{"endpoints": endpoints} | fields)


def endpoint(network: str, address: str, mac: str = "") -> RemoteEndpoint:
    return RemoteEndpoint(network, ip_address(address), bytes.fromhex(mac))


def domain_of(fabric: Fabric, network: str) -> int:
    return next(number for key, number in fabric.plan.domain_numbers.items() if key.network == network)


def number_of(fabric: Fabric, address: Address) -> int:
    number = fabric.others.tables.writer.number_at(address)
    assert number is not None
    return number


def generation(fabric: Fabric) -> int:
    return int(fabric.state.control[0].active[0])


def peer_at(fabric: Fabric, address: str) -> tuple[int, str, int]:
    """Return where a packet for an address goes: the hop's kind, the node (empty: none), and the next hop."""
    group, hops = group_of(fabric, ip_address(address)), hops_in_force(fabric)
    hop = hops.hop[int(hops.group[group])]
    via = int(hop.address_high) << 64 | int(hop.address_low)
    return int(hop.kind), fabric.others.names.get(int(hop.peer), ""), via


def expected_entries(fabric: Fabric) -> dict[Key, int]:
    """Return what the index must hold, by the configuration alone and the numbers that nodes have."""
    configuration = fabric.configuration
    assert configuration.overlay is not None
    overlays = {network.name for network in configuration.networks if network.mode == "overlay"}
    entries: dict[Key, int] = expected_here(fabric)
    for each in configuration.overlay.peers:
        number = number_of(fabric, each.address)
        entries[vtep_key(each.address)] = entry_value(number)
        for one in each.endpoints:
            if one.network in overlays:
                domain, value = domain_of(fabric, one.network), entry_value(number, one.mac)
                entries[address_key(domain, one.address)] = value
                if one.mac:
                    entries[link_key(domain, one.mac)] = value
    return entries


def expected_here(fabric: Fabric) -> dict[Key, int]:
    """Return what the index must hold of ports here."""
    configuration = fabric.configuration
    if configuration.overlay is None:
        return {}
    overlays = {network.name for network in configuration.networks if network.mode == "overlay"}
    entries: dict[Key, int] = {}
    for each in configuration.ports:
        if each.network in overlays:
            domain = domain_of(fabric, each.network)
            entries |= {address_key(domain, interface.ip): entry_value(HERE) for interface in each.addresses}
            entries |= {link_key(domain, mac): entry_value(HERE) for mac in (each.mac, *each.static_macs) if mac}
    return entries


def check(fabric: Fabric) -> None:
    """Compare all of the tables that other nodes are in with the configuration."""
    configuration, writer = fabric.configuration, fabric.others.tables.writer
    assert configuration.overlay is not None
    assert writer.read() == expected_entries(fabric)
    overlays = [network for network in configuration.networks if network.mode == "overlay"]
    for network in overlays:
        domain = domain_of(fabric, network.name)
        members = {
            number_of(fabric, each.address)
            for each in configuration.overlay.peers
            if not each.networks or network.name in each.networks
        }
        bits = np.unpackbits(fabric.state.remotes[0].member_bits[domain].view(np.uint8), bitorder="little")
        assert set(np.flatnonzero(bits).tolist()) == members
        assert int(fabric.state.remotes[0].members[domain]) == len(members)
    assert int(fabric.state.remotes[0].members.sum()) == sum(
        int(fabric.state.remotes[0].members[domain_of(fabric, network.name)]) for network in overlays
    )
    for each in configuration.overlay.peers:
        for subnet in each.subnets:
            check_subnet(fabric, each, subnet)


def check_subnet(fabric: Fabric, each: Peer, subnet: Subnet) -> None:
    wide = [(network, own) for network in fabric.configuration.networks for own in network.subnets]
    around = next((network for network, own in wide if own.version == 4 and subnet[0] in own), None)
    kind, name, via = peer_at(fabric, str(subnet[9]))
    if around is None:
        assert name == ""
    elif around.mode == "overlay":
        assert (kind, name) == (CONNECTED, each.node)
    else:
        assert (kind, name, via) == (VIA, "", 0xFFFF << 32 | int(each.address))
