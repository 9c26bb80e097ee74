"""What a host uplink asks of the host, out of the configuration. Pure.

The fabric's end of the TAP has the uplink's addresses, the host's end the gateways. ``reflected`` are addresses of the
host's end too: what goes from the fabric to the host's address and comes back by a published port has them as its
source, so that it is not taken for the node itself, which may reach everything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network
from itertools import pairwise

from control.errors import UserError
from control.model import Address, Configuration, Interface, Network, Port, Publish, Subnet

REFLECTED: tuple[Address, ...] = (ip_address("169.254.254.5"), ip_address("fd54:6170:6573::5"))


@dataclass(frozen=True, slots=True)
class Lead:
    """Outside ports ``first`` … ``last`` of ``protocol`` that lead to the fabric; ``host`` None: at every address."""

    version: int
    protocol: str
    first: int
    last: int
    host: Address | None = None

    @property
    def kind(self) -> tuple[int, str]:
        """Return what tells apart ports of the same number."""
        return self.version, self.protocol


@dataclass(frozen=True, slots=True)
class HostPlan:
    """What there is to be on the host. ``fabric``, ``host`` and ``reflected`` have at most one address a family.

    ``links`` are the subnets of the TAP, ``routes`` the prefixes that lie in the fabric.
    """

    ifname: str
    fabric: tuple[Address, ...]
    host: tuple[Address, ...]
    reflected: tuple[Address, ...]
    links: tuple[Subnet, ...]
    routes: tuple[Subnet, ...] = ()
    leads: tuple[Lead, ...] = ()

    @property
    def versions(self) -> tuple[int, ...]:
        """The families that the uplink has."""
        return tuple(sorted(address.version for address in self.fabric))


def plan_host(configuration: Configuration) -> HostPlan | None:
    """Return what the host must have, None without a host uplink. UserError for ports that cannot be told apart."""
    uplink = configuration.uplink
    if uplink is None or uplink.mode != "host":
        return None
    host: dict[int, Address] = {gateway.version: gateway for gateway in uplink.gateway}
    fabric: dict[int, Interface] = {}
    for interface in uplink.addresses:
        if interface.version in host:
            fabric.setdefault(interface.version, interface)
    leads = tuple(sorted(_leads(configuration, fabric), key=lambda lead: (*lead.kind, lead.first, str(lead.host))))
    _require_distinct(leads)
    return HostPlan(
        ifname=uplink.ifname,
        fabric=tuple(interface.ip for interface in fabric.values()),
        host=tuple(host[version] for version in fabric),
        reflected=tuple(address for address in REFLECTED if address.version in fabric),
        links=tuple(interface.network for interface in fabric.values()),
        routes=tuple(sorted({r for r in _routes(configuration) if r.version in fabric}, key=lambda r: (r.version, r))),
        leads=leads,
    )


def host_end(configuration: Configuration) -> tuple[Interface, ...]:
    """Return the addresses of the host's end of the TAP, each with its prefix length."""
    uplink, plan = configuration.uplink, plan_host(configuration)
    if uplink is None or plan is None:
        return ()
    lengths = {link.version: link.prefixlen for link in plan.links}
    ends = tuple(ip_interface((address, lengths[address.version])) for address in plan.host)
    return ends + tuple(ip_interface(address) for address in plan.reflected)


def has_way_out(network: Network) -> bool:
    """Return whether the host and a network may know of each other."""
    return network.mode != "none" and not network.internal


def _routes(configuration: Configuration) -> Iterator[Subnet]:
    for network in configuration.networks:
        if has_way_out(network):
            yield from network.subnets
    for outside, _inside in configuration.nat.static:
        yield ip_network(outside)


def _leads(configuration: Configuration, fabric: dict[int, Interface]) -> Iterator[Lead]:
    for port in configuration.ports:
        for publish in port.publish:
            for version in _versions(port, publish):
                if version in fabric:
                    yield Lead(version, publish.protocol, publish.first, publish.last, publish.host)


def _versions(port: Port, publish: Publish) -> set[int]:
    """Return the families in which a published port leads somewhere: those of the port's own addresses."""
    own: set[int] = {interface.version for interface in port.addresses}
    return own if publish.host is None else own & {publish.host.version}


def _require_distinct(leads: tuple[Lead, ...]) -> None:
    """Refuse one outside port at two addresses of the host: behind the TAP both are the same."""
    for lead, other in pairwise(leads):
        if lead.kind == other.kind and other.first <= lead.last:
            raise UserError(
                f"publish: port {other.first}/{lead.protocol} is published at {lead.host or 'every address'} and at "
                f"{other.host or 'every address'}; a host uplink leads a port number to one endpoint only"
            )
