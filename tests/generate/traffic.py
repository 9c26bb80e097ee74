"""Random traffic for a configuration: frames that mean something to it, times at the edges of what it counts."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from random import Random

from control.model import Configuration
from tests import packets
from tests.generate.nodes import SECOND, STATIONS, VLANS
from tests.packets import ip4, ip6, mac
from tests.runs import Arrival, Conditions

TICK_NS = 1 << 27
LENGTHS = (0, 1, 13, 14, 15, 17, 18, 19, 33, 34, 41, 42, 53, 54, 60, 64, 319, 320, 321, 1514, 9215, 9216, 9217, 9300)
PAYLOAD = bytes((i * 7 + 3) & 0xFF for i in range(max(LENGTHS)))
SPECIAL_MACS = (
    *(bytes(6), b"\xff" * 6, b"\xff" * 6, b"\xff" * 6, packets.GROUP, packets.UNKNOWN, bytes.fromhex("333300000001")),
    *(bytes.fromhex("0180c2000000"), bytes.fromhex("0180c200000f"), bytes.fromhex("0180c2000010")),
)
SPECIAL_IPV4 = ("0.0.0.0", "255.255.255.255", "127.0.0.1", "224.0.0.1")
SPECIAL_IPV6 = ("::", "::1", "fe80::1", "febf::1", "fec0::1", "::ffff:10.0.0.2", "::10.0.0.2")


def random_arrivals(random: Random, configuration: Configuration, count: int) -> Iterator[Arrival]:
    """Yield ``count`` frames in time order."""
    for port, time_ns in random_occasions(random, configuration, count):
        yield Arrival(port, random_frame(random), time_ns)


def random_occasions(random: Random, configuration: Configuration, count: int) -> Iterator[tuple[str, int]]:
    """Yield where and when ``count`` frames come in, in time order: ports and nanoseconds."""
    names = [port.name for port in configuration.ports]
    stamp_ns = random.choice((0, 1_700_000_000_000_000_000, random.randrange(1 << 60)))
    lifetime_ticks = -(-configuration.timeouts.fdb_s * 10**9 // TICK_NS)
    for _ in range(count):
        stamp_ns += random_pause_ns(random, lifetime_ticks)
        yield random.choice(names), stamp_ns


def random_pause_ns(random: Random, lifetime_ticks: int) -> int:
    """Return the time to the next frame: mostly none or little, sometimes about an entry's lifetime."""
    kind = random.random()
    if kind < 0.5:
        return 0
    if kind < 0.75:
        return random.randrange(1_000_000)
    if kind < 0.95:
        return random.choice((1_000_000, 10_000_000, 99_999_999, 100_000_000, TICK_NS - 1, TICK_NS, 10**9))
    return random.choice((lifetime_ticks - 1, lifetime_ticks, lifetime_ticks + 1)) * TICK_NS


def random_frame(random: Random) -> bytes:
    """Return a frame, tagged or not, whole or cut."""
    frame = random_untagged(random)
    for _ in range(random.choice((0, 0, 0, 1, 1, 1, 2))):
        frame = put_random_tag(random, frame)
    if random.random() < 0.1:
        frame = frame[: random.choice(LENGTHS)]
    return frame


def random_untagged(random: Random) -> bytes:
    """Return an opaque frame, or one whose addresses port security looks at."""
    kind = random.random()
    if kind < 0.55:
        ethertype = random.choice((0x88B5, 0x0800, 0x0806, 0x86DD, 0x8100, 0x88A8, 0x0000, 0xFFFF))
        return opaque(random_mac(random, 0.3), random_mac(random, 0.05), ethertype, random_length(random))
    destination, source = random_mac(random, 0.2), random_station(random)
    claimed = source if random.random() < 0.7 else random_station(random)
    if kind < 0.85:
        payload = random_ipv4(random, claimed) if kind < 0.7 else random_ipv6(random, claimed)
    else:
        hardware = mac(source if random.random() < 0.8 else claimed)
        payload = (
            b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01" + hardware + random_ipv4_address(random, claimed) + bytes(10)
        )
    return destination + mac(source) + payload


def random_ipv4(random: Random, claimed: int) -> bytes:
    """Return ethertype and header of a UDP datagram, mostly from ``ip4(claimed)``."""
    source = random_ipv4_address(random, claimed)
    return b"\x08\x00\x45" + bytes(8) + b"\x11" + bytes(2) + source + IPv4Address(ip4(1)).packed + bytes(20)


def random_ipv4_address(random: Random, claimed: int) -> bytes:
    """Return ``ip4(claimed)``, or sometimes an address that is nobody's."""
    return IPv4Address(ip4(claimed) if random.random() < 0.8 else random.choice(SPECIAL_IPV4)).packed


def random_ipv6(random: Random, claimed: int) -> bytes:
    """Return ethertype and header of an IPv6 packet, mostly from ``ip6(claimed)``."""
    source = IPv6Address(ip6(claimed) if random.random() < 0.8 else random.choice(SPECIAL_IPV6)).packed
    return b"\x86\xdd\x60" + bytes(5) + b"\x3b\x40" + source + IPv6Address(ip6(1)).packed


def random_mac(random: Random, special: float) -> bytes:
    """Return a station's MAC, or with the probability ``special`` one that is nobody's."""
    return random.choice(SPECIAL_MACS) if random.random() < special else mac(random_station(random))


def random_station(random: Random) -> int:
    """Return the number of a station, seldom a port's second one."""
    return random.choice(STATIONS) + (SECOND if random.random() < 0.1 else 0)


def random_length(random: Random) -> int:
    """Return a length from a header on, sometimes at an edge."""
    return max(14, random.choice(LENGTHS)) if random.random() < 0.3 else random.randint(14, 400)


def opaque(destination: bytes, source: bytes, ethertype: int, length: int) -> bytes:
    """Return a frame whose payload tells its bytes apart."""
    return destination + source + ethertype.to_bytes(2, "big") + PAYLOAD[: length - 14]


def put_random_tag(random: Random, frame: bytes) -> bytes:
    """Return ``frame`` with one more tag, mostly 802.1Q."""
    vid = random.choice((0, *VLANS, *VLANS, 3, 4095))
    tci = random.randrange(16) << 12 | vid
    ethertype = b"\x88\xa8" if random.random() < 0.1 else b"\x81\x00"
    return frame[:12] + ethertype + tci.to_bytes(2, "big") + frame[12:]


def random_conditions(random: Random, configuration: Configuration) -> Conditions:
    """Return which links are down: mostly none."""
    down = frozenset(port.name for port in configuration.ports if random.random() < 0.1)
    return Conditions(down=down if random.random() < 0.5 else frozenset())
