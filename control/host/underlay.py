"""What the host's routing says of the way that tunnels take."""

import os
from typing import Any

from control.errors import UserError
from control.host.namespaces import run_in_thread
from control.model import Address

RTM_F_FIB_MATCH = 0x2000  # linux/rtnetlink.h


def underlay_mtu(towards: Address) -> int:
    """Return the MTU, in bytes, of the host's way to an address; UserError if there is none.

    An address of the host itself means the interface that has it. A route's own MTU counts before its interface's, the
    least of several; what the kernel has learned from a path does not, since it forgets that again. May be called from
    a thread that runs an event loop.
    """
    return run_in_thread(lambda: _ask(towards))


def _ask(towards: Address) -> int:
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    with IPRoute() as route:
        try:
            # The route itself: the answer to a packet would name the loopback interface for the host's own.
            found = route.route("get", dst=str(towards), flags=RTM_F_FIB_MATCH)[0]
        except NetlinkError as error:
            why = os.strerror(error.code)
            raise UserError(f"there is no way to {towards} ({why}): add a route, or state overlay.mtu") from error
        links = (route.link("get", index=index)[0] for index in _interfaces(found))
        return found.get(("metrics", "mtu")) or min(link.get("mtu") for link in links)


def _interfaces(found: Any) -> list[int]:
    hops = found.get("multipath")
    return [hop["oif"] for hop in hops] if hops else [found.get("oif")]
