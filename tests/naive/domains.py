"""Filtering domains: which ports hear each other by MAC.

A domain is a network, or a VLAN of one that any port reads VLANs in; in a routed network, and where a port leads out of
all networks (the uplink's, that of the agent's services), it is a port alone. The tunnel is in all networks that have a
VNI.
"""

from typing import NamedTuple

from control.model import TUNNEL, Configuration, Port
from tests.naive.vlan import DEFAULT_VLAN, Untagged, strip_tag, vlans_of


class Domain(NamedTuple):
    """``vlan`` is None where ports do not read VLANs; ``port`` is that of a domain of one port."""

    network: str
    vlan: int | None = None
    port: str = ""


def leads_out(configuration: Configuration, port: Port) -> bool:
    """Whether ``port`` is the uplink's or leads to the agent's services."""
    uplink = configuration.uplink
    return port.name == configuration.services or (uplink is not None and port.name == uplink.port)


def is_alone(configuration: Configuration, port: Port) -> bool:
    """Whether the port is a domain of its own."""
    if port.network == "" or leads_out(configuration, port):
        return True
    return configuration.network(port.network).mode == "routed"


def is_vlan_aware(configuration: Configuration, port: Port) -> bool:
    """Whether ``port`` is in a network with a port that says something about VLANs."""
    if is_alone(configuration, port):
        return False
    return reads_vlans(configuration, port.network)


def reads_vlans(configuration: Configuration, network: str) -> bool:
    """Whether any port of ``network`` says something about VLANs."""
    return any(p.vlan for p in configuration.ports if p.network == network and not leads_out(configuration, p))


def is_tunnel(port: Port) -> bool:
    """Whether the port stands for all other nodes."""
    return port.name == TUNNEL


def domains_of(configuration: Configuration, port: Port) -> set[Domain]:
    """Return the domains that ``port`` is a member of."""
    if is_tunnel(port):
        return {Domain(network.name) for network in configuration.networks if network.vni is not None}
    if is_alone(configuration, port):
        return {Domain(port.network, None, port.name)}
    if is_vlan_aware(configuration, port):
        return {Domain(port.network, vlan) for vlan in vlans_of(port)}
    return {Domain(port.network)}


def gateway_domain(configuration: Configuration, network: str) -> Domain:
    """Return the domain that a bridged network's gateway is in."""
    return Domain(network, DEFAULT_VLAN if reads_vlans(configuration, network) else None)


def classify(configuration: Configuration, port: Port, frame: bytes) -> tuple[Untagged, Domain] | str:
    """Return a frame that came in at ``port`` without its tag, and its domain; or the reason to drop it."""
    if is_alone(configuration, port):
        return Untagged(frame, None, 0), Domain(port.network, None, port.name)
    if not is_vlan_aware(configuration, port):
        return Untagged(frame, None, 0), Domain(port.network)
    inside = strip_tag(port, frame)
    return inside if isinstance(inside, str) else (inside, Domain(port.network, inside.vlan))
