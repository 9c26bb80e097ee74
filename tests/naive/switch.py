"""The switch in plain Python, one frame at a time: what the compiled pipeline must agree with, byte for byte.

Goal: to be read. It follows the steps in the order in which the first match wins; the parts with rules of their own
are beside it: ``vlan``, ``spoof``, ``storm`` (token buckets, exact in nanoseconds), ``fdb`` (learning, limits, ageing).

Limits: a frame's fate depends on the configuration, on the frames before it and on its own time, and on nothing else.
``down`` names the ports whose link is down, ``refusing`` those that are up and take no frame.

Where the specification could be read two ways, this is how it is read:

- A storm limit counts what comes in: a broadcast takes its token even if nobody receives it; a frame dropped for its
  storm limit is not learned, except an unknown unicast, which was learned one step before.
- Isolation comes before links: a flood whose every other member is kept apart from it ends as ``isolated``, also if
  some of them are down; if any member that it may reach is down, and no copy goes out, it ends as ``no_receiver``.
- With ``hairpin`` a port is a member of its own floods; two isolated endpoints stay apart even if they are one port.
- Copies leave in the order of the configuration's ports.
- A frame that came in over a link that is down is switched as any other.
- A refused copy is no drop as long as another copy goes out.
- Static MACs of a port are fixed in every filtering domain that the port is a member of.
- A new configuration keeps what was learned, but for ports that left or whose filtering domains changed. Its static
  entries take the place of the old ones and of learned ones. Storm limits of ports that stay go on as they were.
"""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass

from control.model import Configuration, Port
from tests.naive.fdb import Fdb
from tests.naive.spoof import find_spoofing
from tests.naive.storm import TokenBucket
from tests.naive.vlan import Untagged, is_vlan_aware, put_tag, strip_tag, vlans_of

SHORTEST_FRAME = 14
LONGEST_FRAME = 9216
BROADCAST = b"\xff" * 6
RESERVED_GROUP = b"\x01\x80\xc2\x00\x00"


@dataclass(frozen=True)
class Outcome:
    """What became of one frame: ``verdict`` forward or drop, the drop ``reason``, and the copies that went out."""

    verdict: str
    reason: str | None = None
    out: tuple[tuple[str, bytes], ...] = ()


