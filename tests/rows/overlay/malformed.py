"""Each field of the headers around a frame wrong in turn, and every length that is too short: each ends for one reason,
and the next frame passes as if nothing had been.

Where a field is wrong, everything else is as right as it can be: lengths and checksums that cover it are made anew.
"""

from collections.abc import Callable
from typing import NamedTuple

from tests.checkers import Check, dropped, forwarded
from tests.naive.wire import checksum
from tests.packets import mac
from tests.rows.overlay.world import NODE2, S2, S3, STRANGER, Underlay, calls, says
from tests.rows.router.world import B1, B2
from tests.rows.row import Row, Step, step

FROM_S2 = says(S2, B1)
PASSES = forwarded(("b1", FROM_S2))
ETHERNET, UDP_BYTES, VXLAN_BYTES = 14, 8, 8


class Place(NamedTuple):
    """Where the headers are in a frame around another."""

    version: int

    @property
    def ip(self) -> int:
        """The outer IP header."""
        return ETHERNET

    @property
    def udp(self) -> int:
        """The outer UDP header."""
        return ETHERNET + (20 if self.version == 4 else 40)

    @property
    def vxlan(self) -> int:
        """The VXLAN header."""
        return self.udp + UDP_BYTES

    @property
    def inner(self) -> int:
        """The frame inside."""
        return self.vxlan + VXLAN_BYTES


def patched(frame: bytes, at: int, value: bytes | int) -> bytes:
    """Return a frame with other bytes (or one other) at an offset."""
    new = bytes([value]) if isinstance(value, int) else value
    return frame[:at] + new + frame[at + len(new) :]


def summed(frame: bytes) -> bytes:
    """Return a frame with the right checksum in its IPv4 header, of 20 bytes."""
    if frame[12:14] != b"\x08\x00":
        return frame
    blank = patched(frame, ETHERNET + 10, b"\0\0")
    return patched(frame, ETHERNET + 10, checksum(blank[ETHERNET : ETHERNET + 20]))


def resized(frame: bytes, version: int) -> bytes:
    """Return a frame, cut somewhere behind its outer IP header, whose lengths say how long it is."""
    place = Place(version)
    packet = len(frame) - place.ip
    length = packet.to_bytes(2, "big") if version == 4 else (packet - 40).to_bytes(2, "big")
    sized = patched(frame, place.ip + (2 if version == 4 else 4), length)
    if len(frame) >= place.vxlan:
        sized = patched(sized, place.udp + 4, (len(frame) - place.udp).to_bytes(2, "big"))
    return summed(sized)


def rows(under: Underlay) -> list[Row]:
    """Return the rows."""
    good = under.arriving(FROM_S2, NODE2, checksum=False)
    outer = [*ethernet_flaws(), *(ipv4_flaws(good) if under.version == 4 else ipv6_flaws(good))]
    flaws = [*outer, *udp_flaws(good, under.version), *vxlan_flaws(under.version), *inner_flaws(under.version)]
    return [
        *(flawed(under, name, summed(change(good)), check) for name, change, check in flaws),
        *(flawed(under, name, patched(good, at, value), check) for name, at, value, check in sum_flaws(under.version)),
        *(harmless(under, name, summed(change(good))) for name, change in oddities(under.version)),
        cut_row(under, good),
        short_row(under, good),
    ]


def flawed(under: Underlay, name: str, frame: bytes, check: Check) -> Row:
    """Return the row in which a frame ends for its flaw, and the next one passes."""
    steps = (step("wan", frame, check), under.comes(FROM_S2, NODE2, PASSES))
    return Row(f"{name} is wrong", under.world(), (step("b1", calls(B1)), *steps))


def harmless(under: Underlay, name: str, frame: bytes) -> Row:
    """Return the row in which a frame passes that is odd and not wrong."""
    return Row(f"{name} means nothing", under.world(), (step("b1", calls(B1)), step("wan", frame, PASSES)))


Flaw = tuple[str, Callable[[bytes], bytes], Check]


def setting(name: str, at: int, value: bytes | int, reason: str) -> Flaw:
    """Return the flaw that other bytes are at an offset."""
    return name, lambda frame: patched(frame, at, value), dropped(reason)


def ethernet_flaws() -> list[Flaw]:
    """Return flaws of the outer Ethernet header; who is not addressed by it, bridges."""
    return [
        setting("the outer destination MAC", 0, B2.mac, "no_receiver"),
        setting("the outer destination MAC, a group,", 0, b"\xff" * 6, "no_receiver"),
        setting("the outer EtherType", 12, b"\x88\xb5", "not_routable"),
    ]


