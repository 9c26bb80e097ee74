"""The ``ports`` of the file -> the model's ports, every default filled in.

Ports go three ways together: read and checked, each by itself; their stated names, addresses, MACs and interfaces
claimed beside those of all others; and only then given the addresses and MACs that they do not state. A port with a
mistake is left out of the last and the others go on, so that one reading tells all there is to tell.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from control.config.allocate import AddressPool, claim_derived_mac
from control.config.build import build_port, stated_addresses, vlan_of, wants_addresses, wants_mac
from control.config.check import Networks, check_port
from control.config.claims import Claims, Written, claim_written, claims_of, vlans_of
from control.config.mistakes import Mistakes, Path, field_name
from control.config.schema import PortFields
from control.config.uplink import WayOut
from control.config.uplink_port import check_published, check_uplink_port
from control.model import Interface, Port, Subnet
from control.overlay.claims import PeerClaims


class Surroundings(NamedTuple):
    """What ports are resolved in.

    ``all_networks`` is false when ``networks`` lacks one whose name is wrong; ``way_out`` is the uplink. ``attached``
    are ports in force beside the ones to resolve, ``attached_are`` what to call one of them; ``previous`` are ports by
    name whose addresses are kept. ``tunnel`` is the port that stands for other nodes, ``elsewhere`` what these have.
    """

    node: str
    networks: Networks
    all_networks: bool
    macs_per_port: int
    way_out: WayOut = WayOut()
    attached: Sequence[Port] = ()
    previous: Mapping[str, Port] = {}
    attached_are: str = "the attached port"
    tunnel: Port | None = None
    elsewhere: PeerClaims = PeerClaims()


def resolve_ports(
    items: Iterable[tuple[Path, object]], surroundings: Surroundings, mistakes: Mistakes
) -> tuple[Port, ...]:
    """Return the ports that are without a mistake, in order; ``items`` are their paths and data."""
    written = [port for path, item in items if (port := _read(path, item, surroundings, mistakes))]
    claims = claims_of(surroundings.attached, surroundings.attached_are)
    if surroundings.way_out.makes is not None:
        claims.claim_port(surroundings.way_out.makes, "the uplink")
    if surroundings.tunnel is not None:
        claims.claim_port(surroundings.tunnel, "the tunnel to other nodes")
    for port in written:
        claim_written(port, claims, mistakes)
        _leave_to_peers(port, surroundings.elsewhere, mistakes)
    good = [port for port in written if not mistakes.touch(port.path)]
    addresses = _give_addresses(good, surroundings, mistakes)
    for port in good:
        check_published(port, addresses.get(port.path, ()), surroundings.networks, surroundings.way_out, mistakes)
    return tuple(
        _build(port, addresses.get(port.path, ()), claims, surroundings)
        for port in good
        if not mistakes.touch(port.path)
    )


def _read(path: Path, item: object, surroundings: Surroundings, mistakes: Mistakes) -> Written | None:
    fields = PortFields.read(item, path, mistakes)
    if fields is None:
        return None
    if fields.name is not None and fields.name == surroundings.way_out.names:
        check_uplink_port(fields, path, mistakes)
        fields = fields.model_copy(update={"network": None})
    else:
        check_port(fields, path, surroundings.networks, surroundings.all_networks, mistakes)
    name = fields.name or field_name(path)
    line = mistakes.line_of(path)
    return Written(path, fields, f"port {name} (line {line})" if line else f"port {name}")


def _leave_to_peers(port: Written, elsewhere: PeerClaims, mistakes: Mistakes) -> None:
    """Refuse what a port states and another node has."""
    network = port.fields.network or ""
    for index, item in enumerate(port.fields.addresses or ()):
        if item is not None and (holder := elsewhere.holder_of(network, item[0])) is not None:
            found = f"{item[0]}, which peer {holder} has"
            mistakes.add((*port.path, "addresses", index), "an address that no peer has", found)
    stated: list[tuple[Path, bytes | None]] = [(("mac",), port.fields.mac)]
    stated += [(("static_macs", index), mac) for index, mac in enumerate(port.fields.static_macs or ())]
    for below, mac in stated:
        if mac is not None and (holder := elsewhere.holder_of_mac(network, mac)) is not None:
            found = f"{mac.hex(':')}, which peer {holder} has"
            mistakes.add((*port.path, *below), "a MAC that no peer has", found)


def _give_addresses(
    ports: list[Written], surroundings: Surroundings, mistakes: Mistakes
) -> dict[Path, tuple[Interface, ...]]:
    """Return the addresses of the ports: what they state, else what they had, else the next free ones."""
    given: dict[Path, tuple[Interface, ...]] = {}
    for network in surroundings.networks.values():
        if network is None:
            continue
        members = [port for port in ports if port.fields.network == network.name]
        pool = AddressPool(network, surroundings.attached, surroundings.elsewhere)
        for port in members:
            given[port.path] = stated_addresses(port.fields, network)
            pool.reserve(given[port.path])
        waiting = [port for port in members if wants_addresses(port.fields)]
        if waiting and network.mode == "overlay" and surroundings.elsewhere.has_nodes and pool.shared:
            _warn_of_others(waiting[0].path, pool.shared, mistakes)
        kept = [pool.keep(_present(port, surroundings)) for port in waiting]
        for port, present in zip(waiting, kept, strict=True):
            given[port.path], exhausted = pool.fill(present)
            if exhausted is not None:
                parts = " or ".join(map(str, pool.parts_of(exhausted)))
                expected = f"a free address in {parts} of network {network.name}"
                mistakes.add((*port.path, "addresses"), expected, "all of them taken")
    return given


def _warn_of_others(path: Path, shared: list[Subnet], mistakes: Mistakes) -> None:
    """Warn that each node hands out addresses by itself."""
    sentence = f"other nodes may give away the same next free addresses of {' and '.join(map(str, shared))}"
    mistakes.warn((*path, "addresses"), f"{sentence}: state them, or this node's part as overlay.subnets")


def _present(port: Written, surroundings: Surroundings) -> tuple[Interface, ...]:
    previous = surroundings.previous.get(str(port.fields.name))
    return previous.addresses if previous is not None and previous.network == port.fields.network else ()


def _build(port: Written, addresses: tuple[Interface, ...], claims: Claims, surroundings: Surroundings) -> Port:
    fields = port.fields
    mac = fields.mac or b""
    if wants_mac(fields):
        vlans = vlans_of(vlan_of(fields.vlan))
        network, name = fields.network or "", str(fields.name)
        mac = claim_derived_mac(claims, surroundings.node, network, name, vlans, port.owner)
    return build_port(fields, addresses, mac, surroundings.macs_per_port)
