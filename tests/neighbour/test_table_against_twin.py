"""Random packets, news and time over the table of neighbours, held against the naive twin."""

from random import Random

import pytest

from dataplane.neighbour.tables import OVERRIDES, SOLICITED
from tests.neighbour.naive import NaiveNeighbours
from tests.neighbour.rig import DOMAINS, Rig
from tests.scale import scaled

pytestmark = pytest.mark.kernel

ADDRESSES = ["10.0.1.2", "10.0.1.3", "fd00::2", "fe80::2", "::fffe:1:2", "fd00::3"]
GAPS = [0, 0, 0, 1, 2, 7, 8, 9, 30, 224, 4500]


@pytest.mark.parametrize("reachable_s", [1, 30])
def test_random_runs(reachable_s: int, seed: int) -> None:
    random = Random(seed)
    rig = Rig(seed=seed % 1000, reachable_s=reachable_s)
    twin = NaiveNeighbours(int(rig.neighbours.rules.reachable_ticks))
    tick = 1000
    for packet in range(scaled(4000, jit_off=200)):
        gap = random.choice(GAPS) if random.random() < 0.5 else 0
        if gap:
            tick += gap
            rig.pass_time(tick)
            twin.pass_time(tick)
            asked, returned = rig.taken()
            naive_asked, naive_returned = twin.taken()
            assert sorted(asked) == sorted(naive_asked), (packet, tick)
            assert returned == naive_returned, (packet, tick)
        key = random.choice(list(DOMAINS)), random.choice(ADDRESSES)
        if random.random() < 0.6:
            assert rig.send(key, packet, tick) == twin.send(key, packet, tick), (packet, tick, key)
        else:
            mac = random.choice([0, 2, 2, 4, 5, 0x0200_0000_0002])
            solicited, overrides, may_create = (random.random() < 0.5 for _ in range(3))
            kind = SOLICITED * solicited | OVERRIDES * overrides
            rig.hear(key, mac, kind, may_create, tick)
            twin.hear(key, mac, solicited, overrides, may_create, tick)
        assert rig.taken() == twin.taken(), (packet, tick, key)
        assert rig.entries() == len(twin.table)
