"""What parsing a packet can find, and what it needs."""

from typing import Final

PACKET: Final = 0
"""A packet whose header is in order; its columns are filled."""
MALFORMED: Final = 1
"""Its version, a length or its header's checksum is wrong, or its extension headers run past its end."""
NOT_IP: Final = 2
"""The frame's type is neither IPv4 nor IPv6."""

EXTENSION_HEADERS: Final = 8
"""How many IPv6 extension headers are read; a packet with more has no transport that anybody here knows of."""
NO_TRANSPORT: Final = 0
"""``transport_at`` of a packet whose transport header is not there to be read."""
