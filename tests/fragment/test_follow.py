"""Fragments that follow their first: what comes of each, case by case."""

import numpy as np
import pytest
from scapy.layers.inet import IP
from scapy.packet import Raw

from dataplane.fragment.entries import free_entry
from tests.fragment.packets import DESTINATION, SOURCE, datagram, framed, piece4, piece6
from tests.fragment.rig import LIFETIME, Met, Rig

pytestmark = pytest.mark.kernel

PORTS = (17, (SOURCE, DESTINATION))
DATA = datagram(3000)
FIRST, MIDDLE, LAST = piece4(DATA, 0, 1000), piece4(DATA, 1000, 2000), piece4(DATA, 2000, 3000)
NOW = 5000
FOLLOWED = Met("follows", PORTS)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_later_fragments_have_the_ports_of_the_first(rig: Rig) -> None:
    assert [rig.meet(each, NOW) for each in (FIRST, MIDDLE, LAST)] == [FOLLOWED] * 3


def test_a_complete_packet_is_forgotten_at_once(rig: Rig) -> None:
    for each in (FIRST, LAST):
        rig.meet(each, NOW)
    assert rig.entries == 1
    rig.meet(MIDDLE, NOW)
    assert rig.entries == 0
    assert rig.meet(FIRST, NOW) == FOLLOWED, "its identification may be used again"


def test_over_ipv6_the_same(rig: Rig) -> None:
    for options in (False, True):
        pieces = [piece6(DATA, start, start + 1000, options=options) for start in (0, 1000, 2000)]
        assert [rig.meet(each, NOW) for each in pieces] == [FOLLOWED] * 3
    assert rig.entries == 0


def test_early_fragments_wait_and_come_back_in_their_order(rig: Rig) -> None:
    assert rig.meet(LAST, NOW) == Met("waits")
    assert rig.meet(MIDDLE, NOW) == Met("waits")
    assert rig.meet(FIRST, NOW + 3) == Met("follows", PORTS, (LAST, MIDDLE))
    assert [rig.meet(each, NOW + 3) for each in (LAST, MIDDLE)] == [FOLLOWED] * 2
    assert (rig.entries, rig.parked) == (0, 0)


def test_at_most_eight_wait_for_a_first(rig: Rig) -> None:
    pieces = [piece4(DATA, start, start + 200) for start in range(0, 3000, 200)]
    outcomes = [rig.meet(each, NOW).outcome for each in pieces[1:]]
    assert outcomes == ["waits"] * 8 + ["table full"] * 6
    assert rig.meet(pieces[0], NOW).returned == tuple(pieces[1:9])


def test_a_fragment_that_comes_twice_is_dropped_alone(rig: Rig) -> None:
    for each in (FIRST, MIDDLE):
        rig.meet(each, NOW)
    for each in (FIRST, MIDDLE, piece4(DATA, 400, 800)):
        assert rig.meet(each, NOW) == Met("overlaps")
    assert rig.meet(LAST, NOW) == FOLLOWED


@pytest.mark.parametrize(
    "intruder",
    [
        pytest.param(piece4(DATA, 992, 2000), id="over the end of one before"),
        pytest.param(piece4(DATA, 1000, 2008), id="over the begin of one behind"),
        pytest.param(piece4(DATA, 8, 2600), id="over both"),
        pytest.param(piece4(datagram(4000), 3000, 4000), id="behind the last, the last itself"),
        pytest.param(piece4(datagram(5000), 3008, 4008), id="behind the last"),
        pytest.param(piece4(DATA[:1400], 1000, 1400), id="the last, before one that has passed"),
    ],
)
def test_an_overlap_refuses_the_whole_packet(rig: Rig, intruder: bytes) -> None:
    rig.meet(FIRST, NOW)
    rig.meet(LAST, NOW)
    assert rig.meet(intruder, NOW) == Met("overlaps")
    assert rig.meet(MIDDLE, NOW) == Met("overlaps"), "what is still to come, too (RFC 5722)"
    assert rig.meet(MIDDLE, NOW + LIFETIME) == Met("waits"), "until it is forgotten"


@pytest.mark.parametrize(
    "stray",
    [
        pytest.param(framed(IP(flags="MF", proto=17) / Raw(bytes(1001))), id="an odd length amid a packet"),
        pytest.param(framed(IP(frag=9, proto=17)), id="nothing in it"),
        pytest.param(framed(IP(frag=8191, proto=17) / Raw(bytes(8))), id="past the longest packet"),
    ],
)
def test_what_no_packet_has_room_for_is_dropped_alone(rig: Rig, stray: bytes) -> None:
    assert rig.meet(stray, NOW) == Met("overlaps")
    assert rig.entries == 0


