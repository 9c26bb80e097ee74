"""The default route of a namespace by a device of ours, unless it has one by another device."""

import socket
from typing import Any

from control.model import Address

MAIN_TABLE = 254
RTNH_F_ONLINK = 4
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


def set_default_route(route: Any, index: int, gateway: Address) -> None:
    """Lead everything else to ``gateway`` by the device of that index; ``route`` is an open IPRoute.

    ``onlink``: also a gateway that no address of the device is beside (that of a routed network) is on the link.
    """
    family = _FAMILY[gateway.version]
    if any(message.get("oif") not in (None, index) for message in _default_routes(route, family)):
        return
    route.route(
        "replace",
        family=family,
        dst=_EVERYWHERE[gateway.version],
        gateway=str(gateway),
        oif=index,
        flags=RTNH_F_ONLINK,
    )


def remove_default_route(route: Any, index: int, gateway: Address) -> None:
    """Take back what `set_default_route` did; no error if it is gone."""
    for message in _default_routes(route, _FAMILY[gateway.version]):
        if message.get("oif") == index and message.get("gateway") == str(gateway):
            route.route(
                "del",
                family=_FAMILY[gateway.version],
                dst=_EVERYWHERE[gateway.version],
                gateway=str(gateway),
                oif=index,
                priority=message.get("priority") or 0,
            )


def _default_routes(route: Any, family: int) -> list[Any]:
    return [message for message in route.get_routes(family=family, table=MAIN_TABLE) if message["dst_len"] == 0]
