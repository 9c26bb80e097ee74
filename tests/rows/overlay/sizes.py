"""Packets that are too big for the tunnel: never lost without a word."""

from scapy.layers.inet import IP, fragment
from scapy.packet import Packet

from tests.checkers import dropped, forwarded, refused
from tests.rows.overlay.world import NODE2, S2, Underlay, calls
from tests.rows.router.world import B1, error, ether, udp
from tests.rows.row import Row, step


def rows(under: Underlay) -> list[Row]:
    """Return the rows."""
    mtu = 1500 - under.overhead
    world = under.world()

    def datagram(length: int, version: int = 4, flags: str = "DF") -> Packet:
        """Return a datagram from B1 to S2 that is so many bytes long."""
        if version == 6:
            return udp(B1.ip6, S2.ip6, body=bytes(length - 48))
        return udp(B1.ip4, S2.ip4, body=bytes(length - 28), flags=flags)

    def frame(packet: Packet) -> bytes:
        return ether(S2.mac, B1.mac, packet)

    fits = [frame(datagram(mtu)), frame(datagram(mtu, 6)), frame(datagram(mtu, flags=""))]
    pieces = fragment(IP(bytes(datagram(mtu + 1, flags=""))), (mtu - 20) // 8 * 8)
    return [
        Row(
            "the largest packet of the network fits into the underlay's",
            world,
            (*under.met(), *(step("b1", each, forwarded(under.wrapped(each, NODE2))) for each in fits)),
        ),
        Row(
            "a larger one that may not be cut comes back with the size that fits",
            world,
            (
                *under.met(),
                step(
                    "b1",
                    frame(big := datagram(mtu + 1)),
                    refused("packet_too_big", "b1", error(B1, big, 3, 4, mtu)),
                ),
                step(
                    "b1",
                    frame(big6 := datagram(mtu + 1, 6)),
                    refused("packet_too_big", "b1", error(B1, big6, 2, 0, mtu)),
                ),
            ),
        ),
        Row(
            "one that may be cut is cut",
            world,
            (
                *under.met(),
                step(
                    "b1",
                    frame(datagram(mtu + 1, flags="")),
                    forwarded(*(under.wrapped(frame(piece), NODE2) for piece in pieces)),
                ),
            ),
        ),
        Row(
            "what lies behind a packet counts for nothing, and is cut off if there is no room for it",
            world,
            (
                *under.met(),
                step("b1", fits[0] + bytes(9), forwarded(under.wrapped(fits[0], NODE2))),
            ),
        ),
        Row(
            "what is no packet ends if it is too big",
            world,
            (
                *under.met(),
                step("b1", full := calls(B1, S2.mac, bytes(mtu)), forwarded(under.wrapped(full, NODE2))),
                step("b1", calls(B1, S2.mac, bytes(mtu + 1)), dropped("packet_too_big")),
            ),
        ),
        Row(
            "a network may have a smaller size of its own",
            under.world(blue={"mtu": 1280}),
            (
                *under.met(),
                step("b1", least := frame(datagram(1280)), forwarded(under.wrapped(least, NODE2))),
                step(
                    "b1",
                    frame(more := datagram(1281)),
                    refused("packet_too_big", "b1", error(B1, more, 3, 4, 1280)),
                ),
            ),
        ),
    ]
