"""The rules that span fields: inside a network, inside a port, and between a port and its network.

They look at parts whose wrong fields are None (see ``sections.py``), and say nothing about a field that already has a
mistake of its own. What may belong to one port only is in ``claims.py``.
"""

from collections.abc import Iterable, Mapping
from itertools import combinations

from control.config.mistakes import Mistakes, Path, describe, nearest
from control.config.schema import MIN_MTU_IPV6, NetworkFields, PortFields, TapFields, VlanFields
from control.config.subnets import is_host, subnet_of
from control.model import Address, Network, Port, Subnet

Networks = Mapping[str, Network | None]
"""Every network of the file by name; None for one whose subnets or gateway are wrong: nothing builds on it."""

ATTACHMENTS = ("tap", "nic", "pcap")


def check_network(fields: NetworkFields, path: Path, mistakes: Mistakes) -> None:
    subnets = [(index, subnet) for index, subnet in enumerate(fields.subnets or ()) if subnet is not None]
    for (_, first), (index, second) in combinations(subnets, 2):
        if first.version == second.version and first.overlaps(second):
            mistakes.add((*path, "subnets", index), "subnets that do not overlap", f"{second}, which overlaps {first}")
    if fields.mtu is not None and fields.mtu < MIN_MTU_IPV6 and any(subnet.version == 6 for _, subnet in subnets):
        expected = f"at least {MIN_MTU_IPV6} in a network with an IPv6 subnet (RFC 8200 section 5)"
        mistakes.add((*path, "mtu"), expected, describe(fields.mtu))
    if fields.gateway and fields.mode == "none":
        mistakes.add((*path, "gateway"), "no gateway in a network of mode none", ", ".join(map(str, fields.gateway)))
    elif not mistakes.touch((*path, "subnets")):
        _check_gateways(fields, path, mistakes)


def check_overlay_fields(fields: NetworkFields, path: Path, has_overlay: bool, mistakes: Mistakes) -> None:
    """Check what only an overlay network has. ``has_overlay``: the file says how other nodes are reached."""
    mode = fields.mode or "bridge"
    if mode == "overlay":
        if fields.vni is None and not mistakes.touch((*path, "vni")):
            mistakes.add((*path, "vni"), "a VNI in mode overlay", "nothing")
        if not has_overlay:
            mistakes.add((*path, "mode"), "an `overlay` section beside mode overlay", "none")
    elif not mistakes.touch((*path, "mode")):
        for field in ("vni", "inner_vlan"):
            if (value := getattr(fields, field)) is not None:
                mistakes.add((*path, field), f"{field} in mode overlay only", f"{value} in mode {mode}")


def _check_gateways(fields: NetworkFields, path: Path, mistakes: Mistakes) -> None:
    served: dict[Subnet, Address] = {}
    for index, gateway in enumerate(fields.gateway or ()):
        if gateway is None:
            continue
        where = (*path, "gateway", index)
        subnet = subnet_of(gateway, fields.subnets or ())
        if subnet is None:
            mistakes.add(where, f"an address in {_listed(fields.subnets)}", str(gateway))
        elif not is_host(gateway, subnet):
            mistakes.add(where, f"a host's address in {subnet}", f"{gateway}, {_what_is(gateway, subnet)}")
        elif subnet in served:
            mistakes.add(where, "one gateway a subnet", f"{gateway} beside {served[subnet]} in {subnet}")
        else:
            served[subnet] = gateway


def check_port(fields: PortFields, path: Path, networks: Networks, all_known: bool, mistakes: Mistakes) -> None:
    """Check one port. ``all_known`` is false when ``networks`` lacks one whose name is wrong."""
    check_attachment(fields, path, mistakes)
    if fields.tap is not None:
        _check_tap(fields.tap, (*path, "tap"), mistakes)
    if fields.vlan is not None:
        _check_vlan(fields.vlan, (*path, "vlan"), mistakes)
    if fields.network is None:
        if not mistakes.touch((*path, "network")):
            mistakes.add((*path, "network"), _known_networks("", networks), "nothing")
        return
    if (network := networks.get(fields.network)) is not None:
        _check_addresses(fields, path, network, mistakes)
        if network.mode == "overlay" and fields.vlan is not None:
            mistakes.add((*path, "vlan"), "a port that reads no VLANs in an overlay network", network.name)
    elif all_known and fields.network not in networks:
        mistakes.add((*path, "network"), _known_networks(fields.network, networks), describe(fields.network))


