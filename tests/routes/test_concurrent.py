"""A process reads while this one changes routes: every answer it gets was right before the change or is after it."""

import json
import os
import random
import subprocess
import sys
import time

import numpy as np
import pytest

from dataplane.generation.build import activate
from dataplane.generation.grace import WorkersGrace
from dataplane.route.build import Route, RouteWriter
from dataplane.route.rib import columns_of
from dataplane.route.tables import Fib
from dataplane.shm import create_region
from tests.naive.routes import NaiveRoutes
from tests.routes.reader import ADDRESSES, SECTIONS
from tests.routes.tables import LOW, WIDTHS, edges
from tests.scale import scaled
from tests.sources import ROOT

pytestmark = pytest.mark.kernel

GROUPS = 60
PATIENCE_S = 120


def crowd(width: int, count: int, chance: random.Random) -> list[Route]:
    """Return routes that nest in one another, and share their blocks."""
    found: dict[tuple[int, int], Route] = {}
    while len(found) < count:
        length = chance.choice([16, 17, 20, 22, 24, 27, 30, 32, width - 1, width])
        place = 0x0A00 << width - 16 | chance.choice([0, 1, 5, 6]) << width - 20 | chance.getrandbits(4) << width - 24
        address = (place | chance.getrandbits(3) << width - 31) >> width - length << width - length
        found[address, length] = Route(address, length, chance.randrange(1, GROUPS))
    return list(found.values())


def allowed_groups(address: int, staying: NaiveRoutes, changing: list[Route]) -> set[int]:
    """Return the right answers for an address, whichever of the changing routes are there."""
    answers = {staying.find(address)}
    only = NaiveRoutes(staying.width)
    for route in changing:
        only.groups = {**staying.groups, (route.address, route.length): route.group}
        answers.add(only.find(address))
    return answers


@pytest.mark.parametrize("width", WIDTHS)
def test_readers_never_get_a_wrong_answer(width: int, seed: int) -> None:
    chance = random.Random(seed)
    routes = crowd(width, 60, chance)
    staying, changing = routes[:30], routes[30:]
    naive = NaiveRoutes(width)
    for route in staying:
        naive.add(route)
    region = create_region(SECTIONS, {}, shared=True)
    arrays = region.arrays
    control = arrays["control"][0]
    activate(control)
    writer = RouteWriter(Fib(arrays["root"], arrays["units"]), width, 1000, WorkersGrace(control))
    writer.load(columns_of(staying, width))
    addresses = edges([route[:2] for route in routes], width)[:ADDRESSES]
    arrays["count"][0] = len(addresses)
    for n, address in enumerate(addresses):
        arrays["high"][n], arrays["low"][n] = address >> 64, address & LOW
        arrays["address"][n] = address & 0xFFFF_FFFF
        arrays["allowed"][n] = sum(1 << group for group in allowed_groups(address, naive, changing))
    decided = np.bitwise_count(arrays["allowed"][: len(addresses)]) == 1
    assert decided.any()
    assert not decided.all()
    command = [sys.executable, "-m", "tests.routes.reader", str(region.fd), str(width)]
    with subprocess.Popen(command, cwd=ROOT, pass_fds=[region.fd], stdout=subprocess.PIPE, text=True) as reader:
        try:
            wait_for_vectors(arrays, 1, reader)
            change(writer, staying, changing, chance)
            wait_for_vectors(arrays, int(arrays["vectors"][0]) + 2, reader)
            arrays["stop"][0] = 1
            seen = json.loads(reader.communicate(timeout=PATIENCE_S)[0])
        finally:
            reader.kill()
            os.close(region.fd)
    assert seen["wrong"] == 0, seen


def change(writer: RouteWriter, staying: list[Route], changing: list[Route], chance: random.Random) -> None:
    """Add and remove routes, and load everything anew now and then."""
    for n in range(scaled(3000)):
        route = chance.choice(changing)
        if writer.group_of(route.address, route.length) is None:
            writer.add(route)
        else:
            writer.remove(route.address, route.length)
        if n % 500 == 499:
            writer.load(columns_of(staying + changing[: n // 500], writer.width))


def wait_for_vectors(arrays: dict[str, np.ndarray], vectors: int, reader: subprocess.Popen[str]) -> None:
    """Wait until the reader has looked up so many vectors; its kernels may have to be compiled first."""
    deadline = time.monotonic() + PATIENCE_S
    while arrays["vectors"][0] < vectors:
        assert reader.poll() is None, "the reader has ended"
        assert time.monotonic() < deadline
        time.sleep(0.001)
