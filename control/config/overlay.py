"""The ``overlay`` of the file -> the model's: this node's end of the tunnels, and what networks get from it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from control.config.check import Networks
from control.config.mistakes import Mistakes, Path, describe
from control.config.schema import MIN_MTU_IPV6, OverlayFields
from control.config.underlay import UnderlayMtus, mtu_of_ways
from control.config.uplink import WayOut
from control.model import (
    DEFAULT_MTU,
    OVERLAY_OVERHEAD,
    TUNNEL,
    VXLAN_PORT,
    Address,
    Network,
    Overlay,
    Peer,
    Port,
    Uplink,
    Vtep,
)

_PATH: Path = ("overlay",)


def resolve_overlay(
    data: object,
    way_out: WayOut,
    networks: Networks,
    underlay_mtus: UnderlayMtus | None,
    previous: Overlay | None,
    mistakes: Mistakes,
) -> tuple[Overlay | None, list[object]]:
    """Return this node's end of the tunnels, None if there is none or it is wrong, and the peers as they are written.

    ``underlay_mtus`` None: the underlay carries what the networks ask for. ``previous`` is the overlay in force.
    """
    fields = None if data is None else OverlayFields.read(data, _PATH, mistakes)
    if fields is None:
        return None, []
    peers = fields.peers or []
    address = fields.address
    if fields.transport == "raw":
        address = _check_raw(fields, way_out, mistakes)
    elif address is None and not mistakes.touch((*_PATH, "address")):
        mistakes.add((*_PATH, "address"), "this node's own address", "nothing")
    if address is not None and (kind := _unusable(address)) is not None:
        mistakes.add((*_PATH, "address"), "a unicast address", f"{address}, which is {kind}")
    _check_group(fields, address, mistakes)
    if address is None or mistakes.touch(_PATH):
        return None, peers
    overlay = Overlay(
        address=address,
        port=VXLAN_PORT if fields.port is None else fields.port,
        transport="raw" if fields.transport == "raw" else "socket",
        learning=bool(fields.learning),
        group=fields.group,
        group_interface=fields.group_interface or "",
        checksum=_writes_checksums(fields, address),
        ttl=64 if fields.ttl is None else fields.ttl,
        dscp=fields.dscp if isinstance(fields.dscp, int) else None,
        gbp=bool(fields.gbp),
        uncut=fields.uncut is not False,
        subnets=tuple(subnet for subnet in fields.subnets or () if subnet is not None),
    )
    mtu = fields.mtu
    if mtu is None and underlay_mtus is not None and overlay.transport == "socket":
        mtu = mtu_of_ways(overlay, peers, previous, underlay_mtus, mistakes)
        if mistakes.touch(_PATH):
            return None, peers
    return replace(overlay, mtu=mtu or _mtu(overlay, way_out.uplink, networks)), peers


def _writes_checksums(fields: OverlayFields, address: Address) -> bool:
    """Return whether outer UDP checksums are written: where nobody states it, where there must be one (IPv6), or where
    the kernel needs it to cut superframes."""
    if fields.checksum is None:
        return address.version == 6 or fields.transport != "raw"
    return fields.checksum


def made_port(overlay: Overlay | None) -> Port | None:
    """Return the port that stands for all other nodes."""
    return None if overlay is None else Port(TUNNEL, "", Vtep(overlay.transport), endpoint=False)


def _mtu(overlay: Overlay, uplink: Uplink | None, networks: Networks) -> int:
    """Return the MTU of an underlay that nobody states or knows: the uplink's, or what the networks ask for."""
    if overlay.transport == "raw" and uplink is not None:
        return uplink.mtu
    written = [network.mtu for network in networks.values() if network is not None and network.mode == "overlay"]
    return max([DEFAULT_MTU, *(mtu + OVERLAY_OVERHEAD[overlay.address.version] for mtu in written)])


