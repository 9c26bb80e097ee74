"""What this fabric puts around frames is, byte by byte, what the kernel puts around them."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from tests.drive import run_naive, run_switch
from tests.overlay.frames import Ends, flows, inner_frames, is_packet
from tests.overlay.kernel_encapsulation import Tunnel, encapsulate
from tests.overlay.outer import Outer
from tests.packets import mac_text
from tests.rows.overlay.world import BLUE, NODE2, S2, UNDERLAYS, Underlay
from tests.rows.router.world import B1, pcap
from tests.rows.row import EPOCH_NS
from tests.runs import Arrival

pytestmark = pytest.mark.netns

ENDS = Ends((mac_text(B1.mac), mac_text(S2.mac)), (B1.ip4, S2.ip4), (B1.ip6, S2.ip6))
GROUP = 0xABC
CONGESTED = 3
CAPABLE = 2
FLOWS = 64

each_underlay = pytest.mark.parametrize("under", UNDERLAYS, ids=["v4", "v6"])
run_by = pytest.mark.parametrize("run", [run_naive, run_switch], ids=["twin", "pipeline"])
Runner = Callable[..., Any]


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
    frames = inner_frames(ENDS, congestion=(0, 1, 2))
    made, wanted = ours(run, under, frames), the_kernels(under, frames)
    assert [each.settled(labelled=False) for each in made] == [each.settled() for each in wanted]
    assert [each.frame for each in made] == list(frames)


@run_by
@each_underlay
def test_they_are_with_checksums_the_other_way_round(run: Runner, under: Underlay) -> None:
    frames, checksum = inner_frames(ENDS, congestion=(0,)), under.version == 4
    made, wanted = ours(run, under, frames, checksum=checksum), the_kernels(under, frames, checksum=checksum)
    assert [each.settled(labelled=False) for each in made] == [each.settled() for each in wanted]
    assert all(each.has_true_checksums() for each in made + wanted)


@run_by
@each_underlay
def test_they_are_with_a_group(run: Runner, under: Underlay) -> None:
    frames = inner_frames(ENDS, congestion=(0,))
    made, wanted = ours(run, under, frames, gbp=True), the_kernels(under, frames, group=GROUP)
    assert [each.settled(labelled=False) for each in made] == [each.settled() for each in wanted]


@run_by
@each_underlay
def test_they_are_with_a_class_of_service_of_their_own(run: Runner, under: Underlay) -> None:
    frames = inner_frames(ENDS, congestion=(0, 1, 2))
    made, wanted = ours(run, under, frames, dscp=46), the_kernels(under, frames, tos=hex(46 << 2))
    assert [each.settled(labelled=False) for each in made] == [each.settled() for each in wanted]


@run_by
@each_underlay
def test_congestion_is_told_outside_as_the_younger_standard_wants(run: Runner, under: Underlay) -> None:
    """RFC 6040: the outer header says what the inner one says. The kernel resets it, as RFC 3168 had it."""
    frames = inner_frames(ENDS, congestion=(CONGESTED,))
    made, wanted = ours(run, under, frames), the_kernels(under, frames)
    assert [each.congestion for each in made] == [CONGESTED if is_packet(frame) else 0 for frame in frames]
    assert [each.congestion for each in wanted] == [CAPABLE if is_packet(frame) else 0 for frame in frames]


@run_by
def test_all_checksums_are_right_and_a_packet_that_is_never_cut_needs_no_number(run: Runner) -> None:
    """RFC 6864: the identification of what may not be cut says nothing; the kernel counts all the same."""
    made = ours(run, UNDERLAYS[0], inner_frames(ENDS, congestion=(0, 1, 2, 3)))
    assert all(each.has_true_checksums() for each in made)
    assert {each.identification for each in made} == {0}


def test_the_source_port_is_the_flows() -> None:
    frames = flows(ENDS, FLOWS)
    own = [each.source_port for each in ours(run_switch, UNDERLAYS[0], frames)]
    assert all(49152 <= port <= 65535 for port in own)
    for ports in (own, [each.source_port for each in the_kernels(UNDERLAYS[0], frames)]):
        assert ports[::2] == ports[1::2], "one flow has one way"
        assert len(set(ports)) > FLOWS / 2, "flows have several"
