"""Which sockets take what comes to a port: read from a network namespace's /proc/net (such as /proc/self/net).

TCP sockets that listen and UDP sockets that are bound, whoever has them. SCTP is not read: its endpoints are listed
where the module is loaded, which is hardly anywhere.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from control.model import Address

_FILES = {"tcp": ("tcp", "tcp6"), "udp": ("udp", "udp6")}
_TAKES = {"tcp": "0A", "udp": "07"}
"""The states of include/net/tcp_states.h: TCP_LISTEN, and TCP_CLOSE, which an unconnected UDP socket is in."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that takes what comes to ``port``; ``inode`` is its number."""

    protocol: str
    address: Address
    port: int
    inode: int

    def takes(self, host: Address | None) -> bool:
        """Return whether it may take what is sent to ``host``; None: to any address."""
        if host is None or self.address.is_unspecified:
            # A socket of IPv6 takes IPv4 too unless it says otherwise, which cannot be seen here.
            return host is None or self.address.version == 6 or host.version == 4
        return self.address == host


def list_listeners(protocol: str, place: str = "/proc/self/net") -> Iterator[Listener]:
    """Yield what listens; nothing for a protocol that is not read."""
    for name in _FILES.get(protocol, ()):
        try:
            with open(f"{place}/{name}", encoding="ascii") as stream:
                lines = stream.readlines()[1:]
        except OSError:
            continue  # A kernel without IPv6.
        for line in lines:
            words = line.split()
            if words[3] == _TAKES[protocol]:
                address, port = words[1].split(":")
                yield Listener(protocol, _address(address), int(port, 16), int(words[9]))


def _address(text: str) -> Address:
    """Return the address that the kernel prints as words in its own byte order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    if len(packed) == 4:
        return IPv4Address(packed)
    address = IPv6Address(packed)
    return address.ipv4_mapped or address
