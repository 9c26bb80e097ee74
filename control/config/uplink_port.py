"""The ports where the fabric meets the world: the one that is the uplink, and those that publish at it."""

from control.config.check import Networks, check_attachment
from control.config.claims import Written
from control.config.mistakes import Mistakes, Path
from control.config.schema import PortFields
from control.config.uplink import WayOut
from control.model import Interface, Publish

_OF_A_NETWORK = ("addresses", "publish", "vlan", "spoof_check", "endpoint")


def check_uplink_port(fields: PortFields, path: Path, mistakes: Mistakes) -> None:
    """Check the port that ``uplink.port`` names: what only a network's port can have it has not."""
    check_attachment(fields, path, mistakes)
    for field in _OF_A_NETWORK:
        if getattr(fields, field) and not mistakes.touch((*path, field)):
            mistakes.add((*path, field), "none of it at the uplink, which is on no network", field)
    if fields.network is not None:
        mistakes.warn((*path, "network"), f"{fields.network} is not used: the uplink is on no network")


def check_published(
    port: Written, addresses: tuple[Interface, ...], networks: Networks, way_out: WayOut, mistakes: Mistakes
) -> None:
    """Check what a port publishes: somewhere to lead to, and somewhere to be found at."""
    network = networks.get(port.fields.network or "")
    for index, publish in enumerate(port.fields.publish or ()):
        where: Path = (*port.path, "publish", index)
        if publish is None:
            continue
        family = None if publish.host is None else publish.host.version
        if not any(family in (None, address.version) for address in addresses):
            kind = f"an IPv{family} address" if family else "an address"
            mistakes.add(where, f"{kind} of the port to lead to", "none")
        elif not way_out.is_written:
            mistakes.add(where, "an uplink to publish at", "none")
        elif network is not None and network.mode == "none":
            mistakes.add(where, "a network with a router in it", f"{network.name}, of mode none")
        elif network is not None and network.internal:
            mistakes.add(where, "a network that is not internal", network.name)
        else:
            _check_host(publish, way_out, where, mistakes)


def _check_host(publish: Publish, way_out: WayOut, where: Path, mistakes: Mistakes) -> None:
    """Check the address to publish at. A host uplink's may be any of the host's; those of DHCP are not known yet."""
    if publish.host is None or way_out.uplink is None or way_out.uplink.mode == "host":
        return
    own = [address.ip for address in way_out.uplink.addresses]
    if own and publish.host not in own:
        mistakes.add(where, f"one of the uplink's addresses, {', '.join(map(str, own))}", str(publish.host))
