"""The ``uplink`` of the file -> the model's: which fields go with which mode, and gateways within its subnets."""

from collections.abc import Collection
from ipaddress import ip_interface

from control.config.mistakes import Mistakes, Path, describe
from control.config.schema import MIN_MTU_IPV6, UplinkFields
from control.config.subnets import is_host
from control.model import Interface, Uplink

_PATH: Path = ("uplink",)
_BELONGS = {"port": "port", "ifname": "nic"}
_DEFAULT_MTU = 1500


def resolve_uplink(data: object, ports: Collection[object], mistakes: Mistakes) -> Uplink | None:
    """Return the uplink; None if there is none or it is wrong. ``ports`` are the names that the file's ports have."""
    if data is None or (fields := UplinkFields.read(data, _PATH, mistakes)) is None:
        return None
    addresses = _addresses(fields, mistakes)
    if not mistakes.touch((*_PATH, "addresses")):
        _check_gateways(fields, addresses, mistakes)
    if fields.mode is not None:
        _check_mode(fields, fields.mode, ports, mistakes)
    if fields.mtu is not None and fields.mtu < MIN_MTU_IPV6 and any(item.version == 6 for item in addresses):
        expected = f"at least {MIN_MTU_IPV6} with an IPv6 address (RFC 8200 section 5)"
        mistakes.add((*_PATH, "mtu"), expected, describe(fields.mtu))
    if mistakes.touch(_PATH):
        return None
    return Uplink(
        mode=fields.mode,  # type: ignore[arg-type]
        addresses=addresses,
        gateway=tuple(gateway for gateway in fields.gateway or () if gateway is not None),
        port=fields.port or "",
        ifname=fields.ifname or "",
        mtu=_DEFAULT_MTU if fields.mtu is None else fields.mtu,
    )


def _check_mode(fields: UplinkFields, mode: str, ports: Collection[object], mistakes: Mistakes) -> None:
    for field, owner in _BELONGS.items():
        value = getattr(fields, field)
        if mistakes.touch((*_PATH, field)):
            continue
        if mode == owner and value is None:
            mistakes.add((*_PATH, field), f"{field} in mode {mode}", "nothing")
        elif mode != owner and value is not None:
            mistakes.add((*_PATH, field), f"{field} in mode {owner} only", f"{value} in mode {mode}")
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
