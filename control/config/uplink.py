"""The ``uplink`` of the file -> the model's, and the port it makes: fields that go with a mode, subnets."""

from collections.abc import Collection
from ipaddress import ip_interface
from typing import NamedTuple

from control.config.allocate import derive_mac
from control.config.check import Networks
from control.config.mistakes import Mistakes, Path, describe
from control.config.schema import MIN_MTU_IPV6, UplinkFields
from control.config.subnets import free_hosts, is_host
from control.model import DEFAULT_MTU, Address, Interface, Nic, Port, Tap, Uplink
from control.uplink.addresses import HOST_ADDRESSES, HOST_GATEWAYS, HOST_IFNAME, UPLINK_PORT

MOST_ADDRESSES = 16
"""A family: as many as source translation chooses from."""

_PATH: Path = ("uplink",)
_BELONGS = {"port": ("port",), "ifname": ("nic", "host")}


class WayOut(NamedTuple):
    """The uplink, None if there is none or it is wrong; the port that it ``makes``, in modes host and nic; and the
    name of the file's own port that it ``names``, in mode port, known though the rest may be wrong."""

    uplink: Uplink | None = None
    makes: Port | None = None
    names: str = ""
    is_written: bool = False


def resolve_uplink(
    data: object, ports: Collection[object], networks: Networks, node: str, mistakes: Mistakes
) -> WayOut:
    """Return how packets leave. ``ports`` are the names that the file's ports have; ``node`` this node's."""
    if data is None:
        return WayOut()
    if (fields := UplinkFields.read(data, _PATH, mistakes)) is None:
        return WayOut(is_written=True)
    names = fields.port or "" if fields.mode == "port" else ""
    if fields.mode is not None:
        _check_mode(fields, fields.mode, ports, mistakes)
    addresses, gateway = _addresses(fields, mistakes), tuple(each for each in fields.gateway or () if each is not None)
    if not mistakes.touch((*_PATH, "addresses")):
        _check_gateways(fields, addresses, mistakes)
        if fields.mode == "host":
            addresses, gateway = _complete(addresses, gateway, fields.mtu)
        _check_networks(addresses, networks, mistakes)
    if fields.mtu is not None and fields.mtu < MIN_MTU_IPV6 and any(item.version == 6 for item in addresses):
        expected = f"at least {MIN_MTU_IPV6} with an IPv6 address (RFC 8200 section 5)"
        mistakes.add((*_PATH, "mtu"), expected, describe(fields.mtu))
    if mistakes.touch(_PATH):
        return WayOut(names=names, is_written=True)
    uplink = Uplink(
        mode=fields.mode,  # type: ignore[arg-type]
        addresses=addresses,
        gateway=gateway,
        port=names or UPLINK_PORT,
        ifname=HOST_IFNAME if fields.mode == "host" and fields.ifname is None else fields.ifname or "",
        mtu=DEFAULT_MTU if fields.mtu is None else fields.mtu,
    )
    return WayOut(uplink, _made_port(uplink, node), names, True)


def _made_port(uplink: Uplink, node: str) -> Port | None:
    if uplink.mode == "host":
        mac = derive_mac(node, "", uplink.port)
        return Port(uplink.port, "", Tap(uplink.ifname), mac=mac, endpoint=False)
    return Port(uplink.port, "", Nic(uplink.ifname), endpoint=False) if uplink.mode == "nic" else None


def _complete(
    addresses: tuple[Interface, ...], gateway: tuple[Address, ...], mtu: int | None
) -> tuple[tuple[Interface, ...], tuple[Address, ...]]:
    """Return a host uplink's addresses and gateways, both filled in: the gateway is the host's own end."""
    if not addresses:
        is_small = mtu is not None and mtu < MIN_MTU_IPV6
        addresses = tuple(each for each in HOST_ADDRESSES if each.version == 4 or not is_small)
        return addresses, tuple(each for each in HOST_GATEWAYS if each.version == 4 or not is_small)
    own = [each.ip for each in addresses]
    served = {each.version for each in gateway}
    chosen: list[Address] = list(gateway)
    for address in addresses:
        if address.version not in served and (other := next(free_hosts(address.network, own), None)) is not None:
            served.add(address.version)
            chosen.append(other)
    return addresses, tuple(chosen)


def _check_mode(fields: UplinkFields, mode: str, ports: Collection[object], mistakes: Mistakes) -> None:
    for field, modes in _BELONGS.items():
        value = getattr(fields, field)
        if mistakes.touch((*_PATH, field)):
            continue
        if mode == modes[0] and value is None:
            mistakes.add((*_PATH, field), f"{field} in mode {mode}", "nothing")
        elif mode not in modes and value is not None:
            mistakes.add((*_PATH, field), f"{field} in mode {' or '.join(modes)} only", f"{value} in mode {mode}")
    if mode == "port" and fields.port is not None and fields.port not in ports:
        mistakes.add((*_PATH, "port"), "one of the file's ports", describe(fields.port))
    if mode == "port" and not fields.addresses and not mistakes.touch((*_PATH, "addresses")):
        mistakes.add((*_PATH, "addresses"), "at least one address in mode port", "none")


def _addresses(fields: UplinkFields, mistakes: Mistakes) -> tuple[Interface, ...]:
    good: list[Interface] = []
    for index, item in enumerate(fields.addresses or ()):
        if item is None:
            continue
        where = (*_PATH, "addresses", index)
        address, length = item
        if length is None:
            mistakes.add(where, "an address with its prefix length, such as 192.0.2.10/24", str(address))
            continue
        interface = ip_interface((address, length))
        if address.is_multicast or address.is_loopback or not is_host(address, interface.network):
            mistakes.add(where, f"a host's unicast address in {interface.network}", str(address))
        elif any(other.ip == address for other in good):
            mistakes.add(where, "an address that nothing else has", f"{address}, again")
        elif sum(other.version == address.version for other in good) == MOST_ADDRESSES:
            mistakes.add(where, f"at most {MOST_ADDRESSES} addresses a family", "more")
        else:
            good.append(interface)
    return tuple(good)


def _check_gateways(fields: UplinkFields, addresses: tuple[Interface, ...], mistakes: Mistakes) -> None:
    families: set[int] = set()
    listed = " or ".join(str(address.network) for address in addresses) or "a subnet of its addresses (it states none)"
    for index, gateway in enumerate(fields.gateway or ()):
        if gateway is None:
            continue
        where = (*_PATH, "gateway", index)
        around = [one.network for one in addresses if one.version == gateway.version and gateway in one.network]
        if not around:
            mistakes.add(where, f"an address in {listed}", str(gateway))
        elif any(one.ip == gateway for one in addresses) or not is_host(gateway, around[0]):
            mistakes.add(where, f"another host's address in {around[0]}", str(gateway))
        elif gateway.version in families:
            mistakes.add(where, "one gateway a family", f"{gateway}, another of IPv{gateway.version}")
        families.add(gateway.version)


def _check_networks(addresses: tuple[Interface, ...], networks: Networks, mistakes: Mistakes) -> None:
    """Check that the uplink's subnets are no network's: one destination cannot lie in two places."""
    for network in networks.values():
        if network is None or network.mode == "none":
            continue
        for address in addresses:
            for subnet in network.subnets:
                if subnet.version == address.version and address.network.overlaps(subnet):
                    found = f"{address}, which overlaps {subnet} of network {network.name}"
                    mistakes.add((*_PATH, "addresses"), "addresses outside the networks' subnets", found)
