"""What reading a message between neighbours returns."""

from typing import Final

NOT_ARP: Final = 0
"""What ``read_arp`` returns instead of an operation."""
