"""The outer source port tells flows apart, for whoever spreads them over links, and keeps each in order."""

import pytest

from tests.drive import run_switch
from tests.naive.vxlan import FIRST_SOURCE_PORT
from tests.packets import mac
from tests.rows.overlay.world import S2, UNDERLAYS, Underlay, calls
from tests.rows.router.world import B1, ether, ip, ping, tcp, udp
from tests.rows.row import EPOCH_NS
from tests.runs import Arrival
from tests.tunnels import LAST_SOURCE_PORT, flow_label, ports_by_inner_frame, read_sent, source_port

pytestmark = pytest.mark.kernel
FLOWS = 200


def to_s2(packet: object) -> bytes:
    return ether(S2.mac, B1.mac, packet)  # type: ignore[arg-type]


MANY = {
    "UDP": [to_s2(udp(B1.ip4, S2.ip4, sport=1000 + k)) for k in range(FLOWS)],
    "TCP": [to_s2(tcp(B1.ip4, S2.ip4, dport=1000 + k)) for k in range(FLOWS)],
    "UDP over IPv6": [to_s2(udp(B1.ip6, S2.ip6, sport=1000 + k)) for k in range(FLOWS)],
    "addresses": [to_s2(ip(f"10.1.0.{k}", S2.ip4, proto=47)) for k in range(FLOWS)],
    "addresses of IPv6": [to_s2(ip(f"fd00:1::{k:x}", S2.ip6, nh=47)) for k in range(FLOWS)],
    "MACs": [calls(B1._replace(mac=mac(0x7000 + k)), S2.mac) for k in range(FLOWS)],
}


def source_ports(under: Underlay, frames: list[bytes]) -> dict[bytes, set[int]]:
    """Return the source ports from which frames leave for another node."""
    world = under.world()
    first = [Arrival(each.port, each.frame, EPOCH_NS) for each in under.met()]
    run = run_switch(world, [*first, *(Arrival("b1", frame, EPOCH_NS) for frame in frames)])
    ports = ports_by_inner_frame(world, run)
    assert set(frames) <= set(ports), "every frame left"
    return {frame: ports[frame] for frame in frames}


@pytest.mark.parametrize("under", UNDERLAYS, ids=lambda under: f"IPv{under.version}")
@pytest.mark.parametrize("kind", MANY)
def test_flows_differ(under: Underlay, kind: str) -> None:
    """Of 200 draws among 16,384 nine in ten differ, with any luck at all."""
    ports = [port for found in source_ports(under, MANY[kind]).values() for port in found]
    assert all(FIRST_SOURCE_PORT <= port <= LAST_SOURCE_PORT for port in ports)
    assert len(set(ports)) > FLOWS * 0.9


@pytest.mark.parametrize("under", UNDERLAYS, ids=lambda under: f"IPv{under.version}")
def test_a_flow_keeps_its_port(under: Underlay) -> None:
    flow = [to_s2(udp(B1.ip4, S2.ip4, body=bytes(k), id=k, ttl=64 - k)) for k in range(30)]
    assert len(set.union(*source_ports(under, flow).values())) == 1
    segments = [to_s2(tcp(B1.ip6, S2.ip6, flags="A", seq=k, body=bytes(k))) for k in range(30)]
    assert len(set.union(*source_ports(under, segments).values())) == 1


def test_over_ipv6_the_flow_label_is_the_port() -> None:
    under = UNDERLAYS[1]
    world = under.world()
    arrivals = [Arrival(each.port, each.frame, EPOCH_NS) for each in under.met()]
    run = run_switch(world, [*arrivals, *(Arrival("b1", frame, EPOCH_NS) for frame in MANY["UDP"][:9])])
    sent = [found for outcome in run.outcomes for _, frame in outcome.out if (found := read_sent(world, frame))]
    labels = [flow_label(found) for found in sent]
    assert labels == [source_port(found) for found in sent]
    assert len(set(labels)) > 1


def test_both_directions_and_queries_are_flows() -> None:
    under = UNDERLAYS[0]
    pings = [to_s2(ping(B1.ip4, S2.ip4, identifier=9, ttl=k)) for k in range(1, 20)]
    assert len(set.union(*source_ports(under, pings).values())) == 1
