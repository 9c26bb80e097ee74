"""A frame on its way through the router, what becomes of it, and the ways out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from control.model import Port
from tests.naive.domains import Domain
from tests.naive.vlan import Untagged


@dataclass(frozen=True)
class Frame:
    """A frame under way."""

    port: Port
    inside: Untagged
    domain: Domain

    @property
    def data(self) -> bytes:
        """The frame without tag."""
        return self.inside.frame


class Own(NamedTuple):
    """A frame of the router's own, and the domain that it is for."""

    domain: Domain
    data: bytes
    priority: int = 0


class Fate(NamedTuple):
    """What became of a frame."""

    verdict: str
    reason: str | None = None


CONSUMED, FORWARDED = Fate("consume"), Fate("forward")


class Ways(NamedTuple):
    """How the router's frames leave. ``out`` says why one did not leave, if it did not."""

    out: Callable[[Domain, bytes, int, Port | None], str | None]
    """By the forwarding database of a domain: with a frame, its priority, and the port that isolation counts from."""
    back: Callable[[Port, Untagged], None]
    """By the port that a frame came from."""
