"""Change what is set on a TAP that is there: the old addresses go, then the new settings are made."""

import errno
import socket
from ipaddress import ip_address, ip_interface

from control.host.links import LinkSettings, configure_link
from control.host.namespaces import run_in_namespace
from control.reconcile import Device


def readdress(before: Device, after: Device) -> None:
    """Set ``after``'s MAC, MTU and addresses in place of ``before``'s; a device that is not there is left for later."""
    run_in_namespace(after.netns, lambda: _readdress_here(before, after))


def _readdress_here(before: Device, after: Device) -> None:
    try:
        index = socket.if_nametoindex(after.ifname)
    except OSError:
        return
    _remove_gateways(index, set(before.gateways) - set(after.gateways))
    _remove_addresses(index, set(before.addresses) - set(after.addresses))
    # As when it was opened: without addresses of ours, a TAP in the agent's own namespace keeps the MAC it has.
    is_ours_to_configure = after.netns is not None or bool(after.addresses)
    settings = LinkSettings(
        mac=bytes.fromhex(after.mac.replace(":", "")) if is_ours_to_configure else b"",
        mtu=after.mtu,
        addresses=[ip_interface(address) for address in after.addresses],
        gateways=[ip_address(gateway) for gateway in after.gateways],
    )
    configure_link(index, after.ifname, settings)


def _remove_addresses(index: int, addresses: set[str]) -> None:
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    with IPRoute() as route:
        for address in sorted(addresses):
            interface = ip_interface(address)
            try:
                route.addr("del", index=index, address=str(interface.ip), prefixlen=interface.network.prefixlen)
            except NetlinkError as error:
                if error.code != errno.EADDRNOTAVAIL:
                    raise


def _remove_gateways(index: int, gateways: set[str]) -> None:
    from pyroute2 import IPRoute

    from control.host.default_route import remove_default_route

    with IPRoute() as route:
        for gateway in sorted(gateways):
            remove_default_route(route, index, ip_address(gateway))
