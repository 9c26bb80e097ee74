"""The router's interfaces: one in every network that has a gateway, one at the uplink, one before the agent's services.

In a routed network the one interface lies in the domain of every port.
"""

from dataclasses import dataclass
from hashlib import blake2b
from ipaddress import IPv6Address, IPv6Network
from typing import Literal, NamedTuple

from control.fabric.domains import DomainKey, Domains, has_gateway
from control.model import ROUTED_GATEWAYS, Address, Configuration, Network
from dataplane.interfaces.tables import (
    ANSWERS_NAMES,
    INTERNAL,
    MASQUERADES,
    NODE,
    PREFIXES,
    PROXIES,
    SERVES,
    SPANS,
    UPLINK,
)

FIRST_INTERFACE = 1
SERVICES_MTU = 1500

_LOCAL_BIT = 0x02
_GROUP_BIT = 0x01


class InterfaceKey(NamedTuple):
    """What an interface is for: a ``network``, or one of the ways out of them."""

    kind: Literal["network", "uplink", "services"]
    network: str = ""

    def __str__(self) -> str:
        return self.network or self.kind


UPLINK_KEY = InterfaceKey("uplink")
SERVICES_KEY = InterfaceKey("services")


@dataclass(frozen=True)
class InterfacePlan:
    """One interface in numbers: ``domains`` are those where the router is reached through it, in order of their ports.

    ``addresses`` are the router's own there but the link-local one; ``prefixes`` are what it advertises.
    """

    key: InterfaceKey
    number: int
    domains: tuple[int, ...]
    mac: bytes
    addresses: tuple[Address, ...]
    prefixes: tuple[IPv6Network, ...]
    mtu: int
    traits: int

    @property
    def link_local(self) -> IPv6Address:
        """Return the address fe80::/64 made from the MAC (RFC 4291 appendix A)."""
        head, tail = self.mac[:3], self.mac[3:]
        identifier = bytes((head[0] ^ _LOCAL_BIT, head[1], head[2], 0xFF, 0xFE)) + tail
        return IPv6Address(b"\xfe\x80" + bytes(6) + identifier)

    @property
    def domain(self) -> int:
        """Return the domain that the interface lies in; 0 in a routed network, where that is every port's own."""
        return 0 if self.key.kind == "network" and self.traits & PROXIES else self.domains[0]


def router_mac(node: str, network: str) -> bytes:
    """Return the router's MAC in a network (at the uplink: ""): a hash, unicast and locally administered."""
    octets = bytearray(blake2b("\0".join((node, "router", network)).encode(), digest_size=6).digest())
    octets[0] = (octets[0] | _LOCAL_BIT) & ~_GROUP_BIT
    return bytes(octets)


def services_mac(node: str) -> bytes:
    """Return the router's MAC before the agent's services."""
    return router_mac(node, "\0services")


def interface_keys(configuration: Configuration) -> list[InterfaceKey]:
    """Return which interfaces there are."""
    ports = {port.name for port in configuration.ports}
    keys = [InterfaceKey("network", network.name) for network in configuration.networks if has_gateway(network)]
    if configuration.uplink is not None and configuration.uplink.port in ports:
        keys.append(UPLINK_KEY)
    if configuration.services in ports:
        keys.append(SERVICES_KEY)
    return keys


def plan_interface(
    key: InterfaceKey, number: int, configuration: Configuration, domains: Domains, numbers: dict[DomainKey, int]
) -> InterfacePlan:
    """Return the interface ``key`` in numbers."""
    if key.kind == "network":
        return _plan_gateway(key, number, configuration, domains, numbers)
    uplink = configuration.uplink
    name = configuration.services if key == SERVICES_KEY or uplink is None else uplink.port
    port = next(port for port in configuration.ports if port.name == name)
    own = (numbers[domains.keys_of(port)[0]],)
    if key == SERVICES_KEY or uplink is None:
        mac = services_mac(configuration.node)
        return InterfacePlan(key, number, own, mac, (), (), SERVICES_MTU, SERVES | PROXIES)
    addresses = tuple(interface.ip for interface in uplink.addresses)
    traits = UPLINK | (NODE if uplink.mode == "host" else 0)
    return InterfacePlan(key, number, own, router_mac(configuration.node, ""), addresses, (), uplink.mtu, traits)


def _plan_gateway(
    key: InterfaceKey, number: int, configuration: Configuration, domains: Domains, numbers: dict[DomainKey, int]
) -> InterfacePlan:
    network = configuration.network(key.network)
    mac = router_mac(configuration.node, network.name)
    traits = _traits(network, bool(configuration.services))
    if network.mode == "routed":
        ports = (port for port in configuration.ports if port.network == network.name and not domains.is_way_out(port))
        alone = tuple(numbers[domains.keys_of(port)[0]] for port in ports)
        addresses = network.gateway + ROUTED_GATEWAYS
        return InterfacePlan(key, number, alone, mac, addresses, (), network.mtu, traits)
    own = (numbers[domains.gateway_key(network.name)],)
    prefixes = tuple(subnet for subnet in network.subnets if isinstance(subnet, IPv6Network))[:PREFIXES]
    return InterfacePlan(key, number, own, mac, network.gateway, prefixes, network.mtu, traits)


def _traits(network: Network, has_services: bool) -> int:
    return (
        (MASQUERADES if network.masquerade else 0)
        | (INTERNAL if network.internal else 0)
        | (PROXIES if network.mode == "routed" else 0)
        | (SPANS if network.mode == "overlay" else 0)
        | (ANSWERS_NAMES if has_services and network.gateway else 0)
    )
