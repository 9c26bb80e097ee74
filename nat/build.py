"""Writing the rules of translation, from addresses as numbers of 128 bits, IPv4 mapped."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from dataplane.flow.build import live_flows
from dataplane.flow.tables import DESTINATION_PORT_SHIFT, PROTOCOL_SHIFT, SOURCE_PORT_SHIFT
from nat.tables import PUBLISHED_RANGES, SOURCES, STATIC_PAIRS

_HALF = 64
_LOW = (1 << _HALF) - 1
_MAPPED_PREFIX = 0xFFFF
_IPV4_BITS = 32
_PORT = 0xFFFF


class UnusableNatPlanError(Exception):
    """What the plan asks for contradicts itself, or is more than the tables hold."""


class Published(NamedTuple):
    """Ports ``first`` … ``last`` of the ``outside`` addresses lead to those of ``inside`` from ``target`` on."""

    protocol: int
    first: int
    last: int
    outside: tuple[int, ...]
    inside: int
    target: int


class NatPlan(NamedTuple):
    """All that is to be translated: ``sources`` hide those inside, ``static`` pairs are (outside, inside)."""

    sources: tuple[int, ...] = ()
    published: tuple[Published, ...] = ()
    static: tuple[tuple[int, int], ...] = ()
    endpoint_independent: bool = False


def translates(plan: NatPlan) -> bool:
    """Whether the plan asks for anything: only then are conversations tracked."""
    return bool(plan.sources or plan.published or plan.static)


def write_nat(rules: Any, plan: NatPlan) -> None:
    """Write ``plan`` into a copy of the rules (a record of ``NAT_RULES_DTYPE``) that is not in force.

    UnusableNatPlanError if it cannot be: then the copy is as it was.
    """
    families = [[each for each in plan.sources if _is_ipv4(each) == wanted] for wanted in (True, False)]
    for name, family in zip(("IPv4", "IPv6"), families, strict=True):
        _require_room(len(family), SOURCES, f"{name} addresses to translate sources to")
    rows = _published_rows(plan.published)
    _require_pairs(plan.static)
    _write_sources(rules, families)
    _write_published(rules, rows)
    _write_pairs(rules, "outside", sorted(plan.static))
    _write_pairs(rules, "inside", sorted((inside, outside) for outside, inside in plan.static))
    rules.static_pairs = len(plan.static)
    rules.endpoint_independent = plan.endpoint_independent
    rules.translates = translates(plan)


def _is_ipv4(address: int) -> bool:
    return address >> _IPV4_BITS == _MAPPED_PREFIX


def _require_room(wanted: int, room: int, what: str) -> None:
    if wanted > room:
        raise UnusableNatPlanError(f"{wanted:,} {what}, at most {room:,} fit")


Row = tuple[int, int, int, int, int]
"""Outside address, protocol << 16 | first port, the same of the last port, inside address, its first port."""


def _published_rows(published: tuple[Published, ...]) -> list[Row]:
    rows: list[Row] = []
    for each in published:
        span = each.last - each.first
        if not (0 < each.first <= each.last <= _PORT and 0 < each.target <= _PORT - span):
            raise UnusableNatPlanError(f"ports {each.first} to {each.last}, leading to those from {each.target} on")
        if any(_is_ipv4(outside) != _is_ipv4(each.inside) for outside in each.outside):
            raise UnusableNatPlanError(f"port {each.first} is published on an address of another family")
        word = each.protocol << 16
        rows += [(outside, word | each.first, word | each.last, each.inside, each.target) for outside in each.outside]
    _require_room(len(rows), PUBLISHED_RANGES, "ranges of published ports over all addresses")
    rows.sort()
    for row, following in pairwise(rows):
        if row[0] == following[0] and following[1] <= row[2]:
            raise UnusableNatPlanError(f"port {following[1] & _PORT} is published twice")
    return rows


def _require_pairs(pairs: tuple[tuple[int, int], ...]) -> None:
    _require_room(len(pairs), STATIC_PAIRS, "static pairs of addresses")
    for each in zip(*pairs, strict=True):
        if len(set(each)) < len(each):
            raise UnusableNatPlanError("an address stands in two static pairs")
    if any(_is_ipv4(outside) != _is_ipv4(inside) for outside, inside in pairs):
        raise UnusableNatPlanError("a static pair is of two families")


def _write_sources(rules: Any, families: list[list[int]]) -> None:
    rules.source_high[:] = rules.source_low[:] = 0
    for family, addresses in enumerate(families):
        rules.sources[family] = len(addresses)
        for n, address in enumerate(addresses):
            rules.source_high[family * SOURCES + n] = address >> _HALF
            rules.source_low[family * SOURCES + n] = address & _LOW


def _write_published(rules: Any, rows: list[Row]) -> None:
    rules.published = len(rows)
    for n, (outside, first, last, inside, target) in enumerate(rows):
        rules.published_high[n] = outside >> _HALF
        rules.published_low[n] = outside & _LOW
        rules.published_first[n] = first
        rules.published_last[n] = last
        rules.published_inside_high[n] = inside >> _HALF
        rules.published_inside_low[n] = inside & _LOW
        rules.published_target[n] = target


def _write_pairs(rules: Any, side: str, pairs: list[tuple[int, int]]) -> None:
    for n, (address, other) in enumerate(pairs):
        for name, value in ((side, address), (f"{side}_to", other)):
            rules[f"{name}_high"][n] = value >> _HALF
            rules[f"{name}_low"][n] = value & _LOW


class Mapping(NamedTuple):
    """An endpoint-independent mapping; ``created`` is a tick."""

    protocol: int
    inside: int
    inside_port: int
    outside: int
    outside_port: int
    created: int


def read_mappings(head: Any, records: Any, tick: int) -> Iterator[Mapping]:
    """Yield the mappings there are at ``tick``, from a table that workers go on writing."""
    for number in live_flows(head, records, tick):
        record = records[number]
        inside, outside = record.original.key, record.reply.key
        word = int(inside.word)
        yield Mapping(
            word >> int(PROTOCOL_SHIFT) & 0xFF,
            int(inside.source_high) << _HALF | int(inside.source_low),
            word >> int(SOURCE_PORT_SHIFT),
            int(outside.destination_high) << _HALF | int(outside.destination_low),
            int(outside.word) >> int(DESTINATION_PORT_SHIFT) & _PORT,
            int(record.created),
        )
