"""One value of the router's fields at a time: published ports, destinations and next hops of routes."""

import re
from ipaddress import ip_address, ip_network

from control.config.values import UNUSABLE_SUBNETS, Expected, plain_address, whole
from control.model import Address, Publish, Subnet

_MAX_PORT = 65535
_MAX_WEIGHT = 256
_PUBLISH = re.compile(
    r"(?:\[(?P<v6>[^]%]*)\]:|(?P<v4>[^:\[\]]*):)?"
    r"(?P<first>[0-9]{1,5})(?:-(?P<last>[0-9]{1,5}))?:"
    r"(?P<target>[0-9]{1,5})(?:-(?P<end>[0-9]{1,5}))?"
    r"(?:/(?P<protocol>tcp|udp|sctp))?\Z",
    re.ASCII,
)


def publish(value: object) -> Publish:
    """Return what ``[HOST_IP:]PORT[-PORT]:PORT[-PORT][/PROTO]`` publishes; an IPv6 address stands in brackets."""
    match = _PUBLISH.match(value) if isinstance(value, str) else None
    if not match:
        raise Expected("[HOST_IP:]PORT[-PORT]:PORT[-PORT][/PROTO] such as 8080:80/tcp")
    first, target = int(match["first"]), int(match["target"])
    last, end = int(match["last"] or first), int(match["end"] or target)
    if not (1 <= first <= last <= _MAX_PORT and 1 <= target <= end <= _MAX_PORT):
        raise Expected(f"ports from 1 to {_MAX_PORT}, in rising order")
    if last - first != end - target:
        raise Expected(
            "as many ports inside as outside", f"{value} ({last - first + 1} outside, {end - target + 1} inside)"
        )
    return Publish(first, last, target, match["protocol"] or "tcp", _host(match["v4"], match["v6"]))


def _host(v4: str | None, v6: str | None) -> Address | None:
    text, version = (v4, 4) if v6 is None else (v6, 6)
    if text is None:
        return None
    try:
        host = ip_address(text)
    except ValueError:
        host = None
    if host is None or host.version != version:
        raise Expected("an address before the ports, such as 192.0.2.1:8080:80 or [2001:db8::1]:80:80")
    return None if host.is_unspecified else host


def destination(value: object) -> Subnet:
    """Return a route's destination: any prefix of unicast addresses, 0.0.0.0/0 and ::/0 too."""
    phrase = "a destination such as 10.50.0.0/16 or ::/0"
    if not isinstance(value, str) or "/" not in value or "%" in value:
        raise Expected(phrase)
    address, _, length = value.partition("/")
    if not (length.isascii() and length.isdecimal()) or len(length) > len("128"):
        raise Expected(phrase)
    try:
        found = ip_network(value, strict=False)
    except ValueError:
        raise Expected(phrase) from None
    if ip_address(address) != found.network_address:
        raise Expected("a destination without host bits", f"{value} (its subnet is {found})")
    for unusable, kind in UNUSABLE_SUBNETS:
        if found.version == unusable.version and found.subnet_of(unusable):  # type: ignore[arg-type]
            raise Expected("a destination of unicast addresses", f"{value}, which lies in {unusable} ({kind})")
    return found


def next_hop(value: object) -> tuple[Address, int]:
    """Return the address and the weight of ``ADDRESS`` or ``{address, weight}``."""
    if not isinstance(value, dict):
        return plain_address(value), 1
    if not value.keys() <= {"address", "weight"} or "address" not in value:
        raise Expected("an address, or {address, weight}")
    try:
        weight = whole(1, _MAX_WEIGHT)(value.get("weight", 1))
    except Expected as error:
        raise Expected(f"{error.expected} as the weight") from None
    return plain_address(value["address"]), weight
