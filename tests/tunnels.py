"""Runs of a node with tunnels: packets as if all had left from the same source port, and what the tunnel's port counts.

A secret hash picks the source port, which is the flow label of IPv6 as well, so neither rows nor the twin can know it.
They write the first port, and no label.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from control.model import TUNNEL, Configuration
from tests.naive.interfaces import interfaces_of
from tests.naive.overlay import Vtep, vtep_of
from tests.naive.switch import Outcome, find_wrong_length
from tests.naive.vxlan import FIRST_SOURCE_PORT, VXLAN_BYTES, Datagram, read_datagram
from tests.naive.wire import UDP, checksum, pseudo_header
from tests.runs import Arrival, Run, Traffic

LAST_SOURCE_PORT = 65535


def read_sent(configuration: Configuration, frame: bytes) -> Datagram | None:
    """Return the datagram in a frame that the node's VTEP sent, None if it is another frame."""
    overlay = configuration.overlay
    found = read_datagram(frame[14:]) if frame[12:14] in (b"\x08\x00", b"\x86\xdd") else None
    if overlay is None or found is None or found.source != overlay.address or found.dport != overlay.port:
        return None
    return found


def source_port(found: Datagram) -> int:
    """Return the source port of a datagram."""
    return int.from_bytes(found.data[found.at : found.at + 2], "big")


def flow_label(found: Datagram) -> int:
    """Return the flow label of a datagram's packet, 0 over IPv4."""
    return int.from_bytes(found.data[1:4], "big") & 0xF_FFFF if found.source.version == 6 else 0


def with_first_port(frame: bytes, found: Datagram) -> bytes:
    """Return a frame as its sender would send it from the first port; a wrong checksum stays wrong."""
    udp = 14 + found.at
    is_labelled = found.source.version == 4 or flow_label(found) == source_port(found)
    if not FIRST_SOURCE_PORT <= source_port(found) <= LAST_SOURCE_PORT or not is_labelled:
        return frame
    if found.source.version == 6:
        frame = frame[:15] + bytes([frame[15] & 0xF0, 0, 0]) + frame[18:]
    changed = frame[:udp] + FIRST_SOURCE_PORT.to_bytes(2, "big") + frame[udp + 2 :]
    if changed[udp + 6 : udp + 8] == b"\0\0" or not found.has_right_checksums:
        return changed
    blank = changed[: udp + 6] + b"\0\0" + changed[udp + 8 :]
    covered = blank[udp : udp + found.length]
    total = checksum(pseudo_header(found.source, found.destination, found.length, UDP) + covered)
    return changed[: udp + 6] + (b"\xff\xff" if total == b"\0\0" else total) + changed[udp + 8 :]


def with_first_ports(configuration: Configuration, run: Run) -> Run:
    """Return a run in which all packets of tunnels left from the first port."""
    return replace(run, outcomes=[neutral(configuration, outcome) for outcome in run.outcomes])


def neutral(configuration: Configuration, outcome: Outcome) -> Outcome:
    """Return an outcome in which packets of tunnels left from the first port."""
    out = []
    for port, frame in outcome.out:
        found = read_sent(configuration, frame)
        out.append((port, with_first_port(frame, found) if found else frame))
    return replace(outcome, out=tuple(out))


def ports_by_inner_frame(configuration: Configuration, run: Run) -> dict[bytes, set[int]]:
    """Return the source ports from which each inner frame left."""
    ports: dict[bytes, set[int]] = defaultdict(set)
    for outcome in run.outcomes:
        for _, frame in outcome.out:
            found = read_sent(configuration, frame)
            if found:
                ports[found.payload[8:]].add(source_port(found))
    return dict(ports)


@lru_cache(maxsize=4)
def vtep(configuration: Configuration) -> Vtep | None:
    """Return a node's VTEP."""
    return vtep_of(configuration, interfaces_of(configuration))


def opened(configuration: Configuration, arrival: Arrival) -> Datagram | None:
    """Return the datagram for the VTEP that a frame is, None if it is another frame."""
    own = vtep(configuration)
    if own is None or find_wrong_length(arrival.frame):
        return None
    port = next(port for port in configuration.ports if port.name == arrival.port)
    return read_datagram(arrival.frame[14:]) if own.is_addressed(port, arrival.frame) else None


def counted_at(configuration: Configuration, arrival: Arrival) -> str:
    """Return the port at which a frame counts as come in."""
    return TUNNEL if opened(configuration, arrival) else arrival.port


def tunnel_traffic(configuration: Configuration, arrivals: Sequence[Arrival], run: Run) -> dict[str, Traffic]:
    """Return what the tunnel's port counts: the frames inside, and their lengths if what is around them is sound."""
    came = [found for arrival in arrivals if (found := opened(configuration, arrival))]
    sound = [found for found in came if found.is_whole and found.has_right_checksums]
    out = (frame for outcome in run.outcomes for _, frame in outcome.out)
    went = [found for frame in out if (found := read_sent(configuration, frame))]
    traffic = Traffic(len(came), inner_bytes(sound), len(went), inner_bytes(went))
    return {TUNNEL: traffic} if any(traffic) else {}


def inner_bytes(datagrams: Sequence[Datagram]) -> int:
    """Return how long the frames in datagrams are together."""
    return sum(len(each.payload) - VXLAN_BYTES for each in datagrams)
