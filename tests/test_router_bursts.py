"""What a vector has no room for: the one thing that depends on how frames are grouped."""

import pytest

from dataplane.vector import EXTRA_FRAMES
from tests.drive import run_switch
from tests.rows.router.sizes import NARROW
from tests.rows.router.world import B1, FAR, G, gives, met, udp
from tests.rows.row import Row

FRAMES = 60
PIECES = 8
"""9,000 bytes in packets of at most 1,280."""

pytestmark = pytest.mark.kernel


def big_packets() -> Row:
    """Return packets in one burst that must all be cut, behind what makes the way known."""
    packet = udp(B1.ip4, FAR, body=bytes(8972), flags="")
    return Row("many cut at once", NARROW, (*met(G), *(gives(B1, packet) for _ in range(FRAMES))))


def test_packets_whose_pieces_find_no_room_are_dropped_and_the_others_whole() -> None:
    row = big_packets()
    run = run_switch(row.configuration, row.arrivals(), row.conditions, 256, is_followed=False)
    outcomes = run.outcomes[-FRAMES:]
    passed = [outcome for outcome in outcomes if outcome.verdict == "forward"]
    assert len(passed) == EXTRA_FRAMES // (PIECES - 1)
    assert {len(outcome.out) for outcome in passed} == {PIECES}
    assert {outcome.reason for outcome in outcomes if outcome not in passed} == {"burst_full"}


def test_alone_each_finds_room() -> None:
    row = big_packets()
    run = run_switch(row.configuration, row.arrivals(), row.conditions, 1, is_followed=False)
    assert {outcome.verdict for outcome in run.outcomes[-FRAMES:]} == {"forward"}
