"""Neighbours as the agent reads and forgets them."""

from ipaddress import ip_address

import pytest

from dataplane.neighbour.build import NeighbourEntry, forget_neighbours, read_neighbours
from dataplane.neighbour.tables import HEARD
from tests.neighbour.rig import Rig

pytestmark = pytest.mark.kernel

TICK = 9000
MAC = 0x0504_0302_0102
TICK_S = (1 << 27) / 1e9
KNOWN, WAITED, FAR = (7, "10.0.1.2"), (9, "fd00::2"), (11, "10.0.1.2")


def rig_of_three() -> Rig:
    rig = Rig()
    rig.hear(KNOWN, MAC, HEARD, True, TICK)
    rig.hear(FAR, MAC, HEARD, True, TICK)
    rig.send(WAITED, 1, TICK + 4)
    rig.taken()
    return rig


def read(rig: Rig, tick: int) -> dict[tuple[int, str], NeighbourEntry]:
    entries = list(read_neighbours(rig.neighbours, tick))
    found = {(entry.domain, str(entry.address)): entry for entry in entries}
    assert len(found) == len(entries)
    return found


def test_what_there_is() -> None:
    rig = rig_of_three()
    found = read(rig, TICK + 5)
    assert set(found) == {KNOWN, WAITED, FAR}
    assert found[KNOWN] == (7, ip_address("10.0.1.2"), MAC.to_bytes(6, "little"), "reachable", 5 * TICK_S)
    assert found[WAITED] == (9, ip_address("fd00::2"), b"", "incomplete", TICK_S)
    stale = TICK + int(rig.neighbours.rules.reachable_ticks)
    assert read(rig, stale)[KNOWN].state == "stale"
    rig.send(KNOWN, 1, stale)
    assert read(rig, stale)[KNOWN] == (7, ip_address("10.0.1.2"), MAC.to_bytes(6, "little"), "probe", 0.0)
    for ticks in (8, 16, 24):
        rig.pass_time(stale + ticks)
    assert read(rig, stale + 25)[WAITED][2:4] == (b"", "failed")
    assert read(rig, stale + 5000) == {WAITED: read(rig, stale + 5000)[WAITED]}


def test_all_are_forgotten() -> None:
    rig = rig_of_three()
    assert forget_neighbours(rig.neighbours) == 3
    assert read(rig, TICK + 4) == {}
    assert rig.send(KNOWN, 2, TICK + 4) == "waits"
    rig.pass_time(TICK + 5)
    assert rig.taken() == ([(*KNOWN, 0)], [1]), "what waited comes back, to ask anew"
    assert rig.entries() == 1
    assert forget_neighbours(rig.neighbours) == 1


@pytest.mark.parametrize(
    ("domain", "address", "left"),
    [
        (7, None, {WAITED, FAR}),
        (None, "10.0.1.2", {WAITED}),
        (11, "10.0.1.2", {KNOWN, WAITED}),
        (None, "fd00::2", {KNOWN, FAR}),
        (7, "fd00::2", {KNOWN, WAITED, FAR}),
    ],
)
def test_some_are_forgotten(domain: int | None, address: str | None, left: set[tuple[int, str]]) -> None:
    rig = rig_of_three()
    chosen = ip_address(address) if address else None
    assert forget_neighbours(rig.neighbours, domain, chosen) == 3 - len(left)
    assert set(read(rig, TICK + 4)) == left
    rig.pass_time(TICK + 5)
    assert rig.entries() == len(left)
