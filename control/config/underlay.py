"""The MTU of an underlay that nobody states: the least of the ways to all peers of the file."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from control.config.mistakes import Mistakes, Path
from control.config.values import Expected, plain_address
from control.model import Address, Overlay

UnderlayMtus = Callable[[Sequence[Address]], Sequence[int | str]]
"""Tells the MTU of the way to each address, in bytes, or why there is no way; nothing at all where nobody can know."""

_PATH: Path = ("overlay", "mtu")


def mtu_of_ways(
    overlay: Overlay, peers: Sequence[object], previous: Overlay | None, ask: UnderlayMtus, mistakes: Mistakes
) -> int | None:
    """Return the least MTU of the ways to ``peers``, as they are written; without any, that of this node's own address.

    Routes come and go, and a way that is gone says nothing of its MTU: then that of ``previous``, the overlay in force,
    still counts. It is a mistake if there is none and no way at all. None: nobody can know.
    """
    towards = list(dict.fromkeys(_addresses(peers, overlay.address.version))) or [overlay.address]
    answers = ask(towards)
    if not answers:
        return None
    told = list(zip(towards, answers, strict=True))
    found = [mtu for _, mtu in told if isinstance(mtu, int)]
    absent = [f"{address} ({why})" for address, why in told if isinstance(why, str)]
    if not absent:
        return min(found)
    lost = absent[0] + (f" and {len(absent) - 1} more" if len(absent) > 1 else "")
    if previous is not None and (previous.transport, previous.address.version) == ("socket", overlay.address.version):
        least = min([previous.mtu, *found])
        mistakes.warn(_PATH, f"there is no way to {lost}: the MTU is taken to be {least}, as before")
        return least
    if found:
        mistakes.warn(_PATH, f"there is no way to {lost}: the MTU is that of the other ways, {min(found)}")
        return min(found)
    mistakes.add(_PATH, "an MTU, or a way to know it by (add a route)", f"no way to {lost}")
    return None


def _addresses(peers: Sequence[object], version: int) -> Iterator[Address]:
    """Yield the addresses that peers state, before anything else of them is looked at."""
    for peer in peers:
        try:
            address = plain_address(peer.get("address") if isinstance(peer, Mapping) else None)
        except Expected:
            continue
        if address.version == version:
            yield address