def ipv4_flaws(good: bytes) -> list[Flaw]:
    """Return flaws of the outer IPv4 header."""
    ip, whole = ETHERNET, len(good) - ETHERNET
    return [
        setting("the outer version", ip, 0x55, "malformed_packet"),
        setting("the outer header's length, below the least,", ip, 0x44, "malformed_packet"),
        setting("the outer length, shorter than the header,", ip + 2, (19).to_bytes(2, "big"), "vxlan_truncated"),
        setting("the outer length, without UDP,", ip + 2, (20).to_bytes(2, "big"), "vxlan_truncated"),
        setting("the outer length, a byte short,", ip + 2, (whole - 1).to_bytes(2, "big"), "vxlan_truncated"),
        setting("the outer length, a byte long,", ip + 2, (whole + 1).to_bytes(2, "big"), "vxlan_truncated"),
        setting("the outer fragment", ip + 6, b"\x20\x00", "fragment_overlap"),
        setting("the outer protocol", ip + 9, 6, "unsolicited"),
        ("the outer family", mapped, dropped("martian_address")),
        *(
            setting(f"the outer source {text}", ip + 12, bytes(map(int, text.split("."))), "unknown_peer")
            for text in (STRANGER.ip4, "0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255")
        ),
        setting("the outer destination", ip + 16, bytes([192, 0, 2, 99]), "unsolicited"),
    ]


def mapped(frame: bytes) -> bytes:
    """Return the frame over IPv6, between the same addresses as they are mapped (RFC 4291 section 2.5.5.2)."""
    prefix, datagram = bytes(10) + b"\xff\xff", frame[34:]
    header = b"\x60\0\0\0" + len(datagram).to_bytes(2, "big") + b"\x11\x40"
    return frame[:12] + b"\x86\xdd" + header + prefix + frame[26:30] + prefix + frame[30:34] + datagram


def ipv6_flaws(good: bytes) -> list[Flaw]:
    """Return flaws of the outer IPv6 header."""
    ip, payload = ETHERNET, len(good) - ETHERNET - 40
    return [
        setting("the outer version", ip, 0x40, "malformed_packet"),
        setting("the outer length, zero,", ip + 4, bytes(2), "vxlan_truncated"),
        setting("the outer length, a byte short,", ip + 4, (payload - 1).to_bytes(2, "big"), "vxlan_truncated"),
        setting("the outer length, a byte long,", ip + 4, (payload + 1).to_bytes(2, "big"), "vxlan_truncated"),
        setting("the outer next header", ip + 6, 6, "unsolicited"),
        *(
            setting(f"the outer source, {name},", ip + 8, bytes.fromhex(text), "unknown_peer")
            for name, text in (
                ("nobody's", "20010db8000900000000000000000066"),
                ("unspecified", "00" * 16),
                ("the loopback", "00" * 15 + "01"),
                ("a group", "ff02" + "00" * 13 + "01"),
                ("mapped", "00" * 10 + "ffffc0000207"),
            )
        ),
        setting("the outer destination", ip + 39, 0x99, "unsolicited"),
    ]


def udp_flaws(good: bytes, version: int) -> list[Flaw]:
    """Return flaws of the outer UDP header."""
    udp = Place(version).udp
    length = len(good) - udp
    return [
        setting("the destination port", udp + 2, (4790).to_bytes(2, "big"), "unsolicited"),
        *(
            setting(f"the outer UDP length of {wrong}", udp + 4, wrong.to_bytes(2, "big"), "vxlan_truncated")
            for wrong in (0, 7, 8, 15, 16, 29, length + 1, 65535)
        ),
    ]


def vxlan_flaws(version: int) -> list[Flaw]:
    """Return flaws of the VXLAN header."""
    vxlan = Place(version).vxlan
    return [
        setting("the I flag", vxlan, 0x00, "vxlan_no_vni"),
        setting("the I flag, with all others set,", vxlan, 0xF7, "vxlan_no_vni"),
        setting("the VNI", vxlan + 6, 41, "unknown_vni"),
        setting("the VNI's first byte", vxlan + 4, 1, "unknown_vni"),
    ]


