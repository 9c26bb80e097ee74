"""Playing conversations to a router, and noting what comes of each step."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tests.kernelnat.craft import TCP, UDP, icmp_protocol, packed, with_hops
from tests.kernelnat.messages import Step
from tests.kernelnat.place import INSIDE_MTU, OUTSIDE_MTU, Side, mac_of
from tests.kernelnat.seen import Ends, Seen, look

NOBODYS_PORT = 9
"""Where answers go to what the router has not let out."""
MTUS = {Side.INSIDE: INSIDE_MTU, Side.OUTSIDE: OUTSIDE_MTU}


class Router(Protocol):
    """What conversations are played to."""

    def send(self, side: Side, source: bytes, packet: bytes) -> list[tuple[Side, bytes]]:
        """Send an IP packet to the router from the station with MAC ``source``; return what packets leave it."""


@dataclass(frozen=True)
class Played:
    """What came of a step: what was seen, and whether the inside end's port is its own outside.

    ``port`` is the one that it has there; ``sent`` is what is to be seen if the router lets all of it through.
    """

    seen: tuple[Seen, ...]
    keeps_port: bool
    port: int = field(compare=False)
    sent: tuple[Seen, ...] = field(compare=False)

    @property
    def passes(self) -> bool:
        """Whether all of it was let through, and rightly translated."""
        return self.seen == self.sent != ()


def play(router: Router, steps: Sequence[Step]) -> list[Played]:
    """Play all steps to a router."""
    mapped: dict[int, int] = {}
    return [play_step(router, step, mapped) for step in steps]


def play_step(router: Router, step: Step, mapped: dict[int, int]) -> Played:
    """Play one step; ``mapped`` is the port outside of each conversation that has one."""
    of = step.conversation
    packets: dict[Side, list[bytes]] = {side: [] for side in Side}
    frames = step.make(mapped.get(of.number, NOBODYS_PORT))
    for packet in frames:
        for side, out in router.send(step.side, mac_of(step.station), packet):
            assert len(out) <= MTUS[side], f"{step}: {len(out)} bytes leave {side.value}"
            packets[side].append(out)
            port = outside_port(step, side, out)
            if port is not None:
                mapped[of.number] = port
    ends = Ends(of, mapped.get(of.number, of.inside_port))
    seen = tuple(each for side in Side for each in look(side, packets[side], ends))
    other = Side.OUTSIDE if step.side is Side.INSIDE else Side.INSIDE
    sent = look(other, [with_hops(packet, packet[8 if packet[0] >> 4 == 4 else 7] - 1) for packet in frames], ends)
    return Played(seen, ends.mapped == of.inside_port, ends.mapped, tuple(sent))


def outside_port(step: Step, side: Side, packet: bytes) -> int | None:
    """Return which port a packet that goes out shows its conversation's inside end to have, None if none."""
    of = step.conversation
    if step.side is not Side.INSIDE or side is not Side.OUTSIDE:
        return None
    is_ipv6 = packet[0] >> 4 == 6
    at, protocol, source = (40, packet[6], packet[8:24]) if is_ipv6 else (20, packet[9], packet[12:16])
    is_later = not is_ipv6 and struct.unpack_from("!H", packet, 6)[0] & 0x1FFF
    if is_ipv6 and protocol == 44:
        at, protocol, is_later = 48, packet[40], struct.unpack_from("!H", packet, 42)[0] & 0xFFF8
    if is_later or protocol != of.protocol or source != packed(of.family.outside_router):
        return None
    if protocol in (TCP, UDP):
        return int.from_bytes(packet[at : at + 2], "big")
    is_query = protocol == icmp_protocol(of.inside) and packet[at] in (8, 13, 128)
    return int.from_bytes(packet[at + 4 : at + 6], "big") if is_query else None
