"""Fragments of many packets, shuffled, lost, doubled and forged, against the naive table."""

from random import Random

import pytest

from tests.fragment.naive import Fragments
from tests.fragment.packets import datagram, piece4, piece6
from tests.fragment.rig import LIFETIME, Met, Rig
from tests.scale import scaled

pytestmark = pytest.mark.kernel

PACKETS = scaled(400, jit_off=12)


def pieces_of(random: Random, identification: int) -> list[bytes]:
    """Return the fragments of one packet as a bad network delivers them."""
    data = datagram(random.randrange(16, random.choice([100, 3000, 9000])))
    make = random.choice([piece4, piece6])
    size = 8 * random.randrange(1, 1 + len(data) // 8)
    if len(data) // size > 12:
        size = (len(data) // 12 // 8 + 1) * 8
    places = [(start, min(start + size, len(data))) for start in range(0, len(data), size)]
    if len(places) == 1:
        places = [(0, 8), (8, len(data))]
    if random.random() < 0.3:
        places += random.choices(places, k=2)
    if random.random() < 0.3:
        start = 8 * random.randrange(len(data) // 8)
        places.append((start, random.choice([len(data), start + 8])))
    if random.random() < 0.2:
        places.remove(random.choice(places))
    if random.random() < 0.5:
        random.shuffle(places)
    return [make(data, start, end, identification) for start, end in places if (start, end) != (0, len(data))]


def interleaved(random: Random, flights: list[list[bytes]]) -> list[bytes]:
    """Return the fragments of all packets, a few packets at a time under way."""
    frames: list[bytes] = []
    under_way: list[list[bytes]] = []
    while flights or under_way:
        while flights and len(under_way) < 5:
            under_way.append(flights.pop())
        one = random.choice(under_way)
        if one:
            frames.append(one.pop(0))
        else:
            under_way.remove(one)
    return frames


def test_the_table_agrees_with_its_naive_twin(seed: int) -> None:
    random = Random(seed)
    rig, naive = Rig(entry_limit=1024, seed=seed), Fragments[bytes](LIFETIME)
    flights = [pieces_of(random, random.choice([n, n % 5])) for n in range(PACKETS)]
    tick, waiting = 0, list[tuple[bytes, int]]()
    for frame in interleaved(random, flights):
        tick += random.choice([0, 0, 0, 1, 20])
        waiting.append((frame, random.choice([1, 1, 1, 2])))
        while waiting:
            each, domain = waiting.pop(0)
            expected = naive.follow(domain, each[14:], tick, each)
            goes_on = random.random() < 0.9
            met = rig.meet(each, tick, domain, goes_on)
            assert met == Met(expected.outcome, expected.transport, expected.returned)
            if expected.outcome == "follows" and goes_on:
                naive.let_pass(domain, each[14:])
            elif expected.outcome == "follows" and random.random() < 0.8:
                waiting.append((each, domain))
            waiting = [(back, domain) for back in met.returned] + waiting
        if random.random() < 0.05:
            rig.sweep(tick)
    rig.sweep(tick + LIFETIME)
    assert (rig.entries, rig.parked) == (0, 0)
