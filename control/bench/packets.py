"""Headers of packets by the column: Ethernet, IPv4 or IPv6, and UDP, for workloads that are routed."""

from typing import Any

import numpy as np

UDP_PROTOCOL = 17
TTL = 64
_ETHERNET, _IPV4, _IPV6, _UDP = 14, 20, 40, 8


def words(values: Any, width: int) -> Any:
    """Return numbers as big-endian bytes: uint8 of shape (count, width)."""
    return np.ascontiguousarray(values, f">u{width}").view(np.uint8).reshape(-1, width)


def udp4(macs: bytes, source: Any, destination: Any, ports: tuple[Any, Any], frame_bytes: int) -> Any:
    """Return Ethernet, IPv4 and UDP headers, uint8 of shape (count, 42), with their checksums; ``macs`` are twelve
    bytes; addresses are uint32 and ports uint16 columns. The payload that fills the frame is zeros."""
    count = len(destination)
    headers = np.zeros((count, _ETHERNET + _IPV4 + _UDP), np.uint8)
    headers[:, :12] = np.frombuffer(macs, np.uint8)
    headers[:, 12:14] = (0x08, 0x00)
    ip = headers[:, _ETHERNET : _ETHERNET + _IPV4]
    total = frame_bytes - _ETHERNET
    ip[:, 0] = 0x45
    ip[:, 2:4] = words(np.array([total]), 2)
    ip[:, 8:10] = (TTL, UDP_PROTOCOL)
    ip[:, 12:16], ip[:, 16:20] = words(source, 4), words(destination, 4)
    ip[:, 10:12] = words(checksum(ip), 2)
    write_udp(headers[:, _ETHERNET + _IPV4 :], ip[:, 12:20], ports, total - _IPV4)
    return headers


def udp6(macs: bytes, source: Any, destination: Any, ports: tuple[Any, Any], frame_bytes: int) -> Any:
    """Return Ethernet, IPv6 and UDP headers, uint8 of shape (count, 62); addresses are uint8 of shape (count, 16)."""
    count = len(destination)
    headers = np.zeros((count, _ETHERNET + _IPV6 + _UDP), np.uint8)
    headers[:, :12] = np.frombuffer(macs, np.uint8)
    headers[:, 12:14] = (0x86, 0xDD)
    ip = headers[:, _ETHERNET : _ETHERNET + _IPV6]
    payload = frame_bytes - _ETHERNET - _IPV6
    ip[:, 0] = 0x60
    ip[:, 4:6] = words(np.array([payload]), 2)
    ip[:, 6:8] = (UDP_PROTOCOL, TTL)
    ip[:, 8:24], ip[:, 24:40] = source, destination
    write_udp(headers[:, _ETHERNET + _IPV6 :], ip[:, 8:40], ports, payload)
    return headers


def write_udp(udp: Any, addresses: Any, ports: tuple[Any, Any], length: int) -> None:
    """Fill in UDP headers, with the checksum over ``addresses`` and a payload of zeros."""
    udp[:, 0:2], udp[:, 2:4] = words(ports[0], 2), words(ports[1], 2)
    udp[:, 4:6] = words(np.array([length]), 2)
    protocol = np.broadcast_to(words(np.array([UDP_PROTOCOL, length]), 2).reshape(-1), (len(udp), 4))
    udp[:, 6:8] = words(checksum(np.hstack([addresses, protocol, udp])), 2)


def checksum(columns: Any) -> Any:
    """Return the Internet checksum of each row, an even number of bytes (RFC 1071)."""
    pairs = np.ascontiguousarray(columns).view(">u2").astype(np.uint64)
    total = pairs.sum(axis=1)
    for _ in range(2):
        total = (total & np.uint64(0xFFFF)) + (total >> np.uint64(16))
    return np.uint64(0xFFFF) - total
