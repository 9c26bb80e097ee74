"""A packet socket on a NIC that hears DHCP servers and nothing else: the kernel filters, however busy the NIC is."""

import asyncio
import ctypes
import socket
import struct

from control.errors import UserError
from control.host.packet import PACKET_ADD_MEMBERSHIP, PACKET_IGNORE_OUTGOING, PACKET_MR_PROMISC, SOL_PACKET

SO_ATTACH_FILTER = 26
_ETH_P_IP = 0x0800
_FRAME_BYTES = 2048

# linux/filter.h; the loads of ancillary data are at offsets from here.
_LOAD_BYTE, _LOAD_HALF, _LOAD_HALF_AT_X, _LOAD_X_HEADER = 0x30, 0x28, 0x48, 0xB1
_IF_EQUAL, _IF_BITS, _RETURN = 0x15, 0x45, 0x06
_VLAN_IS_PRESENT = 0x1_0000_0000 - 0x1000 + 48

_FILTER = (
    (_LOAD_BYTE, 0, 0, _VLAN_IS_PRESENT),
    (_IF_EQUAL, 0, 8, 0),
    (_LOAD_BYTE, 0, 0, 14 + 9),
    (_IF_EQUAL, 0, 6, socket.IPPROTO_UDP),
    (_LOAD_HALF, 0, 0, 14 + 6),
    (_IF_BITS, 4, 0, 0x1FFF),
    (_LOAD_X_HEADER, 0, 0, 14),
    (_LOAD_HALF_AT_X, 0, 0, 14 + 2),
    (_IF_EQUAL, 0, 1, 68),
    (_RETURN, 0, 0, 0xFFFF),
    (_RETURN, 0, 0, 0),
)
"""Untagged, UDP, no later fragment, to port 68."""


class DhcpLink:
    """Sends and receives whole frames; ``close`` it."""

    def __init__(self, ifname: str) -> None:
        """UserError if there is no such interface, or no right to open it."""
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0)
        try:
            index = socket.if_nametoindex(ifname)
            opened.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            # Answers come to a MAC that is not the NIC's.
            opened.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, struct.pack("iHH8x", index, PACKET_MR_PROMISC, 0))
            _attach_filter(opened)
            opened.bind((ifname, _ETH_P_IP))
        except OSError as error:
            opened.close()
            raise UserError(f"cannot ask for an address at '{ifname}': {error.strerror}") from error
        self._socket = opened
        self._loop = asyncio.get_running_loop()

    async def send(self, frame: bytes) -> None:
        """OSError when the interface is down or gone."""
        await self._loop.sock_sendall(self._socket, frame)

    async def receive(self) -> bytes:
        return await self._loop.sock_recv(self._socket, _FRAME_BYTES)

    def close(self) -> None:
        self._socket.close()


def _attach_filter(opened: socket.socket) -> None:
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in _FILTER)
    buffer = ctypes.create_string_buffer(code)
    opened.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", len(_FILTER), ctypes.addressof(buffer)))
