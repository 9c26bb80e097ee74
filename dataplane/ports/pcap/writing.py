"""The file header that goes before what ``kernels.append_record`` appends."""

import struct
from typing import Final

from dataplane.ports.pcap.linktypes import ETHERNET
from dataplane.ports.pcap.tables import MAGIC_NANOSECONDS, MAX_CAPTURED_BYTES

FILE_HEADER: Final = struct.pack("<IHHiIII", MAGIC_NANOSECONDS, 2, 4, 0, 0, MAX_CAPTURED_BYTES, ETHERNET)
"""Little-endian, nanoseconds, version 2.4, Ethernet: 24 bytes."""
