"""VLAN classification on the way in and tagging on the way out (IEEE 802.1Q; one tag, ethertype 0x8100).

A network is VLAN-aware when any of its ports has ``vlan:``. In any other, tags are payload.
"""

from typing import NamedTuple

from control.model import Configuration, Port

TAG_ETHERTYPE = b"\x81\x00"
DEFAULT_VLAN = 1


class Untagged(NamedTuple):
    """A frame without its tag, its VLAN (None in a network without VLANs), and PCP and DEI where the TCI has them."""

    frame: bytes
    vlan: int | None
    priority: int


def is_vlan_aware(configuration: Configuration, network: str) -> bool:
    """Return whether any port of ``network`` says something about VLANs."""
    return any(port.vlan for port in configuration.ports if port.network == network)


def native_vlan(port: Port) -> int | None:
    """Return the VLAN of what is untagged at ``port``; None if the port carries nothing untagged."""
    if port.vlan is None:
        return DEFAULT_VLAN
    return port.vlan.native if port.vlan.is_trunk else port.vlan.access


def vlans_of(port: Port) -> set[int]:
    """Return all VLANs that ``port`` is a member of."""
    tagged = set(port.vlan.trunk) if port.vlan and port.vlan.is_trunk else set()
    native = native_vlan(port)
    return tagged if native is None else tagged | {native}


def strip_tag(port: Port, frame: bytes) -> Untagged | str:
    """Return the frame as it is inside a VLAN-aware network, or the reason to drop it."""
    vid, priority = 0, 0
    if frame[12:14] == TAG_ETHERTYPE:
        if len(frame) < 18:
            return "truncated_vlan"
        tci = int.from_bytes(frame[14:16], "big")
        vid, priority = tci & 0x0FFF, tci & 0xF000
        frame = frame[:12] + frame[16:]
    if vid == 0:
        native = native_vlan(port)
        return "vlan_not_member" if native is None else Untagged(frame, native, priority)
    is_trunk = port.vlan is not None and port.vlan.is_trunk
    if not is_trunk or vid == 4095 or vid not in vlans_of(port):
        return "vlan_not_member"
    return Untagged(frame, vid, priority)


def put_tag(port: Port, untagged: Untagged) -> bytes:
    """Return the frame as it leaves by ``port``."""
    frame, vlan, priority = untagged
    if vlan is None or vlan == native_vlan(port):
        return frame
    return frame[:12] + TAG_ETHERTYPE + (priority | vlan).to_bytes(2, "big") + frame[12:]
