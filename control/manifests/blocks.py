"""Blocks of addresses, as the API reads them.

NetworkPolicy's are read as leniently as Kubernetes has always read them: bits set behind the prefix length, zeros in
front of numbers (which are decimal) and IPv4 addresses in IPv6 clothes are taken, with the warnings that its server
gives too. ClusterNetworkPolicy's are read strictly, but for bits behind the prefix length.
"""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from control.config.mistakes import Path
from control.manifests.notes import Notes
from control.manifests.reading import text
from control.model import Subnet
from control.policy.model import BlockPeer

_LONGEST = 43
_FORM = re.compile(r"([0-9A-Fa-f:.]+)/([0-9]{1,9})\Z", re.ASCII)


def read_block(cidr: object, excepts: list[object], path: Path, notes: Notes) -> BlockPeer | None:
    """Return an ipBlock; None, which is noted, if it is wrong."""
    where = (*path, "cidr")
    block = _lenient(text(cidr, where, notes), where, notes, cidr)
    if block is None:
        return None
    cut = []
    for index, item in enumerate(excepts):
        where = (*path, "except", index)
        out = _lenient(text(item, where, notes), where, notes, item)
        if out is None:
            continue
        if out.version != block.version or out.prefixlen <= block.prefixlen or not _is_within(out, block):
            notes.wrong_as(where, f"a block inside {block} and smaller than it", str(out))
        cut.append(out)
    return BlockPeer(block, tuple(cut))


def read_network(value: object, path: Path, notes: Notes) -> Subnet | None:
    """Return one of a ClusterNetworkPolicy's networks; None, which is noted, if it is wrong."""
    block, _, is_standard = _parse(value) if isinstance(value, str) else (None, None, False)
    if block is None or not is_standard or len(str(value)) > _LONGEST:
        notes.wrong(path, "a block of addresses such as 10.0.0.0/8 or fd00::/8", value)
        return None
    return block


def _lenient(written: str, path: Path, notes: Notes, value: object) -> Subnet | None:
    block, address, is_standard = _parse(written)
    if block is None:
        if isinstance(value, str) or value is None:
            notes.wrong(path, "a block of addresses such as 10.0.0.0/8 or fd00::/8", value)
        return None
    if not is_standard:
        notes.warn(path, f"{written} is not written as it should be: {block} is meant")
    elif address != block.network_address:
        notes.warn(path, f"{written} has bits set behind its prefix length: {block} is meant, or {address} alone?")
    return block


@lru_cache(maxsize=1 << 14)
def _parse(written: str) -> tuple[Subnet | None, IPv4Address | IPv6Address | None, bool]:
    """Return the block, the address as it is written, and whether both are written by the standard."""
    match = _FORM.match(written)
    if not match:
        return None, None, False
    plain = written
    if "." in match[1] or len(match[2]) > 1:
        plain = _without_zeros(match[1], match[2])
    number, _, length = plain.partition("/")
    try:
        address = ip_address(number)
        block = ip_network((address, int(length)), strict=False)
    except ValueError:
        return None, None, False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    if mapped is None:
        return block, address, plain == written
    if block.prefixlen < 96:  # It holds more than IPv4's addresses.
        return block, address, False
    return ip_network((mapped, block.prefixlen - 96), strict=False), mapped, False


def _without_zeros(number: str, length: str) -> str:
    head, colon, last = number.rpartition(":")
    last = ".".join(str(int(part)) if part.isdigit() else part for part in last.split(".")) if "." in last else last
    return f"{head}{colon}{last}/{int(length)}"


def _is_within(inner: Subnet, outer: Subnet) -> bool:
    return inner.subnet_of(outer)  # type: ignore[arg-type]
