"""The ``routes`` and ``nat`` of the file -> the model's."""

from collections.abc import Sequence

from control.config.check import Networks
from control.config.mistakes import Mistakes, Path, describe
from control.config.schema import NatFields, RouteFields, StaticFields
from control.model import Address, Nat, Route, Subnet

_WAYS = ("via", "network", "blackhole")


def resolve_routes(
    items: Sequence[object], networks: Networks, all_networks: bool, mistakes: Mistakes
) -> tuple[Route, ...]:
    """Return the routes that are right. ``all_networks``: ``networks`` lacks none whose name is wrong."""
    routes: list[Route] = []
    lines: dict[Subnet, int] = {}
    for index, item in enumerate(items):
        path: Path = ("routes", index)
        fields = None if mistakes.touch(path) else RouteFields.read(item, path, mistakes)
        if fields is None:
            continue
        _check_route(fields, path, mistakes)
        if fields.network is not None and all_networks and fields.network not in networks:
            mistakes.add((*path, "network"), "a network of the file", describe(fields.network))
        if fields.to is None:
            continue
        if fields.to in lines:
            found = f"{fields.to}, which line {lines[fields.to]} has"
            mistakes.add((*path, "to"), "a destination that no other route has", found)
        lines.setdefault(fields.to, mistakes.line_of((*path, "to")))
        if not mistakes.touch(path):
            hops = tuple(hop for hop in fields.via or () if hop is not None)
            routes.append(Route(fields.to, hops, fields.network or "", bool(fields.blackhole)))
    return tuple(routes)


def _check_route(fields: RouteFields, path: Path, mistakes: Mistakes) -> None:
    written = [way for way in _WAYS if getattr(fields, way) is not None or mistakes.touch((*path, way))]
    if len(written) != 1:
        mistakes.add(path, "one of via, network and blackhole", ", ".join(written) or "none of them")
    if fields.blackhole is False:
        mistakes.add((*path, "blackhole"), "true, or no blackhole", "false")
    if fields.via is not None and not fields.via:
        mistakes.add((*path, "via"), "at least one next hop", "an empty list")
    seen: set[Address] = set()
    for index, hop in enumerate(fields.via or ()):
        if hop is None:
            continue
        if fields.to is not None and hop[0].version != fields.to.version:
            mistakes.add((*path, "via", index), f"an IPv{fields.to.version} address, as {fields.to} is", str(hop[0]))
        if hop[0] in seen:
            mistakes.add((*path, "via", index), "a next hop once", f"{hop[0]}, again")
        seen.add(hop[0])


def resolve_nat(data: object, mistakes: Mistakes) -> Nat:
    path: Path = ("nat",)
    fields = None if data is None else NatFields.read(data, path, mistakes)
    if fields is None:
        return Nat()
    pairs: list[tuple[Address, Address]] = []
    taken: dict[tuple[str, Address], int] = {}
    for index, item in enumerate(fields.static or ()):
        where = (*path, "static", index)
        pair = StaticFields.read(item, where, mistakes)
        if pair is None:
            continue
        for side, address in (("outside", pair.outside), ("inside", pair.inside)):
            if address is None:
                continue
            if (side, address) in taken:
                found = f"{address}, which line {taken[side, address]} has"
                mistakes.add((*where, side), "an address of one pair only", found)
            taken.setdefault((side, address), mistakes.line_of(where))
        if pair.outside is None or pair.inside is None:
            continue
        if pair.outside.version != pair.inside.version:
            mistakes.add(where, "two addresses of one family", f"{pair.outside} and {pair.inside}")
        pairs.append((pair.outside, pair.inside))
    return Nat(bool(fields.endpoint_independent), tuple(pairs))
