"""What this fabric puts around frames is, byte by byte, what the kernel puts around them."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from tests.drive import run_naive
from tests.overlay.kernel_encapsulation import Tunnel, encapsulate
from tests.overlay.outer import Outer
from tests.packets import mac_text
from tests.rows.overlay.world import BLUE, NODE2, S2, UNDERLAYS, Underlay
from tests.rows.router.world import B1, pcap
from tests.rows.row import EPOCH_NS
from tests.runs import Arrival

pytestmark = pytest.mark.netns

GROUP = 0xABC
CONGESTED = 3
FLOWS = 64

each_underlay = pytest.mark.parametrize("under", UNDERLAYS, ids=["v4", "v6"])
run_by = pytest.mark.parametrize("run", [run_naive], ids=["twin"])
Runner = Callable[..., Any]


def frame(packet: Packet) -> bytes:
    """Return a frame of B1 for S2."""
    return bytes(Ether(src=mac_text(B1.mac), dst=mac_text(S2.mac)) / packet)


def inner_frames(congestion: Sequence[int]) -> tuple[bytes, ...]:
    """Return frames of all kinds: both families, every class of service in turn, small, big, and no packet at all."""
    frames = [frame(Raw(bytes(46))), bytes(Ether(src=mac_text(B1.mac), dst=mac_text(S2.mac), type=0x88B5) / Raw(b"x"))]
    for tos in (service << 2 | ecn for service in (0, 46) for ecn in congestion):
        for length in (0, 1, 1300):
            body = Raw(bytes(index & 0xFF for index in range(length)))
            there4, there6 = IP(src=B1.ip4, dst=S2.ip4, tos=tos), IPv6(src=B1.ip6, dst=S2.ip6, tc=tos)
            frames += [frame(there4 / UDP(sport=length, dport=53) / body), frame(there6 / TCP(sport=length) / body)]
        frames.append(frame(there6 / ICMPv6EchoRequest()))
    return tuple(frames)


def ours(run: Runner, under: Underlay, frames: tuple[bytes, ...], **fields: Any) -> list[Outer]:
    """Return what the raw transport makes of frames of B1 to S2, in memory."""
    met = [Arrival(step.port, step.frame, EPOCH_NS + step.after_ns) for step in under.met()]
    sent = [Arrival("b1", each, EPOCH_NS + 10**6 * number) for number, each in enumerate(frames, 1)]
    outcomes = run(under.world(pcap(B1, group=GROUP), **fields), met + sent).outcomes[len(met) :]
    copies = [copy for outcome in outcomes for copy in outcome.out]
    assert [port for port, _ in copies] == ["wan"] * len(frames), outcomes
    return [Outer(packet) for _, packet in copies]


@cache
def the_kernels(under: Underlay, frames: tuple[bytes, ...], **fields: Any) -> list[Outer]:
    """Return what the kernel makes of the same frames between the same nodes."""
    tunnel = Tunnel(BLUE, under.own, under.vtep(NODE2), **({"checksum": under.version == 6} | fields))
    return [Outer(packet) for packet in encapsulate(frames, tunnel)]


@run_by
@each_underlay
def test_the_headers_are_the_kernels(run: Runner, under: Underlay) -> None:
    frames = inner_frames(congestion=(0, 1, 2))
    made, wanted = ours(run, under, frames), the_kernels(under, frames)
    assert [each.settled() for each in made] == [each.settled() for each in wanted]
    assert [each.frame for each in made] == list(frames)


@run_by
@each_underlay
def test_they_are_with_checksums_the_other_way_round(run: Runner, under: Underlay) -> None:
    frames, checksum = inner_frames(congestion=(0,)), under.version == 4
    made, wanted = ours(run, under, frames, checksum=checksum), the_kernels(under, frames, checksum=checksum)
    assert [each.settled() for each in made] == [each.settled() for each in wanted]
    assert all(each.has_true_checksums() for each in made + wanted)


@run_by
@each_underlay
def test_they_are_with_a_group(run: Runner, under: Underlay) -> None:
    frames = inner_frames(congestion=(0,))
    made, wanted = ours(run, under, frames, gbp=True), the_kernels(under, frames, group=GROUP)
    assert [each.settled() for each in made] == [each.settled() for each in wanted]


@run_by
@each_underlay
def test_they_are_with_a_class_of_service_of_their_own(run: Runner, under: Underlay) -> None:
    frames = inner_frames(congestion=(0, 1, 2))
    made, wanted = ours(run, under, frames, dscp=46), the_kernels(under, frames, tos=hex(46 << 2))
    assert [each.settled() for each in made] == [each.settled() for each in wanted]


@run_by
@each_underlay
def test_congestion_is_told_outside_as_the_younger_standard_wants(run: Runner, under: Underlay) -> None:
    """RFC 6040: the outer header says what the inner one says. The kernel resets it, as RFC 3168 had it."""
    frames = inner_frames(congestion=(CONGESTED,))
    made, wanted = ours(run, under, frames), the_kernels(under, frames)
    congested = [each.frame[12:14] in (b"\x08\x00", b"\x86\xdd") for each in made]
    assert [each.congestion for each in made] == [CONGESTED if is_packet else 0 for is_packet in congested]
    assert [each.congestion for each in wanted] == [2 if is_packet else 0 for is_packet in congested]


@run_by
def test_all_checksums_are_right_and_a_packet_that_is_never_cut_needs_no_number(run: Runner) -> None:
    """RFC 6864: the identification of what may not be cut says nothing; the kernel counts all the same."""
    made = ours(run, UNDERLAYS[0], inner_frames(congestion=(0, 1, 2, 3)))
    assert all(each.has_true_checksums() for each in made)
    assert {each.identification for each in made} == {0}


@pytest.mark.parametrize("who", [the_kernels])
def test_the_source_port_is_the_flows(who: Runner) -> None:
    under = UNDERLAYS[0]
    there = IP(src=B1.ip4, dst=S2.ip4)
    flows = [there / UDP(sport=1000 + flow, dport=53) for flow in range(FLOWS)]
    frames = tuple(frame(flow / Raw(body)) for flow in flows for body in (b"1", b"2"))
    made = who(run_naive, under, frames) if who is ours else who(under, frames)
    ports = [each.source_port for each in made]
    assert ports[::2] == ports[1::2], "one flow has one way"
    assert len(set(ports)) > FLOWS / 2, "flows have several"
    if who is ours:
        assert all(49152 <= port <= 65535 for port in ports)
