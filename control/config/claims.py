"""What can belong to one port only: names, addresses, MACs and interfaces, and who had it first.

An address belongs to its network; a MAC to the VLANs of its network in which the port takes part, because each VLAN
learns for itself; an interface to its network namespace.
"""

from collections.abc import Iterable
from typing import NamedTuple

from control.config.build import vlan_of
from control.config.mistakes import Mistakes, Path
from control.config.schema import PortFields
from control.model import Address, Nic, Port, Publish, Tap, Vlan

_DEFAULT_VLAN = 1
_NAMED_NETNS_FOLDERS = ("/run/netns/", "/var/run/netns/")


class Written(NamedTuple):
    """A port as it is written: where, what, and how a mistake at another port calls it."""

    path: Path
    fields: PortFields
    owner: str


class MacClaim(NamedTuple):
    vlans: frozenset[int]
    owner: str


class Claims:
    """Who has what. ``claim_*`` return the present owner, or None and it is yours."""

    def __init__(self) -> None:
        self._owners: dict[tuple[object, ...], str] = {}
        self._macs: dict[tuple[str, bytes], list[MacClaim]] = {}
        self._published: dict[tuple[str, int], list[tuple[Address | None, str]]] = {}

    def claim_name(self, kind: str, name: str, owner: str) -> str | None:
        return self._claim(("name", kind, name), owner)

    def claim_address(self, network: str, address: Address, owner: str) -> str | None:
        return self._claim(("address", network, address), owner)

    def claim_interface(self, netns: str | None, ifname: str, owner: str) -> str | None:
        return self._claim(("interface", _plain_netns(netns), ifname), owner)

    def claim_mac(self, network: str, vlans: frozenset[int], mac: bytes, owner: str) -> str | None:
        claims = self._macs.setdefault((network, mac), [])
        for claim in claims:
            if claim.owner != owner and claim.vlans & vlans:
                return claim.owner
        claims.append(MacClaim(vlans, owner))
        return None

    def claim_publish(self, publish: Publish, owner: str) -> str | None:
        """Claim outside ports; those of no address in particular are those of every address."""
        for number in range(publish.first, publish.last + 1):
            claims = self._published.setdefault((publish.protocol, number), [])
            for host, present in claims:
                if host is None or publish.host is None or host == publish.host:
                    return present
            claims.append((publish.host, owner))
        return None

    def claim_port(self, port: Port, owner: str) -> None:
        """Claim all of a port that is in force already."""
        self.claim_name("port", port.name, owner)
        for interface in port.addresses:
            self.claim_address(port.network, interface.ip, owner)
        for publish in port.publish:
            self.claim_publish(publish, owner)
        for mac in (port.mac, *port.static_macs):
            if mac:
                self.claim_mac(port.network, vlans_of(port.vlan), mac, owner)
        if isinstance(port.attachment, Tap):
            self.claim_interface(port.attachment.netns, port.attachment.ifname, owner)
        elif isinstance(port.attachment, Nic):
            self.claim_interface(None, port.attachment.ifname, owner)

    def _claim(self, thing: tuple[object, ...], owner: str) -> str | None:
        present = self._owners.get(thing)
        if present is None:
            self._owners[thing] = owner
        return present


def claims_of(ports: Iterable[Port], are: str) -> Claims:
    """Return what the ports that are in force have; ``are`` is what a sentence calls one of them."""
    claims = Claims()
    for port in ports:
        claims.claim_port(port, f"{are} {port.name}")
    return claims


def claim_written(port: Written, claims: Claims, mistakes: Mistakes) -> None:
    """Claim what a port states; what another has already is a mistake."""
    fields, owner = port.fields, port.owner

    def refuse(below: Path, what: str, value: str, present: str | None) -> None:
        if present is not None:
            again = "again" if present == owner else f"which {present} has"
            mistakes.add((*port.path, *below), f"{what} that nothing else has", f"{value}, {again}")

    if fields.name is not None:
        refuse(("name",), "a name", fields.name, claims.claim_name("port", fields.name, owner))
    if fields.tap is not None:
        netns, ifname = fields.tap.netns, fields.tap.ifname
        shown = f"{ifname} in namespace {netns}" if netns else ifname
        refuse(("tap", "ifname"), "an interface", shown, claims.claim_interface(netns, ifname, owner))
    if fields.nic is not None:
        ifname = fields.nic.ifname
        refuse(("nic", "ifname"), "an interface", ifname, claims.claim_interface(None, ifname, owner))
    for index, publish in enumerate(fields.publish or ()):
        if publish is not None:
            outside = f"{publish.first}-{publish.last}" if publish.last > publish.first else str(publish.first)
            shown = f"{publish.host or 'any address'} port {outside}/{publish.protocol}"
            refuse(("publish", index), "outside ports", shown, claims.claim_publish(publish, owner))
    if fields.network is None:
        return
    for index, item in enumerate(fields.addresses or ()):
        if item is not None:
            present = claims.claim_address(fields.network, item[0], owner)
            refuse(("addresses", index), "an address", str(item[0]), present)
    if mistakes.touch((*port.path, "vlan")):
        return
    vlans = vlans_of(vlan_of(fields.vlan))
    stated: list[tuple[Path, bytes | None]] = [(("mac",), fields.mac)]
    stated += [(("static_macs", index), mac) for index, mac in enumerate(fields.static_macs or ())]
    for below, mac in stated:
        if mac is not None:
            refuse(below, "a MAC", mac.hex(":"), claims.claim_mac(fields.network, vlans, mac, owner))


def vlans_of(vlan: Vlan | None) -> frozenset[int]:
    """Return the VLANs a port takes part in; a plain port is in the default one, as every port of a plain network."""
    if vlan is None:
        return frozenset((_DEFAULT_VLAN,))
    if vlan.access is not None:
        return frozenset((vlan.access,))
    return vlan.trunk if vlan.native is None else vlan.trunk | {vlan.native}


def _plain_netns(netns: str | None) -> str | None:
    """Return the name where a path is that of a named namespace, so that both ways to write it are one."""
    for folder in _NAMED_NETNS_FOLDERS:
        if netns is not None and netns.startswith(folder):
            return netns.removeprefix(folder)
    return netns
