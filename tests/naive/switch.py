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
from dataclasses import dataclass

from control.model import Configuration, Port
from tests.naive.domains import Domain, classify, domains_of
from tests.naive.fdb import Fdb
from tests.naive.frames import FORWARDED, Fate, Frame, Own, Ways
from tests.naive.router import Router
from tests.naive.spoof import find_spoofing
from tests.naive.storm import TokenBucket
from tests.naive.vlan import Untagged, put_tag

SHORTEST_FRAME = 14
LONGEST_FRAME = 9216
BROADCAST = b"\xff" * 6
RESERVED_GROUP = b"\x01\x80\xc2\x00\x00"


@dataclass(frozen=True)
class Outcome:
    """What became of one frame: ``verdict`` forward, drop or consume, the drop ``reason``, and what went out.

    That is copies of the frame, and whatever else it caused: answers, requests, errors, frames that had to wait.
    """

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
        self.router = Router(configuration, Ways(self._send_out, self._send_back))
        for port in configuration.ports:
            self._add_storm_limits(port)
            self._add_static_macs(port)

    def reconfigure(self, configuration: Configuration) -> None:
        """Put another configuration in force between two frames. Capacities and present ports' storm limits stay."""
        before = {port.name: self._domains_of(port) for port in self.ports.values()}
        self.configuration = configuration
        self.router.change(configuration)
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
        self.out: list[tuple[str, bytes]] = []
        self.now_ns = now_ns
        self.router.begin(now_ns)
        self._go_on()
        fate = self._switch(self.ports[port_name], frame, now_ns)
        if fate.reason:
            self.drops[port_name, fate.reason] += 1
        self._go_on()
        order = list(self.ports)
        out = tuple(sorted(self.out, key=lambda copy: order.index(copy[0])))
        return Outcome(fate.verdict, fate.reason, out)

    def _switch(self, port: Port, frame: bytes, now_ns: int) -> Fate:
        reason = find_malformed(frame)
        if reason:
            return drop(reason)

        found = classify(self.configuration, port, frame)
        if isinstance(found, str):
            return drop(found)
        inside, domain = found

        reason = find_spoofing(port, inside.frame)
        if reason:
            return drop(reason)

        destination, source = frame[0:6], frame[6:12]
        kind = kind_of(destination)
        if kind != "unicast" and not self._has_token(port, kind, now_ns):
            return drop(f"storm_{kind}")

        if not self.fdb.learn(domain, source, port.name, port.max_macs, now_ns):
            return drop("static_mac_elsewhere")

        fate = self.router.meet(Frame(port, inside, domain))
        return fate or self._bridge(port, inside, domain, now_ns)

    def _go_on(self) -> None:
        """Deal with the frames that were caused; those that waited and end now were not dropped before."""
        while self.router.caused:
            frame = self.router.caused.popleft()
            if isinstance(frame, Own):
                self._send_out(frame.domain, frame.data, frame.priority, None)
                continue
            fate = self.router.route(frame)
            if fate.reason:
                self.drops[frame.port.name, fate.reason] += 1

    def _bridge(self, port: Port, inside: Untagged, domain: Domain, now_ns: int) -> Fate:
        destination = inside.frame[0:6]
        kind = kind_of(destination)
        known_at = self.fdb.find(domain, destination, now_ns) if kind == "unicast" else None
        if known_at:
            return self._forward(port, self.ports[known_at], inside)
        if kind == "unicast" and not self._has_token(port, "unknown_unicast", now_ns):
            return drop("storm_unknown_unicast")
        return self._flood(port, domain, inside)

    def _forward(self, port: Port, egress: Port, inside: Untagged) -> Fate:
        if egress == port and not port.hairpin:
            return drop("same_port")
        if self._are_isolated(port, egress):
            return drop("isolated")
        if egress.name in self.down:
            return drop("port_down")
        return self._transmit([egress], inside)

    def _flood(self, port: Port, domain: Domain, inside: Untagged) -> Fate:
        members = [p for p in self.ports.values() if self._is_member(p, domain) and (p != port or port.hairpin)]
        allowed = [p for p in members if not self._are_isolated(port, p)]
        if members and not allowed:
            return drop("isolated")
        receivers = [p for p in allowed if p.name not in self.down]
        if not receivers:
            return drop("no_receiver")
        return self._transmit(receivers, inside)

    def _transmit(self, receivers: list[Port], inside: Untagged) -> Fate:
        out = [(p.name, put_tag(p, inside)) for p in receivers if p.name not in self.refusing]
        self.out += out
        return FORWARDED if out else drop("transmit_failed")

    def _send_out(self, domain: Domain, frame: bytes, priority: int, isolated_from: Port | None) -> str | None:
        """Send a frame of the router's by the forwarding database; return why it did not leave, if it did not."""
        inside = Untagged(frame, domain.vlan, priority)
        known_at = None if frame[0] & 1 else self.fdb.find(domain, frame[0:6], self.now_ns)
        members = [p for p in self.ports.values() if self._is_member(p, domain)]
        receivers = [p for p in members if known_at is None or p.name == known_at]
        allowed = [p for p in receivers if isolated_from is None or not self._are_isolated(isolated_from, p)]
        if receivers and not allowed:
            return "isolated"
        up = [p for p in allowed if p.name not in self.down]
        if not up:
            return "port_down" if known_at else "no_receiver"
        return self._transmit(up, inside).reason

    def _send_back(self, port: Port, inside: Untagged) -> None:
        """Send an answer of the router's by the port that asked."""
        if port.name not in self.down:
            self._transmit([port], inside)

    def _domains_of(self, port: Port) -> set[Domain]:
        return domains_of(self.configuration, port)

    def _is_member(self, port: Port, domain: Domain) -> bool:
        return domain in self._domains_of(port)

    def _are_isolated(self, port: Port, other: Port) -> bool:
        if port.network == "" or port.network != other.network:
            return False
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


def drop(reason: str) -> Fate:
    """Return the end of a frame."""
    return Fate("drop", reason)


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
