"""Which filtering domains there are, and which ports are in them."""

from typing import NamedTuple

from control.model import Configuration, Network, Port, Vtep

DEFAULT_VLAN = 1
"""The VLAN of a port that says nothing of VLANs, in a network where another port does; the gateway's too."""


class DomainKey(NamedTuple):
    """A ``vlan`` of a network; None is all of a network where no port reads VLANs. ``port``: that port alone."""

    network: str
    vlan: int | None = None
    port: str = ""


def is_tunnel(port: Port) -> bool:
    """Whether the port stands for all other nodes."""
    return isinstance(port.attachment, Vtep)


def vlans_of(port: Port) -> list[int]:
    """Return the VLANs that ``port`` carries in a VLAN-aware network."""
    if port.vlan is None:
        return [DEFAULT_VLAN]
    if port.vlan.access is not None:
        return [port.vlan.access]
    native = set() if port.vlan.native is None else {port.vlan.native}
    return sorted(port.vlan.trunk | native)


def native_vlan_of(port: Port) -> int | None:
    """Return the VLAN of untagged frames in a VLAN-aware network, or None if there is none."""
    if port.vlan is None:
        return DEFAULT_VLAN
    return port.vlan.native if port.vlan.is_trunk else port.vlan.access


def has_gateway(network: Network) -> bool:
    """Whether the router has an interface in the network."""
    return network.mode == "routed" or (network.is_bridged and bool(network.subnets or network.gateway))


class Domains:
    """The domains of a configuration: ``members`` are the ports of each, in order."""

    def __init__(self, configuration: Configuration) -> None:
        uplink = configuration.uplink
        self._ways_out = {configuration.services, "" if uplink is None else uplink.port}
        self._overlays = [network.name for network in configuration.networks if network.mode == "overlay"]
        self._routed = {network.name for network in configuration.networks if network.mode == "routed"}
        self._aware = {
            port.network for port in configuration.ports if port.vlan is not None and not self.is_alone(port)
        }
        self.members: dict[DomainKey, list[Port]] = {}
        for port in configuration.ports:
            for key in self.keys_of(port):
                self.members.setdefault(key, []).append(port)
        for network in configuration.networks:
            if has_gateway(network) and network.mode != "routed":
                self.members.setdefault(self.gateway_key(network.name), [])

    def is_way_out(self, port: Port) -> bool:
        """Whether the port is the uplink's, or leads to the agent's services."""
        return port.name in self._ways_out

    def is_alone(self, port: Port) -> bool:
        """Whether the port is a domain of its own: no frame goes from it to another port, or to it, by MAC."""
        if is_tunnel(port):
            return False
        return port.network == "" or port.network in self._routed or self.is_way_out(port)

    def is_aware(self, port: Port) -> bool:
        """Whether VLAN tags mean something to the port."""
        return port.network in self._aware and not self.is_alone(port)

    def keys_of(self, port: Port) -> list[DomainKey]:
        """Return the domains that the port is in; the tunnel is in all that other nodes may be in."""
        if is_tunnel(port):
            return [DomainKey(network) for network in self._overlays]
        if self.is_alone(port):
            return [DomainKey(port.network, None, port.name)]
        return [DomainKey(port.network, vlan) for vlan in (vlans_of(port) if self.is_aware(port) else [None])]

    def native_key(self, port: Port) -> DomainKey | None:
        """Return the domain of the port's untagged frames; None if it has none."""
        if is_tunnel(port):
            return None
        if not self.is_aware(port):
            return self.keys_of(port)[0]
        vlan = native_vlan_of(port)
        return None if vlan is None else DomainKey(port.network, vlan)

    def gateway_key(self, network: str) -> DomainKey:
        """Return the domain in which a bridged network's gateway lies."""
        return DomainKey(network, DEFAULT_VLAN if network in self._aware else None)
