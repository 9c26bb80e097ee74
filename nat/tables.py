"""What reading the packet that an ICMP error quotes comes to."""

from typing import Final

NO_ERROR: Final = 0
"""The packet is no ICMP error: it has ports of its own, or none."""
QUOTES_PACKET: Final = 1
QUOTE_MALFORMED: Final = 2
"""The quoted packet is too short or its header makes no sense; nothing can be said about its flow."""
QUOTES_LATER_FRAGMENT: Final = 3
"""The quoted packet has no ports to find its flow by."""
