"""Frames made from frames: bits flipped, bytes lost, the headers of one before the payload of another.

A frame whose MACs nobody else uses is only ever flooded, so most frames get stations of the configuration for MACs.
"""

import struct
from collections.abc import Callable, Sequence
from random import Random

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, LLC, Dot1AD, Dot1Q
from scapy.packet import Packet, fuzz

from tests.generate.traffic import put_random_tag, random_ipv4_address, random_mac, random_station
from tests.packets import header

Mutation = Callable[[Random, bytes, Sequence[bytes]], bytes]

ETHERTYPES = (b"\x08\x00", b"\x08\x06", b"\x86\xdd", b"\x81\x00", b"\x88\xa8", b"\x00\x2e", b"\xff\xff")
LAYERS: tuple[Callable[[], Packet], ...] = (
    *(ARP, IP, IPv6, LLC),
    *(lambda: IP() / UDP(), lambda: IP() / TCP(), lambda: IP() / ICMP(), lambda: IPv6() / UDP()),
    *(lambda: Dot1Q() / IP(), lambda: Dot1Q() / ARP(), lambda: Dot1Q() / Dot1Q() / IPv6(), lambda: Dot1AD() / Dot1Q()),
)


def flip_bits(random: Random, frame: bytes, _: Sequence[bytes]) -> bytes:
    """Flip up to eight bits, in the headers more often than behind them."""
    changed = bytearray(frame)
    for _ in range(random.randint(1, 8)):
        reach = min(len(frame), 64) if random.random() < 0.8 else len(frame)
        if reach:
            changed[random.randrange(reach)] ^= 1 << random.randrange(8)
    return bytes(changed)


def cut(random: Random, frame: bytes, _: Sequence[bytes]) -> bytes:
    """Lose the end."""
    return frame[: random.randint(0, len(frame))]


def extend(random: Random, frame: bytes, _: Sequence[bytes]) -> bytes:
    """Grow, sometimes past the longest frame there is."""
    more = (1, 4, 46, 300, 1500, 9216 - len(frame), 9217 - len(frame))
    return frame + bytes(max(1, random.choice(more)))


def lose_bytes(random: Random, frame: bytes, _: Sequence[bytes]) -> bytes:
    """Lose some bytes in the middle."""
    at = random.randint(0, len(frame))
    return frame[:at] + frame[at + random.randint(1, 16) :]


def repeat_bytes(random: Random, frame: bytes, _: Sequence[bytes]) -> bytes:
    """Say some bytes twice."""
    at = random.randint(0, len(frame))
    return frame[:at] + frame[at : at + random.randint(1, 64)] + frame[at:]


def splice(random: Random, frame: bytes, corpus: Sequence[bytes]) -> bytes:
    """Put the beginning of one on the end of another."""
    other = random.choice(corpus)
    return frame[: random.randint(0, len(frame))] + other[random.randint(0, len(other)) :]


def set_ethertype(random: Random, frame: bytes, _: Sequence[bytes]) -> bytes:
    """Say that something else follows."""
    return frame[:12] + random.choice(ETHERTYPES) + frame[14:]


def set_macs(random: Random, frame: bytes, _: Sequence[bytes]) -> bytes:
    """Give it stations' MACs."""
    return random_mac(random, 0.2) + random_mac(random, 0.03) + frame[12:]


def set_ipv4_source(random: Random, frame: bytes, _: Sequence[bytes]) -> bytes:
    """Give it a station's address where IPv4 has its source."""
    return frame[:26] + random_ipv4_address(random, random_station(random)) + frame[30:]


def add_tag(random: Random, frame: bytes, _: Sequence[bytes]) -> bytes:
    """Give it one more tag."""
    return put_random_tag(random, frame)


MUTATIONS: tuple[Mutation, ...] = (
    *(flip_bits, flip_bits, cut, extend, lose_bytes, repeat_bytes, splice),
    *(set_ethertype, set_macs, set_ipv4_source, add_tag, add_tag),
)


def mutated(random: Random, corpus: Sequence[bytes]) -> bytes:
    """Return a frame of the corpus after none to four mutations."""
    frame = random.choice(corpus)
    if random.random() < 0.8:
        frame = set_macs(random, frame, corpus)
    for _ in range(random.choice((0, 1, 1, 2, 3, 4))):
        frame = random.choice(MUTATIONS)(random, frame, corpus)
    return frame


def fuzzed(random: Random) -> bytes:
    """Return a frame of scapy's fuzz(), between two stations. It draws from the global generator: seed that, too."""
    macs = header(random_mac(random, 0.2), random_mac(random, 0.03))
    for _ in range(100):
        try:
            return bytes(macs / fuzz(random.choice(LAYERS)()))
        except (ValueError, TypeError, struct.error):
            continue  # now and then scapy draws what it cannot build
    raise RuntimeError("scapy built no frame in a hundred attempts")
