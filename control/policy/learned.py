"""Which addresses names have been answered with, for the rules that let pods out by name. Pure: time is passed in.

An address counts for as long as the answer says, but never for less than FLOOR_S: who has asked goes on to use it for a
while, and a conversation that has begun is judged again with every change. What is too much pushes out what would be
over first: a name that many ask for cannot fill the tables.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import inf

from control.model import Address
from control.policy.groups import is_named
from control.policy.model import Manifests, NamePeer

FLOOR_S = 300.0
MOST = 4096
"""Addresses of all names together."""


class LearnedNames:
    """Names in lower case, and until when each of their addresses counts."""

    def __init__(self, known: Mapping[str, Iterable[Address]] | None = None, now_s: float = 0.0) -> None:
        """``known``: what was known to an agent before, as if it had just been answered."""
        self._until: dict[tuple[str, Address], float] = {}
        for name, addresses in (known or {}).items():
            self.learn(name, addresses, 0.0, now_s)

    def learn(self, name: str, addresses: Iterable[Address], ttl_s: float, now_s: float) -> bool:
        """Know an answer; return whether that or what it pushed out is news."""
        before = self._until.keys() | ()
        for address in addresses:
            key = (name.lower().rstrip("."), address)
            self._until[key] = max(self._until.get(key, 0.0), now_s + max(ttl_s, FLOOR_S))
        for key in sorted(self._until, key=self._until.__getitem__)[: max(0, len(self._until) - MOST)]:
            del self._until[key]
        return self._until.keys() != before

    def expire(self, now_s: float) -> bool:
        """Forget what is over; return whether anything was."""
        over = [key for key, until in self._until.items() if until <= now_s]
        for key in over:
            del self._until[key]
        return bool(over)

    def next_expiry(self) -> float:
        """Return when the next address is over; infinity if there is none."""
        return min(self._until.values(), default=inf)

    def addresses(self) -> dict[str, frozenset[Address]]:
        """Return the addresses of each name."""
        found: dict[str, set[Address]] = {}
        for name, address in self._until:
            found.setdefault(name, set()).add(address)
        return {name: frozenset(addresses) for name, addresses in found.items()}


class Watched:
    """The names that rules ask for."""

    def __init__(self, manifests: Manifests | None) -> None:
        policies = () if manifests is None else manifests.cluster_policies
        rules = (rule for policy in policies for rule in (*policy.ingress, *policy.egress))
        peers = (peer for rule in rules for peer in rule.peers or () if isinstance(peer, NamePeer))
        self._names = frozenset(peer.name for peer in peers)

    def __contains__(self, name: str) -> bool:
        return any(is_named(name, wanted) for wanted in self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)