def inner_flaws(version: int) -> list[Flaw]:
    """Return flaws of the inner Ethernet header."""
    inner = Place(version).inner
    return [
        setting("the inner destination MAC", inner, bytes.fromhex("0180c2000002"), "reserved_multicast"),
        setting("the inner source MAC, a group,", inner + 6, 3, "source_mac_multicast"),
        setting("the inner source MAC, zero,", inner + 6, bytes(6), "source_mac_zero"),
        setting("the inner source MAC, another's,", inner + 6, S3.mac, "spoofed_mac"),
        setting("the inner EtherType, a tag,", inner + 12, b"\x81\x00", "inner_vlan"),
        setting("the inner EtherType, a service tag,", inner + 12, b"\x88\xa8", "inner_vlan"),
    ]


def sum_flaws(version: int) -> list[tuple[str, int, bytes, Check]]:
    """Return wrong checksums."""
    place = Place(version)
    wrong: list[tuple[str, int, bytes, Check]] = [
        ("the outer UDP checksum", place.udp + 6, b"\x12\x34", dropped("vxlan_checksum")),
        ("the outer UDP checksum, all ones,", place.udp + 6, b"\xff\xff", dropped("vxlan_checksum")),
    ]
    if version == 4:
        wrong.append(("the outer header's checksum", place.ip + 10, b"\x12\x34", dropped("vxlan_checksum")))
        wrong.append(("the outer header's checksum, zero,", place.ip + 10, b"\0\0", dropped("vxlan_checksum")))
    return wrong


def oddities(version: int) -> list[tuple[str, Callable[[bytes], bytes]]]:
    """Return what is not as we write it, and not wrong."""
    place = Place(version)

    def with_tail(frame: bytes) -> bytes:
        """Return a frame with four bytes behind its UDP datagram, within its IP packet."""
        longer = frame + b"tail"
        packet = len(longer) - place.ip - (0 if version == 4 else 40)
        return patched(longer, place.ip + (2 if version == 4 else 4), packet.to_bytes(2, "big"))

    found: list[tuple[str, Callable[[bytes], bytes]]] = [
        ("padding behind the outer packet", lambda frame: frame + bytes(7)),
        ("what lies behind the outer datagram", with_tail),
        ("an outer source MAC that is not the next hop's", lambda frame: patched(frame, 6, mac(0x1234))),
        ("an outer source MAC that is a group", lambda frame: patched(frame, 6, 3)),
        ("an outer source MAC of zeros", lambda frame: patched(frame, 6, bytes(6))),
    ]
    if version == 4:
        return [
            *found,
            ("an identification", lambda frame: patched(frame, place.ip + 4, b"\xbe\xef")),
            ("a missing DF flag", lambda frame: patched(frame, place.ip + 6, b"\0\0")),
            ("an outer time to live of zero", lambda frame: patched(frame, place.ip + 8, 0)),
        ]
    return [
        *found,
        ("a flow label", lambda frame: patched(frame, place.ip + 1, b"\x0a\xbc\xde")),
        ("an outer hop limit of zero", lambda frame: patched(frame, place.ip + 7, 0)),
    ]


def cut_row(under: Underlay, good: bytes) -> Row:
    """Return the row in which a frame ends early, at every length, while its headers speak of all of it."""
    place = Place(under.version)

    def ends(length: int) -> Check:
        if length < ETHERNET:
            return dropped("runt")
        return dropped("malformed_packet" if length < place.vxlan else "vxlan_truncated")

    steps: list[Step] = [step("b1", calls(B1))]
    for length in range(len(good)):
        steps.append(step("wan", good[:length], ends(length)))
        if length % 16 == 0:
            steps.append(under.comes(FROM_S2, NODE2, PASSES))
    return Row("a frame that is cut anywhere ends, and harms nobody", under.world(), tuple(steps))


def short_row(under: Underlay, good: bytes) -> Row:
    """Return the row in which headers are too short, at every length, while all lengths agree."""
    place = Place(under.version)

    def ends(length: int) -> Check:
        return dropped("malformed_transport" if length < place.vxlan else "vxlan_truncated")

    steps: list[Step] = [step("b1", calls(B1))]
    for length in range(place.udp, place.inner + ETHERNET):
        steps.append(step("wan", resized(good[:length], under.version), ends(length)))
        steps.append(under.comes(FROM_S2, NODE2, PASSES))
    least = calls(S2, B1.mac)[:14]
    steps.append(under.comes(least, NODE2, forwarded(("b1", least))))
    return Row("headers that promise too little end, and harm nobody", under.world(), tuple(steps))
