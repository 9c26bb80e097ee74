"""The router's interfaces: one in each network that has a gateway, one at the uplink, one before the services."""

from dataclasses import dataclass
from hashlib import blake2b
from ipaddress import IPv6Address, IPv6Network, ip_address

from control.model import Configuration, Network
from tests.naive.domains import Domain, domains_of, gateway_domain, leads_out
from tests.naive.wire import Address

ROUTED_GATEWAYS = (ip_address("169.254.1.1"), ip_address("fe80::1"))
LINK_LOCAL = IPv6Network("fe80::/10")


@dataclass(frozen=True)
class Interface:
    """``network`` is None at the uplink and before the services; ``addresses`` are the router's own there."""

    name: str
    network: Network | None
    domains: tuple[Domain, ...]
    mac: bytes
    mtu: int
    addresses: tuple[Address, ...]
    prefixes: tuple[IPv6Network, ...] = ()
    is_uplink: bool = False
    serves: bool = False
    answers_names: bool = False

    @property
    def proxies(self) -> bool:
        """Whether the router answers here for every address but the asker's own."""
        return self.serves or (self.network is not None and self.network.mode == "routed")

    @property
    def masquerades(self) -> bool:
        """Whether what leaves by the uplink takes the uplink's address."""
        return self.network is not None and self.network.masquerade

    @property
    def is_internal(self) -> bool:
        """Whether there is no way out of the network."""
        return self.network is not None and self.network.internal

    @property
    def link_local(self) -> IPv6Address:
        """The address of fe80::/64 made from the MAC (RFC 4291 appendix A)."""
        flipped = bytes([self.mac[0] ^ 2]) + self.mac[1:3] + b"\xff\xfe" + self.mac[3:]
        return IPv6Address(b"\xfe\x80" + bytes(6) + flipped)

    def own_address(self, version: int) -> Address | None:
        """Return the address that errors about packets of that family come from."""
        for address in self.addresses:
            if address.version == version and address not in LINK_LOCAL:
                return address
        return self.link_local if version == 6 else None


def router_mac(node: str, network: str) -> bytes:
    """Return the router's MAC in a network: a hash of the names, unicast and locally administered."""
    digest = blake2b(f"{node}\0router\0{network}".encode(), digest_size=6).digest()
    return bytes([digest[0] & 0xFC | 2]) + digest[1:]


def has_gateway(network: Network) -> bool:
    """Whether the router is in the network."""
    return network.mode == "routed" or (network.is_bridged and bool(network.subnets or network.gateway))


def interfaces_of(configuration: Configuration) -> list[Interface]:
    """Return all interfaces of a node."""
    found = [gateway(configuration, network) for network in configuration.networks if has_gateway(network)]
    ports = {port.name: port for port in configuration.ports}
    uplink = configuration.uplink
    if uplink and uplink.port in ports:
        domains = tuple(domains_of(configuration, ports[uplink.port]))
        own = tuple(interface.ip for interface in uplink.addresses)
        mac = router_mac(configuration.node, "")
        found.append(Interface("uplink", None, domains, mac, uplink.mtu, own, is_uplink=True))
    if configuration.services in ports:
        domains = tuple(domains_of(configuration, ports[configuration.services]))
        mac = router_mac(configuration.node, "\0services")
        found.append(Interface("services", None, domains, mac, 1500, (), serves=True))
    return found


def gateway(configuration: Configuration, network: Network) -> Interface:
    """Return the router's interface in a network."""
    mac = router_mac(configuration.node, network.name)
    answers = bool(configuration.services and network.gateway)
    if network.mode == "routed":
        ports = [p for p in configuration.ports if p.network == network.name and not leads_out(configuration, p)]
        alone = tuple(domain for port in ports for domain in domains_of(configuration, port))
        own = network.gateway + ROUTED_GATEWAYS
        return Interface(network.name, network, alone, mac, network.mtu, own, answers_names=answers)
    prefixes = tuple(subnet for subnet in network.subnets if isinstance(subnet, IPv6Network))[:4]
    domain = gateway_domain(configuration, network.name)
    return Interface(
        network.name, network, (domain,), mac, network.mtu, network.gateway, prefixes, answers_names=answers
    )
