"""What a host uplink has where the configuration does not say: its port, its device and a pair of addresses a family.

The pairs are link-local (RFC 3927) and unique-local (RFC 4193; the global ID spells "taps"), so that they meet nobody's
networks. The fabric has the second address of each, the host the first.
"""

from ipaddress import ip_address, ip_interface

from control.model import Address, Interface

UPLINK_PORT = "uplink"
"""The port that the modes host and nic make."""

HOST_IFNAME = "tapestry-up"

HOST_ADDRESSES: tuple[Interface, ...] = (ip_interface("169.254.254.2/30"), ip_interface("fd54:6170:6573::2/126"))
HOST_GATEWAYS: tuple[Address, ...] = (ip_address("169.254.254.1"), ip_address("fd54:6170:6573::1"))
