"""The host's routes to the fabric's networks, through the TAP, told from others' by their protocol number."""

import socket
from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from typing import Any

from control.errors import UserError
from control.model import Address, Subnet
from control.uplink.plan import HostPlan

PROTOCOL = 84
"""Who made a route, as the kernel notes it (rtnetlink's rtm_protocol): nobody else is known to use this number."""

MAIN_TABLE = 254
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}


def check_routes(plan: HostPlan) -> None:
    """Raise UserError if a subnet of the fabric lies elsewhere for the host."""
    from pyroute2 import IPRoute

    with IPRoute() as ip:
        for version in plan.versions:
            for found, message in _present(ip, version):
                for wanted in plan.routes:
                    is_ours = message["proto"] == PROTOCOL or _device(ip, message) == plan.ifname
                    if not is_ours and wanted.version == version and _hides(found, wanted):
                        where = _device(ip, message) or "nowhere"
                        raise UserError(
                            f"the host has a route to {found} ({where}), which is in the fabric's {wanted}: choose "
                            "other subnets, or take that route away"
                        )


def set_routes(plan: HostPlan) -> None:
    """Make the routes of the plan and remove those of ours that are not in it. OSError where the kernel refuses."""
    from pyroute2 import IPRoute

    with IPRoute() as ip:
        index = socket.if_nametoindex(plan.ifname)
        for version in plan.versions:
            wanted = {route for route in plan.routes if route.version == version}
            for found, message in list(_present(ip, version)):
                if message["proto"] == PROTOCOL and found not in wanted and message.get("oif") == index:
                    ip.route("del", family=_FAMILY[version], dst=str(found), oif=index, proto=PROTOCOL)
            for route in sorted(wanted):
                ip.route(
                    "replace",
                    family=_FAMILY[version],
                    dst=str(route),
                    gateway=_of(plan.fabric, version),
                    prefsrc=_of(plan.host, version),
                    oif=index,
                    proto=PROTOCOL,
                )


def has_routes(plan: HostPlan) -> bool:
    """Return whether all routes of the plan are there."""
    from pyroute2 import IPRoute

    with IPRoute() as ip:
        present: set[Subnet] = set()
        for version in plan.versions:
            present |= {found for found, message in _present(ip, version) if message["proto"] == PROTOCOL}
    return present >= {route for route in plan.routes if route.version in plan.versions}


def _present(ip: Any, version: int) -> Iterator[tuple[Subnet, Any]]:
    """Yield the prefixes of the main table, but for default routes, each with its netlink message."""
    for message in ip.get_routes(family=_FAMILY[version], table=MAIN_TABLE):
        destination = message.get("dst")
        if destination and message["dst_len"] and message["type"] == 1:
            yield ip_network(f"{destination.split('/')[0]}/{message['dst_len']}"), message


def _hides(found: Subnet, wanted: Subnet) -> bool:
    """Return whether some of ``wanted`` would never reach the fabric."""
    return found.version == wanted.version and found.overlaps(wanted) and found.prefixlen >= wanted.prefixlen


def _device(ip: Any, message: Any) -> str:
    index = message.get("oif")
    links: Iterable[Any] = ip.get_links(index) if index else ()
    return next((str(link.get("ifname")) for link in links), "")


def _of(addresses: tuple[Address, ...], version: int) -> str:
    return next(str(address) for address in addresses if address.version == version)
