"""Where other nodes' addresses lie, in numbers: the domain of every overlay network, and the way into a subnet.

As long as the ground is the same, a change of peers needs no new generation.
"""

from typing import NamedTuple

from control.fabric.domains import DomainKey
from control.fabric.interfaces import UPLINK_KEY, InterfaceKey
from control.fabric.plan import Plan
from control.fabric.rows import address_number
from control.model import Peer, Subnet
from dataplane.route.hops.build import NextHop
from dataplane.route.hops.tables import CONNECTED, VIA


class Ground(NamedTuple):
    """``domains``: of overlay networks by name. ``links``: subnets of which other nodes may have a part, and the hop
    there: into the domain, or by the node's own address on the uplink. ``opened``: what a written route leads into a
    domain, which others may reach, wherever in it. ``udp_port``: that of all nodes."""

    domains: dict[str, int]
    links: tuple[tuple[Subnet, NextHop], ...]
    opened: tuple[tuple[Subnet, int], ...]
    udp_port: int

    def domains_of(self, peer: Peer) -> set[int]:
        """Return the domains of the networks that a node takes part in."""
        return {self.domains[name] for name in peer.networks or self.domains if name in self.domains}

    def hop_to(self, subnet: Subnet, peer: Peer, number: int) -> NextHop | None:
        """Return the way to a subnet of a node; None if it lies in no network."""
        for around, hop in self.links:
            if _covers(around, subnet):
                if hop.kind == CONNECTED:
                    is_open = any(hop.domain == domain and _covers(to, subnet) for to, domain in self.opened)
                    return hop._replace(peer=number, is_open=is_open)
                return hop if hop.address else hop._replace(address=address_number(peer.address))
        return None


def _covers(around: Subnet, subnet: Subnet) -> bool:
    return around.version == subnet.version and subnet.subnet_of(around)  # type: ignore[arg-type]


NOWHERE = Ground({}, (), (), 0)


def ground_of(plan: Plan) -> Ground:
    """Return the ground of a plan."""
    configuration = plan.configuration
    if configuration.overlay is None:
        return NOWHERE
    domains = {
        network.name: plan.domain_numbers[DomainKey(network.name)]
        for network in configuration.networks
        if network.mode == "overlay"
    }
    links: list[tuple[Subnet, NextHop]] = []
    for network in configuration.networks:
        interface = plan.interfaces.get(InterfaceKey("network", network.name))
        if network.mode == "overlay" and interface is not None:
            hop = NextHop(CONNECTED, interface.number, mtu=interface.mtu, domain=interface.domain)
            links += [(subnet, hop) for subnet in network.subnets]
        elif network.mode == "routed":
            links += [(subnet, hop) for subnet in network.subnets for hop in _by_uplink(plan, subnet.version)]
    opened = tuple((route.to, domains[route.network]) for route in configuration.routes if route.network in domains)
    return Ground(domains, tuple(links), opened, configuration.overlay.port)


def _by_uplink(plan: Plan, version: int) -> list[NextHop]:
    """Return the hop by the uplink to a node that is a neighbour there; to the host, where that knows the way."""
    interface, uplink = plan.interfaces.get(UPLINK_KEY), plan.configuration.uplink
    if interface is None or uplink is None:
        return []
    hop = NextHop(VIA, interface.number, mtu=interface.mtu, domain=interface.domain)
    if uplink.mode != "host":
        return [hop]
    return [hop._replace(address=address_number(each)) for each in uplink.gateway if each.version == version]