def _check_raw(fields: OverlayFields, way_out: WayOut, mistakes: Mistakes) -> Address | None:
    """Check that frames can leave by the uplink, from one of its addresses; return that address."""
    uplink = way_out.uplink
    if uplink is None or uplink.mode == "host":
        if uplink is not None or not way_out.is_written:
            found = "no uplink" if uplink is None else "an uplink of mode host"
            mistakes.add((*_PATH, "transport"), "an uplink of mode nic or port for transport raw", found)
        return fields.address
    own = [interface.ip for interface in uplink.addresses]
    if mistakes.touch((*_PATH, "address")):
        return None
    if fields.address is None and not own:
        mistakes.add((*_PATH, "address"), "the address that the uplink will have", "nothing")
    elif fields.address is not None and own and fields.address not in own:
        expected = f"one of the uplink's addresses, {', '.join(map(str, own))}, in transport raw"
        mistakes.add((*_PATH, "address"), expected, str(fields.address))
    if fields.mtu is not None and fields.mtu > uplink.mtu:
        mistakes.add((*_PATH, "mtu"), f"at most {uplink.mtu}, as the uplink has", describe(fields.mtu))
    return fields.address or next(iter(own), None)


def _check_group(fields: OverlayFields, address: Address | None, mistakes: Mistakes) -> None:
    group = fields.group
    if group is not None and not group.is_multicast:
        mistakes.add((*_PATH, "group"), "a multicast address", str(group))
    elif group is not None and address is not None and group.version != address.version:
        mistakes.add((*_PATH, "group"), f"an IPv{address.version} address, as {address} is", str(group))
    if mistakes.touch((*_PATH, "group_interface")):
        return
    if fields.group_interface is None:
        if group is not None and fields.transport != "raw":
            mistakes.add((*_PATH, "group_interface"), "the interface at which to join the group", "nothing")
    elif group is None and not mistakes.touch((*_PATH, "group")):
        mistakes.add((*_PATH, "group_interface"), "group beside it", "none")
    elif fields.transport == "raw":
        mistakes.add(
            (*_PATH, "group_interface"), "no interface but the uplink in transport raw", fields.group_interface
        )


def check_fed(peers: Iterable[Peer], overlay: Overlay, mistakes: Mistakes) -> None:
    """Check that nodes which were fed while running can still be reached from the address that a new file has."""
    for peer in peers:
        found = f"{overlay.address}, and peer {peer.node}, which was fed, at {peer.address}"
        if peer.address.version != overlay.address.version:
            mistakes.add((*_PATH, "address"), f"an IPv{peer.address.version} address", found)
        elif peer.address == overlay.address:
            mistakes.add((*_PATH, "address"), "an address that no peer has", found)


def _unusable(address: Address) -> str | None:
    if address.is_multicast:
        return "multicast"
    if address.is_unspecified:
        return "unspecified"
    return "link-local" if address.is_link_local and address.version == 6 else None


def settle_networks(
    networks: dict[str, Network | None], items: Sequence[object], overlay: Overlay | None, mistakes: Mistakes
) -> None:
    """Give every overlay network that states no MTU the one that the tunnels have, and check those that do.

    ``items`` are the networks as they are written.
    """
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    for name, network in networks.items():
        if network is None or network.mode != "overlay" or overlay is None:
            continue
        where: Path = ("networks", names.index(name))
        if network.mtu > overlay.inner_mtu:
            expected = f"at most {overlay.inner_mtu}, the {overlay.mtu} of the underlay less VXLAN's headers"
            mistakes.add((*where, "mtu"), expected, describe(network.mtu))
        network = replace(network, mtu=network.mtu or overlay.inner_mtu)
        has_ipv6 = any(subnet.version == 6 for subnet in network.subnets)
        if network.mtu < MIN_MTU_IPV6 and has_ipv6 and not mistakes.touch((*where, "mtu")):
            least = MIN_MTU_IPV6 + OVERLAY_OVERHEAD[overlay.address.version]
            expected = f"an underlay MTU of {least} for a network with an IPv6 subnet (RFC 8200 section 5)"
            mistakes.add((*where, "mtu"), expected, f"{overlay.mtu}, which leaves {network.mtu}")
        networks[name] = network
