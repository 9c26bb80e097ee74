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
- What came by the tunnel counts as come in at the tunnel's port, from its opening on.
- A frame that waits for the next hop to its node is consumed; what it is later dropped for is counted at the port that
  it came in at. So is one whose copies for several nodes all wait; but no frame is dropped when one of those ends.
- A new configuration keeps what was learned, but for ports that left or whose filtering domains changed. Its static
  entries take the place of the old ones and of learned ones. Storm limits of ports that stay go on as they were.
"""

from collections import Counter
from dataclasses import dataclass

from control.model import TUNNEL, Configuration, Port
from tests.naive.domains import Domain, classify, domains_of, is_tunnel
from tests.naive.fdb import Fdb
from tests.naive.frames import FORWARDED, Fate, Frame, Own, Parcel, Ways, best_of, drop
from tests.naive.overlay import Remote, destination_of
from tests.naive.router import Router
from tests.naive.spoof import find_spoofing
from tests.naive.storm import TokenBucket
from tests.naive.tunnel import Tunnel
from tests.naive.vlan import Untagged, put_tag
from tests.naive.wire import Address

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
        self.router = Router(configuration, Ways(self._send_out, self._send_back, self._send_away))
        self.tunnel = Tunnel(self.router)
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
        port, fate = self._take(self.ports[port_name], frame)
        if fate.reason:
            self.drops[port.name, fate.reason] += 1
        self._go_on()
        order = list(self.ports)
        out = tuple(sorted(self.out, key=lambda copy: order.index(copy[0])))
        return Outcome(fate.verdict, fate.reason, out)

    def _take(self, port: Port, frame: bytes) -> tuple[Port, Fate]:
        """Take a frame, and what is in it if it came by a tunnel; return at which port that counts, and its fate."""
        reason = find_wrong_length(frame)
        if reason:
            return port, drop(reason)
        vtep = self.router.vtep
        if vtep is None or not vtep.is_addressed(port, frame):
            reason = find_malformed(frame)
            found = reason or classify(self.configuration, port, frame)
            if isinstance(found, str):
                return port, drop(found)
            return port, self._admit(Frame(port, *found), port.name)
        came = vtep.unwrap(frame)
        if isinstance(came, str):
            return vtep.port, drop(came)
        reason = find_malformed(came.frame)
        if reason:
            return vtep.port, drop(reason)
        opened = Frame(vtep.port, Untagged(came.frame, None, 0), came.domain, came.peer.address)
        return vtep.port, self._admit(opened, Remote(came.peer.node))

    def _admit(self, frame: Frame, place: str | Remote) -> Fate:
        """Let a frame in whose source is at ``place``."""
        port = frame.port
        reason = find_spoofing(port, frame.data)
        if reason:
            return drop(reason)

        kind = kind_of(frame.data[0:6])
        if kind != "unicast" and not self._has_token(port, kind):
            return drop(f"storm_{kind}")

        reason = self._learn(frame, place)
        if reason:
            return drop(reason)

        fate = self.router.meet(frame)
        return fate or self._bridge(frame)

    def _learn(self, frame: Frame, place: str | Remote) -> str | None:
        """Learn where a frame's source is; return why it may not be there. Of who is known to be elsewhere nothing is
        learned, but that it is not here any more."""
        source = frame.data[6:12]
        if isinstance(place, Remote):
            vtep = self.router.vtep
            assert vtep
            is_here = isinstance(self.fdb.find(frame.domain, source, self.now_ns), str)
            is_known = vtep.with_mac(frame.domain, source) is not None
            if not is_known and not vtep.overlay.learning:
                return "spoofed_mac" if is_here else None
            if is_known and not is_here:
                return None
        if self.fdb.learn(frame.domain, source, place, frame.port.max_macs, self.now_ns):
            return None
        return "static_mac_elsewhere"

    def _go_on(self) -> None:
        """Deal with the frames that were caused; those that waited and end now were not dropped before."""
        while self.router.caused:
            frame = self.router.caused.popleft()
            if isinstance(frame, Own):
                self._send_out(frame)
                continue
            if isinstance(frame, Parcel):
                fate = self._send_again(frame)
                port = None if frame.is_copy else frame.source
            else:
                fate, port = self.router.route(frame), frame.port
            if fate.reason and port:
                self.drops[port.name, fate.reason] += 1

    def _bridge(self, frame: Frame) -> Fate:
        destination = frame.data[0:6]
        kind = kind_of(destination)
        if kind != "unicast":
            return self._flood(frame)
        place = self._find(frame.domain, frame.data)
        if isinstance(place, Remote):
            return self._cross(frame, self.tunnel.address_of(place))
        if place:
            return self._forward(frame, self.ports[place])
        if not self._has_token(frame.port, "unknown_unicast"):
            return drop("storm_unknown_unicast")
        return self._flood(frame)

    def _find(self, domain: Domain, frame: bytes) -> str | Remote | None:
        """Return where a unicast frame is for: its MAC was heard here, or is known to be elsewhere, or was heard from
        there; or its address is known to be elsewhere."""
        found = self.fdb.find(domain, frame[0:6], self.now_ns)
        vtep = self.router.vtep
        if isinstance(found, str) or vtep is None or not vtep.has(domain):
            return found if isinstance(found, str) else None
        if vtep.is_mac_here(domain, frame[0:6]):
            return None
        known = vtep.with_mac(domain, frame[0:6])
        if known is None and isinstance(found, Remote):
            return found
        address = destination_of(frame)
        peer = known or (vtep.with_address(domain, address) if address else None)
        return Remote(peer.node) if peer else None

    def _forward(self, frame: Frame, egress: Port) -> Fate:
        if egress == frame.port and not frame.port.hairpin:
            return drop("same_port")
        if self._are_isolated(frame.port, egress, frame.domain):
            return drop("isolated")
        if egress.name in self.down:
            return drop("port_down")
        return self._transmit([egress], frame.inside)

    def _cross(self, frame: Frame, to: Address) -> Fate:
        """Send a frame of a port's to one other node, in pieces if it must be."""
        if is_tunnel(frame.port):
            return drop("same_port")
        if self._are_isolated(frame.port, self.ports[TUNNEL], frame.domain):
            return drop("isolated")
        return self.tunnel.send(Parcel(frame.port, frame.domain, frame.data, to))

    def _flood(self, frame: Frame) -> Fate:
        port = frame.port
        members = [p for p in self.ports.values() if self._is_member(p, frame.domain) and (p != port or port.hairpin)]
        allowed = [p for p in members if not self._are_isolated(port, p, frame.domain)]
        if members and not allowed:
            return drop("isolated")
        receivers = [p for p in allowed if p.name not in self.down]
        if not receivers:
            return drop("no_receiver")
        return self._transmit_to_all(receivers, frame.inside, port, frame.domain)

    def _transmit_to_all(self, receivers: list[Port], inside: Untagged, source: Port | None, domain: Domain) -> Fate:
        """Send a frame by its receivers, and to all other nodes if the tunnel is one."""
        local = [each for each in receivers if not is_tunnel(each)]
        fates = [self._transmit(local, inside)] if local else []
        if len(local) < len(receivers):
            parcels = self.tunnel.copies(source, domain, inside.frame)
            beyond = [self.tunnel.send(parcel) for parcel in parcels]
            fates += beyond or [self.tunnel.reach_nobody(domain, inside.frame)]
        return best_of(fates)

    def _transmit(self, receivers: list[Port], inside: Untagged) -> Fate:
        """Send a frame by ports here."""
        fates = []
        for each in receivers:
            if each.name in self.refusing:
                fates.append(drop("transmit_failed"))
            else:
                self.out.append((each.name, put_tag(each, inside)))
                fates.append(FORWARDED)
        return best_of(fates)

    def _send_again(self, parcel: Parcel) -> Fate:
        """Send what has waited; its receiver may be elsewhere by now, but copies go where they were to go."""
        place = None if parcel.is_copy else self._find(parcel.domain, parcel.data)
        if isinstance(place, str) and parcel.source:
            return self._forward(Frame(parcel.source, Untagged(parcel.data, None, 0), parcel.domain), self.ports[place])
        to = self.tunnel.address_of(place) if isinstance(place, Remote) else parcel.to
        return self.tunnel.send(parcel._replace(to=to))

    def _send_out(self, own: Own) -> Fate:
        """Send a frame of the router's by the forwarding database."""
        inside = Untagged(own.data, own.domain.vlan, own.priority)
        vtep = self.router.vtep
        place = None if own.data[0] & 1 else self._find(own.domain, own.data)
        is_here = bool(vtep and vtep.is_mac_here(own.domain, own.data[0:6]))
        if place is None and own.target and vtep and vtep.has(own.domain) and not is_here:
            peer = vtep.with_address(own.domain, own.target)
            place = Remote(peer.node) if peer else None
        apart_from = own.source if own.is_held_apart else None
        if isinstance(place, Remote):
            if apart_from and self._are_isolated(apart_from, self.ports[TUNNEL], own.domain):
                return drop("isolated")
            to = self.tunnel.address_of(place)
            return self.tunnel.send(Parcel(own.source, own.domain, own.data, to, is_copy=not own.is_routed))
        members = [p for p in self.ports.values() if self._is_member(p, own.domain)]
        receivers = [p for p in members if place is None or p.name == place]
        allowed = [p for p in receivers if apart_from is None or not self._are_isolated(apart_from, p, own.domain)]
        if receivers and not allowed:
            return drop("isolated")
        up = [p for p in allowed if p.name not in self.down]
        if not up:
            return drop("port_down" if place else "no_receiver")
        return self._transmit_to_all(up, inside, own.source, own.domain)

    def _send_back(self, frame: Frame, data: bytes) -> None:
        """Send an answer of the router's to where a frame came from."""
        if frame.came_from:
            self.tunnel.send(Parcel(None, frame.domain, data, frame.came_from))
        elif frame.port.name not in self.down:
            self._transmit([frame.port], frame.inside._replace(frame=data))

    def _send_away(self, frame: Frame, to: Address) -> Fate:
        """Send a question to one other node alone."""
        if self._are_isolated(frame.port, self.ports[TUNNEL], frame.domain):
            return drop("isolated")
        return self.tunnel.send(Parcel(frame.port, frame.domain, frame.data, to, is_copy=bool(frame.data[0] & 1)))

    def _domains_of(self, port: Port) -> set[Domain]:
        return domains_of(self.configuration, port)

    def _is_member(self, port: Port, domain: Domain) -> bool:
        return domain in self._domains_of(port)

    def _are_isolated(self, port: Port, other: Port, domain: Domain) -> bool:
        """Whether two ports of a domain are kept apart; who is behind the tunnel counts as an endpoint."""
        if not domain.network or self.configuration.network(domain.network).icc:
            return False
        return all(each.endpoint or is_tunnel(each) for each in (port, other))

    def _has_token(self, port: Port, kind: str) -> bool:
        bucket = self.buckets.get((port.name, kind))
        return bucket is None or bucket.take(self.now_ns)

    def _add_storm_limits(self, port: Port) -> None:
        for kind in ("broadcast", "multicast", "unknown_unicast"):
            rate = getattr(port.storm, kind)
            if rate is not None:
                self.buckets[port.name, kind] = TokenBucket(rate)

    def _add_static_macs(self, port: Port) -> None:
        for domain in self._domains_of(port):
            for mac in port.static_macs:
                self.fdb.add_static(domain, mac, port.name)


def find_wrong_length(frame: bytes) -> str | None:
    """Return why ``frame`` is no frame at all, or None."""
    if len(frame) < SHORTEST_FRAME:
        return "runt"
    return "oversize" if len(frame) > LONGEST_FRAME else None


def find_malformed(frame: bytes) -> str | None:
    """Return why no port of any network may carry ``frame``, or None."""
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