def test_the_longest_packet_passes(rig: Rig) -> None:
    data = datagram(65515)
    pieces = [piece4(data, start, min(start + 1480, len(data))) for start in range(0, len(data), 1480)]
    assert {rig.meet(each, NOW).outcome for each in pieces} == {"follows"}
    assert rig.entries == 0


def test_one_that_follows_and_must_wait_for_something_else_is_met_again(rig: Rig) -> None:
    for each in (FIRST, MIDDLE, LAST):
        assert rig.meet(each, NOW, goes_on=False) == FOLLOWED
    assert [rig.meet(each, NOW + 1) for each in (FIRST, LAST, MIDDLE)] == [FOLLOWED] * 3
    assert rig.entries == 0


def test_early_fragments_follow_though_the_first_must_wait(rig: Rig) -> None:
    rig.meet(LAST, NOW)
    assert rig.meet(FIRST, NOW, goes_on=False) == Met("follows", PORTS, (LAST,))
    assert rig.meet(LAST, NOW) == FOLLOWED


def test_packets_are_told_apart(rig: Rig) -> None:
    rig.meet(FIRST, NOW)
    others = [
        piece4(DATA, 1000, 2000, identification=2),
        piece4(DATA, 1000, 2000, src="10.0.0.3"),
        piece4(DATA, 1000, 2000, dst="192.0.2.8"),
        piece4(DATA, 1000, 2000, proto=6),
        piece6(DATA, 1000, 2000),
    ]
    assert {rig.meet(each, NOW).outcome for each in others} == {"waits"}
    assert rig.meet(MIDDLE, NOW, domain=2) == Met("waits")
    assert rig.meet(MIDDLE, NOW) == FOLLOWED


def test_a_first_that_was_held_up_tells_no_other_packet_its_ports(rig: Rig) -> None:
    other = piece4(DATA, 1000, 2000, identification=2)
    rig.meet(FIRST, NOW)
    (slot,) = np.flatnonzero(rig.fragments.words)
    late = rig.fragments.words[slot]
    assert free_entry(rig.fragments, rig.parking, slot, late)
    assert rig.meet(other, NOW) == Met("waits")
    (taken,) = np.flatnonzero(rig.fragments.words)
    rig.share(FIRST, NOW, taken, late)
    assert rig.meet(other, NOW) == Met("waits"), "its own first is not there"
    assert rig.meet(piece4(DATA, 0, 1000, identification=2), NOW) == Met("follows", PORTS, (other,))


def test_what_waits_too_long_is_forgotten(rig: Rig) -> None:
    rig.meet(MIDDLE, NOW)
    assert rig.sweep(NOW + LIFETIME - 1) == 0
    assert rig.parked == 1
    assert rig.sweep(NOW + LIFETIME) == 1
    assert (rig.entries, rig.parked) == (0, 0)


def test_an_old_packet_is_as_if_absent_before_it_is_swept(rig: Rig) -> None:
    rig.meet(FIRST, NOW)
    assert rig.meet(MIDDLE, NOW + LIFETIME) == Met("waits")


def test_time_that_runs_backwards_a_little_ages_nothing(rig: Rig) -> None:
    """Workers' clocks may be one burst apart; and ticks begin again at 0."""
    rig.meet(FIRST, 0)
    assert rig.meet(MIDDLE, (1 << 32) - 1) == FOLLOWED
    assert rig.sweep((1 << 32) - 1) == 0


def test_a_full_table_refuses_for_a_second_and_then_lets_the_oldest_go() -> None:
    rig = Rig(entry_limit=4)
    pieces = [piece4(DATA, 0, 1000, identification=n) for n in range(6)]
    later = [piece4(DATA, 1000, 2000, identification=n) for n in range(6)]
    assert [rig.meet(each, NOW + n).outcome for n, each in enumerate(pieces[:4])] == ["follows"] * 4
    assert rig.meet(pieces[4], NOW + 8) == Met("table full")
    assert rig.meet(later[0], NOW + 8) == FOLLOWED
    assert rig.meet(pieces[4], NOW + 9) == FOLLOWED, "number 0 is nine ticks old"
    assert rig.meet(pieces[5], NOW + 9) == Met("table full")
    assert [rig.meet(later[n], NOW + 9).outcome for n in (1, 2, 3, 4)] == ["follows"] * 4
    assert rig.entries == 4


def test_what_waited_for_the_oldest_goes_with_it() -> None:
    rig = Rig(entry_limit=1)
    rig.meet(MIDDLE, NOW)
    assert rig.meet(piece4(DATA, 0, 1000, identification=9), NOW + 9) == FOLLOWED
    assert (rig.entries, rig.parked) == (1, 0)
