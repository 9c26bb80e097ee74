"""DHCP messages and the Ethernet frames they travel in, as bytes (RFC 2131, RFC 2132)."""

import struct
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

BROADCAST_MAC = b"\xff" * 6
NOWHERE, EVERYWHERE = IPv4Address(0), IPv4Address(0xFFFF_FFFF)

_ETHERNET = struct.Struct("!6s6sH")
_IP = struct.Struct("!BBHHHBBH4s4s")
_UDP = struct.Struct("!HHHH")
_BOOTP = struct.Struct("!BBBBIHH4s4s4s4s16s64s128sI")
_ETHERTYPE_IP = 0x0800
_PROTOCOL_UDP = 17
_COOKIE = 0x6382_5363
_SERVER_PORT, _CLIENT_PORT = 67, 68
_REQUEST, _REPLY = 1, 2
_ETHERNET_HARDWARE = 1
_LEAST_BYTES = 300
"""Of a BOOTP message: there are relays that drop shorter ones."""

_MASK, _ROUTER, _ADDRESS, _LEASE, _KIND, _SERVER, _ASKED_FOR, _RENEW, _REBIND, _CLIENT = (
    1,
    3,
    50,
    51,
    53,
    54,
    55,
    58,
    59,
    61,
)
_PAD, _END = 0, 255
_WANTED = bytes((_MASK, _ROUTER, _LEASE, _SERVER, _RENEW, _REBIND))


class Kind(IntEnum):
    """What a message is (option 53)."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    ACK = 5
    NAK = 6
    RELEASE = 7


@dataclass(frozen=True, slots=True)
class Request:
    """What a client says. ``has``: the address it has already (ciaddr); ``asks_for`` and ``server`` are options.

    ``server_mac`` and a ``server`` address that it is sent to alone; else it goes to everybody.
    """

    kind: Kind
    number: int
    mac: bytes
    seconds: int = 0
    has: IPv4Address = NOWHERE
    asks_for: IPv4Address | None = None
    server: IPv4Address | None = None
    sent_to: tuple[bytes, IPv4Address] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server says. Times are seconds, 0 where it gave none."""

    kind: Kind
    number: int
    mac: bytes
    address: IPv4Address
    server: IPv4Address
    server_mac: bytes
    interface: IPv4Interface
    router: IPv4Address | None
    lease_s: int
    renew_s: int
    rebind_s: int


def write_frame(request: Request) -> bytes:
    """Return the whole Ethernet frame."""
    mac, address = request.sent_to or (BROADCAST_MAC, EVERYWHERE)
    source = request.has if request.sent_to else NOWHERE
    payload = _write_message(request)
    udp = _UDP.pack(_CLIENT_PORT, _SERVER_PORT, _UDP.size + len(payload), 0) + payload
    pseudo = source.packed + address.packed + struct.pack("!HH", _PROTOCOL_UDP, len(udp))
    udp = udp[:6] + struct.pack("!H", checksum(pseudo + udp) or 0xFFFF) + udp[8:]
    ip = _IP.pack(0x45, 0, _IP.size + len(udp), 0, 0, 64, _PROTOCOL_UDP, 0, source.packed, address.packed)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return _ETHERNET.pack(mac, request.mac, _ETHERTYPE_IP) + ip + udp


def _write_message(request: Request) -> bytes:
    header = _BOOTP.pack(
        *(_REQUEST, _ETHERNET_HARDWARE, 6, 0, request.number, request.seconds, 0),
        *(request.has.packed, NOWHERE.packed, NOWHERE.packed, NOWHERE.packed),
        *(request.mac, b"", b"", _COOKIE),
    )
    options = _option(_KIND, bytes((request.kind,))) + _option(_CLIENT, bytes((_ETHERNET_HARDWARE,)) + request.mac)
    if request.asks_for is not None:
        options += _option(_ADDRESS, request.asks_for.packed)
    if request.server is not None:
        options += _option(_SERVER, request.server.packed)
    if request.kind != Kind.RELEASE:
        options += _option(_ASKED_FOR, _WANTED)
    return (header + options + bytes((_END,))).ljust(_LEAST_BYTES, b"\0")


def _option(code: int, value: bytes) -> bytes:
    return bytes((code, len(value))) + value


def read_frame(frame: bytes) -> Reply | None:
    """Return what a server says in an Ethernet frame; None for anything else, and for what is malformed.

    The UDP checksum is not looked at: a server on this very machine may leave it to a device to fill in.
    """
    try:
        return _read_frame(frame)
    except (struct.error, IndexError, ValueError):
        return None


def _read_frame(frame: bytes) -> Reply | None:
    _, sender, ethertype = _ETHERNET.unpack_from(frame)
    if ethertype != _ETHERTYPE_IP:
        return None
    ip = _ETHERNET.size
    header_bytes = (frame[ip] & 0xF) * 4
    total = struct.unpack_from("!H", frame, ip + 2)[0]
    if frame[ip] >> 4 != 4 or header_bytes < _IP.size or frame[ip + 9] != _PROTOCOL_UDP or ip + total > len(frame):
        return None
    udp = ip + header_bytes
    _, port, length, _ = _UDP.unpack_from(frame, udp)
    if port != _CLIENT_PORT or udp + length > ip + total:
        return None
    return _read_message(frame[udp + _UDP.size : udp + length], sender)


def _read_message(message: bytes, sender: bytes) -> Reply | None:
    fields = _BOOTP.unpack_from(message)
    operation, number, given, hardware, cookie = fields[0], fields[4], fields[8], fields[11], fields[14]
    if operation != _REPLY or cookie != _COOKIE:
        return None
    options = _read_options(message[_BOOTP.size :])
    if _KIND not in options or _SERVER not in options:
        return None
    kind, address = Kind(options[_KIND][0]), IPv4Address(given)
    mask = IPv4Address(options.get(_MASK, b"\xff\xff\xff\xff"))
    routers = options.get(_ROUTER, b"")
    return Reply(
        kind=kind,
        number=number,
        mac=hardware[:6],
        address=address,
        server=IPv4Address(options[_SERVER]),
        server_mac=sender,
        interface=IPv4Interface((address, IPv4Network((0, str(mask))).prefixlen)),
        router=IPv4Address(routers[:4]) if routers else None,
        lease_s=_seconds(options.get(_LEASE)),
        renew_s=_seconds(options.get(_RENEW)),
        rebind_s=_seconds(options.get(_REBIND)),
    )


def _read_options(data: bytes) -> dict[int, bytes]:
    """Return the options by their codes, the parts of a long one joined (RFC 3396); IndexError if one is cut short."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data) and data[at] != _END:
        if data[at] == _PAD:
            at += 1
            continue
        value = data[at + 2 : at + 2 + data[at + 1]]
        if len(value) < data[at + 1]:
            raise IndexError
        found[data[at]] = found.get(data[at], b"") + value
        at += 2 + data[at + 1]
    return found


def _seconds(value: bytes | None) -> int:
    return struct.unpack("!I", value)[0] if value is not None else 0


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) & 1)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