class Switch:
    """All ports and networks of one node. ``counters``: those of the FDB; ``drops``: frames by port and reason."""

    def __init__(
        self, configuration: Configuration, down: frozenset[str] = frozenset(), refusing: frozenset[str] = frozenset()
    ) -> None:
        self.configuration = configuration
        self.down = down
        self.refusing = refusing
        self.ports = {port.name: port for port in configuration.ports}
        self.fdb = Fdb(configuration.limits.fdb, configuration.timeouts.fdb_s)
        self.counters = self.fdb.counters
        self.drops: Counter[tuple[str, str]] = Counter()
        self.buckets: dict[tuple[str, str], TokenBucket] = {}
        for port in configuration.ports:
            self._add_storm_limits(port)
            self._add_static_macs(port)

    def reconfigure(self, configuration: Configuration) -> None:
        """Put another configuration in force between two frames. Capacities and present ports' storm limits stay."""
        before = {port.name: self._domains_of(port) for port in self.ports.values()}
        self.configuration = configuration
        self.ports = {port.name: port for port in configuration.ports}
        after = {port.name: self._domains_of(port) for port in self.ports.values()}
        changed = {name for name in before if before[name] != after.get(name)}
        self.fdb.reconfigure(configuration.timeouts.fdb_s, lambda entry: entry.port in changed)
        self.buckets = {key: bucket for key, bucket in self.buckets.items() if key[0] in after}
        for port in configuration.ports:
            if port.name not in before:
                self._add_storm_limits(port)
            self._add_static_macs(port)

    def receive(self, port_name: str, frame: bytes, now_ns: int) -> Outcome:
        """Switch one frame that came in at ``port_name`` at ``now_ns``, nanoseconds since the epoch."""
        outcome = self._switch(self.ports[port_name], frame, now_ns)
        if outcome.reason:
            self.drops[port_name, outcome.reason] += 1
        return outcome

    def _switch(self, port: Port, frame: bytes, now_ns: int) -> Outcome:
        reason = find_malformed(frame)
        if reason:
            return drop(reason)

        inside: Untagged | str = Untagged(frame, None, 0)
        if is_vlan_aware(self.configuration, port.network):
            inside = strip_tag(port, frame)
        if isinstance(inside, str):
            return drop(inside)
        domain = (port.network, inside.vlan)

        reason = find_spoofing(port, inside.frame)
        if reason:
            return drop(reason)

        destination, source = frame[0:6], frame[6:12]
        kind = kind_of(destination)
        if kind != "unicast" and not self._has_token(port, kind, now_ns):
            return drop(f"storm_{kind}")

        if not self.fdb.learn(domain, source, port.name, port.max_macs, now_ns):
            return drop("static_mac_elsewhere")

        known_at = self.fdb.find(domain, destination, now_ns) if kind == "unicast" else None
        if known_at:
            return self._forward(port, self.ports[known_at], inside)
        if kind == "unicast" and not self._has_token(port, "unknown_unicast", now_ns):
            return drop("storm_unknown_unicast")
        return self._flood(port, domain, inside)

    def _forward(self, port: Port, egress: Port, inside: Untagged) -> Outcome:
        if egress == port and not port.hairpin:
            return drop("same_port")
        if self._are_isolated(port, egress):
            return drop("isolated")
        if egress.name in self.down:
            return drop("port_down")
        return self._transmit([egress], inside)

    def _flood(self, port: Port, domain: Hashable, inside: Untagged) -> Outcome:
        members = [p for p in self.ports.values() if self._is_member(p, domain) and (p != port or port.hairpin)]
        allowed = [p for p in members if not self._are_isolated(port, p)]
        if members and not allowed:
            return drop("isolated")
        receivers = [p for p in allowed if p.name not in self.down]
        if not receivers:
            return drop("no_receiver")
        return self._transmit(receivers, inside)

    def _transmit(self, receivers: list[Port], inside: Untagged) -> Outcome:
        out = tuple((p.name, put_tag(p, inside)) for p in receivers if p.name not in self.refusing)
        return Outcome("forward", out=out) if out else drop("transmit_failed")

    def _domains_of(self, port: Port) -> set[Hashable]:
        if is_vlan_aware(self.configuration, port.network):
            return {(port.network, vlan) for vlan in vlans_of(port)}
        return {(port.network, None)}

    def _is_member(self, port: Port, domain: Hashable) -> bool:
        return domain in self._domains_of(port)

    def _are_isolated(self, port: Port, other: Port) -> bool:
        return not self.configuration.network(port.network).icc and port.endpoint and other.endpoint

    def _has_token(self, port: Port, kind: str, now_ns: int) -> bool:
        bucket = self.buckets.get((port.name, kind))
        return bucket is None or bucket.take(now_ns)

    def _add_storm_limits(self, port: Port) -> None:
        for kind in ("broadcast", "multicast", "unknown_unicast"):
            rate = getattr(port.storm, kind)
            if rate is not None:
                self.buckets[port.name, kind] = TokenBucket(rate)

    def _add_static_macs(self, port: Port) -> None:
        for domain in self._domains_of(port):
            for mac in port.static_macs:
                self.fdb.add_static(domain, mac, port.name)


def drop(reason: str) -> Outcome:
    """Return the end of a frame."""
    return Outcome("drop", reason)


def find_malformed(frame: bytes) -> str | None:
    """Return why no port of any network may carry ``frame``, or None."""
    if len(frame) < SHORTEST_FRAME:
        return "runt"
    if len(frame) > LONGEST_FRAME:
        return "oversize"
    if frame[6] & 1:
        return "source_mac_multicast"
    if frame[6:12] == bytes(6):
        return "source_mac_zero"
    if frame[0:5] == RESERVED_GROUP and frame[5] <= 0x0F:
        return "reserved_multicast"
    return None


def kind_of(destination: bytes) -> str:
    """Return broadcast, multicast or unicast."""
    if destination == BROADCAST:
        return "broadcast"
    return "multicast" if destination[0] & 1 else "unicast"
