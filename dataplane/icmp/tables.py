"""The codes of ICMP errors (RFC 792, RFC 1812 section 5.2.7.1, RFC 4443), and how long errors get."""

from typing import Final

# With ICMP_UNREACHABLE.
NET_UNREACHABLE: Final = 0
HOST_UNREACHABLE: Final = 1
PROTOCOL_UNREACHABLE: Final = 2
PORT_UNREACHABLE: Final = 3
FRAGMENTATION_NEEDED: Final = 4
PROHIBITED: Final = 13
# With ICMPV6_UNREACHABLE.
NO_ROUTE6: Final = 0
PROHIBITED6: Final = 1
ADDRESS_UNREACHABLE6: Final = 3
PORT_UNREACHABLE6: Final = 4
# With ICMPV6_PARAMETER_PROBLEM.
UNKNOWN_NEXT_HEADER: Final = 1
# With ICMP_TIME_EXCEEDED and ICMPV6_TIME_EXCEEDED.
IN_TRANSIT: Final = 0

ERROR_BYTES: Final = 576
ERROR6_BYTES: Final = 1280
"""The longest error, with its IP header (RFC 1812 section 4.3.2.3, RFC 4443 section 2.4 c)."""

OWN_TTL: Final = 64
NETWORK_CONTROL: Final = 0xC0
"""The TOS of errors: precedence 6 (RFC 1812 section 4.3.2.5)."""

ICMPV6_FIRST_INFORMATIONAL: Final = 128
ICMPV6_REDIRECT: Final = 137
