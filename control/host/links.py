"""Network interfaces as the kernel has them: state, counters, and the settings the agent gives to a device of its own.

All functions but `configure_link` take a namespace and ask inside it; each asks in a thread of its own, so they may be
called from a thread that runs an event loop. One question takes about 2 ms.
"""

import errno
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from control.errors import UserError
from control.host.default_route import set_default_route
from control.host.namespaces import describe_namespace, run_in_namespace
from control.model import Address, Interface

# linux/if.h
IFF_UP = 0x1
IFF_LOWER_UP = 0x1_0000

IFA_F_NODAD = 0x02  # linux/if_addr.h

IFLA_TUN_TYPE_TAP = 2  # linux/if_tun.h


@dataclass(frozen=True, slots=True)
class Link:
    """One interface. ``kind`` is the kernel's word (veth, tun, bridge; "" for hardware and lo).

    ``is_up`` is what an administrator set, ``carrier`` what the other end or the cable says; frames pass with both.
    ``mac`` is the hardware address as on the wire, empty where there is none.
    """

    index: int
    name: str
    kind: str
    mac: bytes
    mtu: int
    is_up: bool
    carrier: bool

    @property
    def passes_frames(self) -> bool:
        return self.is_up and self.carrier


@dataclass(frozen=True, slots=True)
class LinkCounters:
    """What the interface counted, seen from its own namespace: a TAP's ``tx`` is what the fabric receives."""

    rx_packets: int
    rx_bytes: int
    rx_dropped: int
    rx_errors: int
    tx_packets: int
    tx_bytes: int
    tx_dropped: int
    tx_errors: int


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """What `configure_link` sets; an empty ``mac`` leaves the address that the device has. ``mtu`` in bytes.

    ``gateways`` are the next hops to everywhere else, one a family at most.
    """

    mac: bytes = b""
    mtu: int = 1500
    addresses: Sequence[Interface] = ()
    gateways: Sequence[Address] = ()


def list_links(netns: str | None = None) -> list[Link]:
    """Return every interface of the namespace, in the kernel's order; UserError if there is no such namespace."""
    return run_in_namespace(netns, lambda: [link_from_message(message) for message in _ask_for_links()])


def find_link(netns: str | None, ifname: str) -> Link | None:
    """Return the interface of that name, or None if the namespace has none."""
    message = run_in_namespace(netns, lambda: _ask_for_link(ifname))
    return None if message is None else link_from_message(message)


def read_link_counters(netns: str | None, ifname: str) -> LinkCounters | None:
    """Return the interface's counters since it was made, or None if the namespace has none of that name."""
    message = run_in_namespace(netns, lambda: _ask_for_link(ifname))
    if message is None:
        return None
    values: Mapping[str, int] = message.get("stats64") or message.get("stats") or {}
    return LinkCounters(**{name: int(values[name]) for name in LinkCounters.__dataclass_fields__})


def set_link_up(netns: str | None, ifname: str, up: bool = True) -> None:
    """Set the interface up or down; UserError if there is none of that name or it may not be set."""
    run_in_namespace(netns, lambda: _set_link_up(netns, ifname, up))


def configure_link(index: int, name: str, settings: LinkSettings) -> None:
    """Set MAC, MTU and addresses of the interface and set it up, in the calling thread's namespace.

    Addresses that it has already stay. IPv6 addresses skip duplicate address detection: they work at once; and they are
    all that there are, no router's advertisement adds to them. Whoever has a way out by another device keeps that.
    """
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    if any(address.version == 6 for address in settings.addresses):
        _forgo_advertised_addresses(name)
    with IPRoute() as route:
        attributes: dict[str, Any] = {"index": index, "mtu": settings.mtu, "state": "up"}
        if settings.mac:
            attributes["address"] = settings.mac.hex(":")
        try:
            route.link("set", **attributes)
        except NetlinkError as error:
            raise UserError(f"cannot set MAC, MTU {settings.mtu} or state of '{name}': {_reason(error)}") from error
        for address in settings.addresses:
            try:
                _add_address(route, index, address)
            except NetlinkError as error:
                raise UserError(_address_refused(name, address, error)) from error
        for gateway in settings.gateways:
            try:
                set_default_route(route, index, gateway)
            except NetlinkError as error:
                raise UserError(f"cannot lead '{name}' out by {gateway}: {_reason(error)}") from error


def _forgo_advertised_addresses(name: str) -> None:
    # A kernel without IPv6 refuses the addresses themselves, in words.
    with suppress(OSError), open(f"/proc/sys/net/ipv6/conf/{name}/autoconf", "w", encoding="ascii") as stream:
        stream.write("0")


def _add_address(route: Any, index: int, address: Interface) -> None:
    from pyroute2.netlink.exceptions import NetlinkError

    flags = {"flags": IFA_F_NODAD} if address.version == 6 else {}
    try:
        route.addr("add", index=index, address=str(address.ip), prefixlen=address.network.prefixlen, **flags)
    except NetlinkError as error:
        if error.code != errno.EEXIST:
            raise


def _address_refused(name: str, address: Interface, error: Any) -> str:
    if address.version == 6 and error.code in (errno.EACCES, errno.EPERM, errno.EOPNOTSUPP, errno.EAFNOSUPPORT):
        return (
            f"cannot give '{name}' the address {address}: IPv6 is off there; turn it on in that namespace with "
            "`sysctl -w net.ipv6.conf.all.disable_ipv6=0`, or give the port IPv4 addresses only"
        )
    return f"cannot give '{name}' the address {address}: {_reason(error)}"


def _reason(error: Any) -> str:
    """Return netlink's own words without its leading "(errno, …)" form."""
    words = error.args[1] if len(error.args) > 1 else str(error)
    return str(words)


def _ask_for_links() -> list[Any]:
    from pyroute2 import IPRoute

    with IPRoute() as route:
        return list(route.get_links())


def _ask_for_link(ifname: str) -> Any | None:
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    with IPRoute() as route:
        try:
            return next(iter(route.get_links(ifname=ifname)), None)
        except NetlinkError as error:
            if error.code in (errno.ENODEV, errno.ERANGE):
                return None
            raise OSError(error.code, _reason(error)) from error


def _set_link_up(netns: str | None, ifname: str, up: bool) -> None:
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    message = _ask_for_link(ifname)
    if message is None:
        raise UserError(f"there is no interface '{ifname}' in {describe_namespace(netns)}")
    with IPRoute() as route:
        try:
            route.link("set", index=message["index"], state="up" if up else "down")
        except NetlinkError as error:
            raise UserError(f"cannot set '{ifname}' {'up' if up else 'down'}: {_reason(error)}") from error


def link_from_message(message: Any) -> Link:
    """Return the interface that a netlink message (RTM_NEWLINK, RTM_DELLINK) speaks of."""
    flags = message["flags"]
    address = message.get("address") or ""
    return Link(
        index=message["index"],
        name=message.get("ifname") or "",
        kind=message.get(("linkinfo", "kind")) or "",
        mac=bytes.fromhex(address.replace(":", "")),
        mtu=message.get("mtu") or 0,
        is_up=bool(flags & IFF_UP),
        carrier=bool(flags & IFF_LOWER_UP),
    )


def is_tap(message: Any) -> bool:
    """Return whether a netlink message speaks of a TAP."""
    is_tun_kind = message.get(("linkinfo", "kind")) == "tun"
    return is_tun_kind and message.get(("linkinfo", "data", "tun_type")) == IFLA_TUN_TYPE_TAP
