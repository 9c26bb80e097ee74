"""Which addresses of a subnet a host can have, and which of them is next."""

from collections.abc import Container, Iterable, Iterator
from ipaddress import ip_interface

from control.model import Address, Interface, Subnet


def host_range(subnet: Subnet) -> tuple[int, int]:
    """Return the first and the last host address as integers.

    The network and broadcast addresses of IPv4 and IPv6's subnet-router anycast address (RFC 4291 section 2.6.1) are
    nobody's own; subnets of one or two addresses have none of these (RFC 3021, RFC 6164).
    """
    first = int(subnet.network_address)
    last = int(subnet.broadcast_address)
    if subnet.num_addresses <= 2:
        return first, last
    return first + 1, last - 1 if subnet.version == 4 else last


def is_host(address: Address, subnet: Subnet) -> bool:
    """Say whether ``address``, which lies in ``subnet``, can be a host's own."""
    first, last = host_range(subnet)
    return first <= int(address) <= last


def first_host(subnet: Subnet) -> Address:
    return subnet[host_range(subnet)[0] - int(subnet.network_address)]


def free_hosts(
    subnet: Subnet, taken: Container[Address], elsewhere: Iterable[Subnet] = (), within: Subnet | None = None
) -> Iterator[Address]:
    """Yield the host addresses of ``subnet`` that are not ``taken`` when they are reached, lowest first.

    None of those in ``elsewhere``, subnets in order that do not overlap; only hosts ``within`` a part of the subnet, if
    there is one. Lazy: an IPv6 subnet may have 2**64.
    """
    first, last = host_range(subnet)
    if within is not None:
        inner = host_range(within)
        first, last = max(first, inner[0]), min(last, inner[1])
    start = int(subnet.network_address)
    for part, end in _parts(first, last, elsewhere):
        for number in range(part, end + 1):
            address = subnet[number - start]
            if address not in taken:
                yield address


def _parts(first: int, last: int, without: Iterable[Subnet]) -> Iterator[tuple[int, int]]:
    """Yield the ranges from ``first`` to ``last`` that are left between subnets."""
    for subnet in without:
        yield first, min(last, int(subnet.network_address) - 1)
        first = max(first, int(subnet.broadcast_address) + 1)
    yield first, last


def subnet_of(address: Address, subnets: Iterable[Subnet | None]) -> Subnet | None:
    """Return the subnet that ``address`` lies in; None if it lies in none of them."""
    return next((s for s in subnets if s is not None and s.version == address.version and address in s), None)


def on_subnet(address: Address, subnet: Subnet) -> Interface:
    """Return ``address`` with its subnet's prefix length, as it is put on an interface."""
    return ip_interface((address, subnet.prefixlen))
