"""The beginnings of files: what goes before the records or blocks that are appended later."""

import struct
from typing import Final

from dataplane.ports.pcap.linktypes import ETHERNET
from dataplane.ports.pcap.tables import BYTE_ORDER_MAGIC, MAGIC_NANOSECONDS, MAX_CAPTURED_BYTES, SECTION_HEADER

FILE_HEADER: Final = struct.pack("<IHHiIII", MAGIC_NANOSECONDS, 2, 4, 0, 0, MAX_CAPTURED_BYTES, ETHERNET)
"""A classic file before its first record (``kernels.append_record``): little-endian, nanoseconds; 24 bytes."""

EMPTY_SECTION: Final = struct.pack("<IIIHHqI", SECTION_HEADER, 28, BYTE_ORDER_MAGIC, 1, 0, -1, 28)
"""A pcapng file before its first interface: little-endian, version 1.0, of unknown length; 28 bytes."""