def check_attachment(fields: PortFields, path: Path, mistakes: Mistakes) -> None:
    written = [kind for kind in ATTACHMENTS if getattr(fields, kind) is not None or mistakes.touch((*path, kind))]
    if len(written) != 1:
        mistakes.add(path, "one of tap, nic and pcap", ", ".join(written) or "none of them")


def _check_tap(tap: TapFields, path: Path, mistakes: Mistakes) -> None:
    if tap.make_netns and tap.netns is None:
        mistakes.add((*path, "make_netns"), "netns beside it", "none")
    elif tap.make_netns and tap.netns is not None and "/" in tap.netns:
        mistakes.add((*path, "make_netns"), "a netns that is a name, not a path", describe(tap.netns))


def _check_vlan(vlan: VlanFields, path: Path, mistakes: Mistakes) -> None:
    if vlan.access is not None and vlan.trunk is not None:
        mistakes.add(path, "either access or trunk", "both")
    elif vlan.access is None and vlan.trunk is None:
        mistakes.add(path, "access or trunk", "neither")
    elif vlan.access is not None and vlan.native is not None:
        mistakes.add((*path, "native"), "native beside trunk only", f"{vlan.native} beside access")
    elif vlan.trunk is not None and not vlan.trunk:
        mistakes.add((*path, "trunk"), "at least one VLAN", "an empty list")


def _check_addresses(fields: PortFields, path: Path, network: Network, mistakes: Mistakes) -> None:
    for index, item in enumerate(fields.addresses or ()):
        if item is not None and (wrong := _wrong_address(*item, network)):
            mistakes.add((*path, "addresses", index), *wrong)


def _wrong_address(address: Address, length: int | None, network: Network) -> tuple[str, str] | None:
    """Return what was expected of a port's address and what it is; None if it is good."""
    subnet = subnet_of(address, network.subnets)
    if subnet is None:
        return f"an address in {_listed(network.subnets)} of network {network.name}", str(address)
    if length is not None and length != subnet.prefixlen:
        return f"{address} alone or with /{subnet.prefixlen}, as its subnet has", f"{address}/{length}"
    if not is_host(address, subnet):
        return f"a host's address in {subnet}", f"{address}, {_what_is(address, subnet)}"
    if address in network.gateway:
        return f"an address other than network {network.name}'s gateway", str(address)
    return None


def check_attached(ports: Iterable[Port], networks: Networks, all_known: bool, mistakes: Mistakes) -> None:
    """Check that ports which were attached while running still fit the networks of a new file."""
    for port in ports:
        network = networks.get(port.network)
        if port.network and all_known and port.network not in networks:
            found = "none of that name (detach it first, or keep the network)"
            mistakes.add(("networks",), f"network {port.network}, which the attached port {port.name} is on", found)
        if network is None:
            continue
        for interface in port.addresses:
            if wrong := _wrong_address(interface.ip, interface.network.prefixlen, network):
                mistakes.add(("networks",), wrong[0], f"{wrong[1]} at the attached port {port.name}")


def _what_is(address: Address, subnet: Subnet) -> str:
    if address == subnet.network_address:
        return "its network address" if subnet.version == 4 else "its routers' anycast address"
    return "its broadcast address"


def _listed(subnets: Iterable[Subnet | None] | None) -> str:
    return " or ".join(str(subnet) for subnet in subnets or () if subnet is not None) or "a subnet (there is none)"


def _known_networks(found: str, networks: Networks) -> str:
    if not networks:
        return "a network of the file (it has none)"
    meant = nearest(found, tuple(networks))
    return f"a network that is known (did you mean {meant}?)" if meant else "one of the networks " + _some(networks)


def _some(names: Iterable[str], most: int = 8) -> str:
    known = list(names)
    return ", ".join(known[:most]) + (", …" if len(known) > most else "")
