"""A frame on its way through the router, what becomes of it, and the ways out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from control.model import Port
from tests.naive.domains import Domain
from tests.naive.vlan import Untagged
from tests.naive.wire import Address


@dataclass(frozen=True)
class Frame:
    """A frame under way; ``came_from`` is the VTEP's address that it came from if it came by the tunnel."""

    port: Port
    inside: Untagged
    domain: Domain
    came_from: Address | None = None

    @property
    def data(self) -> bytes:
        """The frame without tag."""
        return self.inside.frame


class Own(NamedTuple):
    """A frame of the router's own, and the domain that it is for.

    ``source`` is the port of the frame that it was made of or about, if any; with ``is_held_apart`` isolation counts
    from there. ``target`` is the address that it asks for. ``is_routed``: it is the frame that came in.
    """

    domain: Domain
    data: bytes
    priority: int = 0
    source: Port | None = None
    is_held_apart: bool = False
    target: Address | None = None
    is_routed: bool = False


class Parcel(NamedTuple):
    """A frame of a network for one other VTEP; ``source`` is the port that it came in at, if any. ``is_copy``: others
    have got it too, or the router has made it, so that nothing is dropped if it ends."""

    source: Port | None
    domain: Domain
    data: bytes
    to: Address
    is_copy: bool = False


class Fate(NamedTuple):
    """What became of a frame."""

    verdict: str
    reason: str | None = None


CONSUMED, FORWARDED = Fate("consume"), Fate("forward")


def drop(reason: str) -> Fate:
    """Return the end of a frame."""
    return Fate("drop", reason)


def best_of(fates: list[Fate]) -> Fate:
    """Return the fate of a frame of several copies: forwarded if one is, consumed if one waits, else the last one's."""
    for each in (FORWARDED, CONSUMED):
        if each in fates:
            return each
    return fates[-1]


class Ways(NamedTuple):
    """How the router's frames leave. ``out`` says what became of one."""

    out: Callable[[Own], Fate]
    """By the forwarding database of a domain."""
    back: Callable[[Frame, bytes], None]
    """To where a frame came from."""
    away: Callable[[Frame, Address], Fate]
    """Through the tunnel, to one other VTEP alone."""
