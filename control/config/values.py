"""One value at a time: what a field's text or number means, or what was expected of it.

Every reader takes what YAML or JSON gave and returns the value, or raises ``Expected``. Readers know nothing of other
fields: rules that span fields are in ``check.py``.
"""

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import NoReturn

from control.config.mistakes import describe
from control.model import Address, Subnet

MAX_NAME = 63
MAX_IFNAME = 15
MAX_NETNS = 255
MIN_VLAN = 1
MAX_VLAN = 4094

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z", re.ASCII)
_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}\Z")
_SUBNET = re.compile(r"[^/%]+/[0-9]{1,3}\Z", re.ASCII)
_VLAN_RANGE = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4}))?\Z", re.ASCII)

UNUSABLE_SUBNETS: tuple[tuple[Subnet, str], ...] = tuple(
    (ip_network(subnet), kind)
    for subnet, kind in (
        ("0.0.0.0/8", "unspecified"),
        ("127.0.0.0/8", "loopback"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("::/127", "loopback and unspecified"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
    )
)


class Expected(ValueError):  # noqa: N818 -- reads as the phrase it carries
    """A value is not what its field takes: ``expected`` is the phrase; ``found`` replaces the value's description."""

    def __init__(self, expected: str, found: str | None = None) -> None:
        super().__init__(expected)
        self.expected = expected
        self.found = found


def path(value: object) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise Expected("the path of a file or folder")
    return value


def whole(low: int, high: int) -> Callable[[object], int]:
    """Return a reader of whole numbers from ``low`` to ``high``."""

    def read_whole(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Expected(f"a whole number from {low} to {high}")
        return value

    return read_whole


def boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise Expected("true or false")
    return value


def name(value: object) -> str:
    """Return a name of a node, network or port: it goes into commands, file names and metrics, so it is kept plain."""
    if not isinstance(value, str) or not _NAME.match(value) or len(value) > MAX_NAME:
        raise Expected(
            f"a name of 1 to {MAX_NAME} letters, digits, '.', '_' and '-' that starts with a letter or digit"
        )
    return value


def ifname(value: object) -> str:
    """Return an interface name that Linux takes (dev_valid_name, IFNAMSIZ) and that is not a template or reserved."""
    good = (
        isinstance(value, str)
        and 0 < len(value) <= MAX_IFNAME
        and value not in (".", "..")
        and all("!" <= character <= "~" and character not in "/:%" for character in value)
    )
    if not good:
        phrase = f"an interface name of 1 to {MAX_IFNAME} printable characters without blanks, '/', ':' and '%'"
        raise Expected(phrase, _with_length(value))
    if value in ("lo", "all", "default"):
        raise Expected("an interface name that Linux does not keep for itself")
    return str(value)


def netns(value: object) -> str:
    """Return a namespace's name, or the absolute path of its file."""
    if not isinstance(value, str) or not value.isprintable() or len(value) > MAX_NETNS:
        _refuse_netns(value)
    if "/" in value and not value.startswith("/"):
        _refuse_netns(value)
    if "/" not in value and (not _NAME.match(value)):
        _refuse_netns(value)
    return value


def _refuse_netns(value: object) -> NoReturn:
    raise Expected("a network namespace's name, or an absolute path such as /proc/1234/ns/net", _with_length(value))


def mac(value: object) -> bytes:
    """Return six bytes, big-endian; a group address or all zeros is nobody's own."""
    if not isinstance(value, str) or not _MAC.match(value):
        raise Expected("a MAC such as 02:00:00:00:00:02")
    octets = bytes.fromhex(value.replace(value[2], ""))
    if octets[0] & 1:
        raise Expected("a unicast MAC", f"{value}, a group address (lowest bit of the first byte is 1)")
    if not any(octets):
        raise Expected("a MAC other than zero")
    return octets


def address(value: object) -> tuple[Address, int | None]:
    """Return an address and the prefix length written behind it (None when there is none)."""
    phrase = "an IPv4 or IPv6 address such as 10.10.0.2 or fd00:10::2"
    if not isinstance(value, str) or "%" in value:
        raise Expected(phrase)
    text, slash, length = value.partition("/")
    try:
        found = ip_address(text)
    except ValueError:
        raise Expected(phrase) from None
    if not slash:
        return found, None
    if not (length.isascii() and length.isdecimal()) or int(length[:4]) > found.max_prefixlen:
        raise Expected(phrase)
    return found, int(length)


def plain_address(value: object) -> Address:
    found, length = address(value)
    if length is not None:
        raise Expected("an address without a prefix length")
    return found


def subnet(value: object) -> Subnet:
    phrase = "a subnet such as 10.10.0.0/24 or fd00:10::/64"
    if not isinstance(value, str) or not _SUBNET.match(value):
        raise Expected(phrase)
    try:
        found = ip_network(value, strict=False)
    except ValueError:
        raise Expected(phrase) from None
    if ip_address(value.partition("/")[0]) != found.network_address:
        raise Expected("a subnet without host bits", f"{value} (its subnet is {found})")
    for unusable, kind in UNUSABLE_SUBNETS:
        if found.version == unusable.version and found.overlaps(unusable):
            raise Expected("a subnet of unicast addresses", f"{value}, which overlaps {unusable} ({kind})")
    return found


def vlan(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not MIN_VLAN <= value <= MAX_VLAN:
        raise Expected(f"a VLAN from {MIN_VLAN} to {MAX_VLAN}")
    return value


def vlans(value: object) -> range:
    """Return the VLANs of one trunk entry: ``10`` or ``"100-199"``."""
    phrase = f'a VLAN from {MIN_VLAN} to {MAX_VLAN}, or a range such as "100-199"'
    match = _VLAN_RANGE.match(value) if isinstance(value, str) else None
    if match:
        low = int(match[1])
        high = int(match[2] or low)
    elif isinstance(value, int) and not isinstance(value, bool):
        low = high = value
    else:
        raise Expected(phrase)
    if not MIN_VLAN <= low <= high <= MAX_VLAN:
        raise Expected(phrase)
    return range(low, high + 1)


def mode(value: object) -> str:
    if value not in ("bridge", "none", "overlay", "routed", "host"):
        raise Expected("bridge, overlay, routed or none")
    return str(value)


def uplink_mode(value: object) -> str:
    if value not in ("host", "nic", "port"):
        raise Expected("host, nic or port")
    return str(value)


def mapping(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Expected("a mapping")
    return value


def sequence(value: object) -> list[object]:
    if not isinstance(value, list):
        raise Expected("a list")
    return value


def _with_length(value: object) -> str | None:
    return (
        f"{describe(value)} ({len(value)} characters)" if isinstance(value, str) and len(value) > MAX_IFNAME else None
    )
