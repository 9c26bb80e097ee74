"""From the plan to what is translated: which addresses hide those inside, and where published ports lead."""

from collections.abc import Iterator

from control.errors import UserError
from control.fabric.rows import address_number
from control.model import Address, Configuration, Port, Publish, Uplink
from dataplane.wire import PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP
from nat.build import NatPlan, Published

PROTOCOLS = {"tcp": PROTOCOL_TCP, "udp": PROTOCOL_UDP, "sctp": PROTOCOL_SCTP}


def plan_translation(configuration: Configuration) -> NatPlan:
    """Return what a node translates; nothing where nobody asks for it.

    Whoever comes back to its own network by a published port, or has a static pair, needs the uplink's addresses too.
    """
    published = tuple(_published(configuration))
    static = tuple((address_number(outside), address_number(inside)) for outside, inside in configuration.nat.static)
    masquerades = any(network.masquerade for network in configuration.networks)
    sources: tuple[int, ...] = ()
    if configuration.uplink is not None and (masquerades or published or static):
        sources = tuple(address_number(interface.ip) for interface in configuration.uplink.addresses)
    return NatPlan(sources, published, static, configuration.nat.endpoint_independent)


def _published(configuration: Configuration) -> Iterator[Published]:
    uplink = configuration.uplink
    if uplink is None:
        return
    for port in configuration.ports:
        for publish in port.publish:
            yield from _ranges(port, publish, uplink)


def _ranges(port: Port, publish: Publish, uplink: Uplink) -> Iterator[Published]:
    """Yield one range for each family that both sides have."""
    for version in (4, 6):
        inside = next((address.ip for address in port.addresses if address.version == version), None)
        outside = tuple(address_number(address) for address in _outside(port, publish, uplink, version))
        if inside is not None and outside:
            protocol = PROTOCOLS[publish.protocol]
            yield Published(protocol, publish.first, publish.last, outside, address_number(inside), publish.target)


def _outside(port: Port, publish: Publish, uplink: Uplink, version: int) -> list[Address]:
    """Return the uplink's addresses of a family at which a range is published.

    Addresses of the host are not the fabric's own: the host leads what is sent there to the uplink's.
    """
    own = [interface.ip for interface in uplink.addresses]
    host = publish.host
    if host is not None and host.version != version:
        return []
    if host is None or host.is_unspecified or uplink.mode == "host":
        return [address for address in own if address.version == version]
    if own and host not in own:
        known = ", ".join(map(str, own))
        raise UserError(f"port {port.name}: publish: expected an address of the uplink ({known}), found {host}")
    return [host]
