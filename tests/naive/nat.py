"""Which addresses and ports a new conversation gets: published ports, static pairs, mappings, and the uplink's own.

Where the router draws at random, this asks ``draw``: it gets the tuples of the packet and of answers to it as it came,
what the source may become, and a test of an address and port; it returns those that were drawn, None if none is
possible. The draw is held to be a possible one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from control.model import Configuration
from tests.naive.fdb import ticks
from tests.naive.packet import Tuple
from tests.naive.wire import ICMP, ICMPV6, SCTP, TCP, UDP, Address

NAMES = {"tcp": TCP, "udp": UDP, "sctp": SCTP}
MAPPED_TICKS, REFRESHED_TICKS = ticks(120), 8
LOW_PORTS, HIGH_PORTS, ALL_IDS = range(1, 1024), range(1024, 65536), range(65536)


class Candidates(NamedTuple):
    """What a source may become: these addresses, with ``kept`` where it is free, else with a free one of ``ports``."""

    addresses: tuple[Address, ...]
    kept: int
    ports: range


Draw = Callable[[Tuple, Tuple, Candidates, Callable[[Address, int], bool]], tuple[Address, int] | None]


@dataclass(frozen=True)
class Inside:
    """An address and port behind the translator."""

    address: Address
    protocol: int
    port: int


class Nat:
    """The rules of a node, and its mappings."""

    def __init__(self, configuration: Configuration) -> None:
        self.mappings: dict[Inside, tuple[Address, int]] = {}
        self.lapses: dict[Inside, int] = {}
        self.refreshed: dict[Tuple, int] = {}
        self.paired: dict[Address, Address] = {}
        self.reconfigure(configuration)

    def reconfigure(self, configuration: Configuration) -> None:
        """Take other rules; who is mapped stays so."""
        self.configuration = configuration
        uplink = configuration.uplink
        self.own = tuple(interface.ip for interface in uplink.addresses) if uplink else ()
        self.static = dict(configuration.nat.static)
        self.outside_of = {inside: outside for outside, inside in configuration.nat.static}
        self.independent = configuration.nat.endpoint_independent

    @property
    def translates(self) -> bool:
        """Whether the node translates, and so tracks."""
        configuration = self.configuration
        masquerades = any(network.masquerade for network in configuration.networks)
        publishes = any(port.publish for port in configuration.ports)
        return bool((configuration.uplink and (masquerades or publishes)) or self.static)

    def forget_mappings(self, tick: int) -> None:
        """Forget the mappings that no packet has left by for too long."""
        for inside in [inside for inside, lapses in self.lapses.items() if lapses <= tick]:
            del self.mappings[inside], self.lapses[inside]

    def refresh(self, flow: Tuple, sent: Tuple, tick: int) -> None:
        """Let the mapping of a packet's sender live on: of a second and direction of a flow the first packet counts."""
        stamp = tick // REFRESHED_TICKS * 2 + (flow != sent)
        inside = Inside(sent.source, sent.protocol, sent.sport)
        if self.refreshed.get(flow) != stamp and inside in self.mappings:
            self.lapses[inside] = tick + MAPPED_TICKS
        self.refreshed[flow] = stamp

    def destination_of(self, original: Tuple) -> tuple[Address, int] | None:
        """Return where a packet of no known flow is led, None if to where it says."""
        return self._published(original) or self._mapped(original) or self._static(original)

    def _published(self, original: Tuple) -> tuple[Address, int] | None:
        for port in self.configuration.ports:
            for publish in port.publish:
                hosts = (publish.host,) if publish.host else self.own
                fits = NAMES[publish.protocol] == original.protocol and publish.first <= original.dport <= publish.last
                for own in port.addresses:
                    if fits and original.destination in hosts and own.version == original.destination.version:
                        return own.ip, publish.target + original.dport - publish.first
        return None

    def _static(self, original: Tuple) -> tuple[Address, int] | None:
        inside = self.static.get(original.destination)
        return (inside, original.dport) if inside else None

    def _mapped(self, original: Tuple) -> tuple[Address, int] | None:
        if not has_ports(original):
            return None
        for inside, outside in self.mappings.items():
            if outside == (original.destination, original.dport) and inside.protocol == original.protocol:
                return inside.address, inside.port
        return None

    def source_for(
        self,
        original: Tuple,
        reply: Tuple,
        hides: bool,
        is_free: Callable[[Tuple], bool],
        draw: Draw,
        tick: int = 0,
    ) -> tuple[Address, int] | None:
        """Return as whom the sender of a new conversation appears, None if all ports are taken.

        ``hides``: its address is to be hidden. Else it is kept, and its port unless the answers could be taken for
        those of another flow.
        """
        candidates = self._candidates(original, hides)

        def is_possible(address: Address, port: int) -> bool:
            answer = reply._replace(destination=address, dport=port)
            is_kept = not hides and port == original.sport  # What is for its own sender may answer itself.
            return address in candidates.addresses and (is_kept or answer != original) and is_free(answer)

        inside = Inside(original.source, original.protocol, original.sport)
        mapped = self.mappings.get(inside) if hides else None
        if mapped:
            self.lapses[inside] = tick + MAPPED_TICKS
        if mapped and is_possible(*mapped):
            return mapped
        makes_mapping = hides and not mapped and self._is_mapped(original)

        def is_offered(address: Address, port: int) -> bool:
            return is_possible(address, port) and not (makes_mapping and self._leads_inside(address, port, original))

        chosen = draw(original, reply, candidates, is_offered) if candidates.addresses else None
        if chosen is None:
            return None
        assert is_offered(*chosen), f"{chosen} is free, and one of {candidates}"
        if chosen[1] != original.sport:
            assert chosen[1] in candidates.ports, f"{chosen} is of the class of {original.sport}"
            assert not is_offered(chosen[0], original.sport), f"{original.sport} was free, and {chosen} drawn"
        if hides and original.source not in self.outside_of:
            self.paired[original.source] = chosen[0]
            if makes_mapping:
                self.mappings[inside], self.lapses[inside] = chosen, tick + MAPPED_TICKS
        return chosen

    def _is_mapped(self, original: Tuple) -> bool:
        """Whether a sender is to have one outside end for all."""
        return self.independent and original.source not in self.outside_of and len(ports_like(original)) > 0

    def _leads_inside(self, address: Address, port: int, original: Tuple) -> bool:
        """Whether an outside end is published, or another sender's."""
        end = original._replace(destination=address, dport=port)
        taken = any(
            outside == (address, port) and inside.protocol == original.protocol
            for inside, outside in self.mappings.items()
        )
        return taken or self._published(end) is not None

    def _candidates(self, original: Tuple, hides: bool) -> Candidates:
        return Candidates(self._addresses(original.source, hides), original.sport, ports_like(original))

    def _addresses(self, source: Address, hides: bool) -> tuple[Address, ...]:
        if not hides:
            return (source,)
        if source in self.outside_of:
            return (self.outside_of[source],)
        if source in self.paired:  # It keeps the address that it has been given (RFC 4787 REQ-2).
            return (self.paired[source],)
        return tuple(address for address in self.own if address.version == source.version)


def ports_like(original: Tuple) -> range:
    """Return which ports may stand in for the source port; of what has neither ports nor a query's id none may."""
    if has_ports(original):
        return LOW_PORTS if original.sport < 1024 else HIGH_PORTS
    is_query = (original.protocol, original.dport) in ((ICMP, 8), (ICMP, 13), (ICMPV6, 128))
    return ALL_IDS if is_query else range(0)


def has_ports(original: Tuple) -> bool:
    """Whether both ends have ports."""
    return original.protocol in (TCP, UDP, SCTP)


def keep_or_lowest(
    original: Tuple, reply: Tuple, candidates: Candidates, is_possible: Callable[[Address, int], bool]
) -> tuple[Address, int] | None:
    """Draw without luck: the port kept, else the lowest that is free."""
    for port in (candidates.kept, *candidates.ports):
        for address in candidates.addresses:
            if is_possible(address, port):
                return address, port
    return None
