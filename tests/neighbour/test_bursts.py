"""Workers say which bursts they are in, so that what one leaves half done is freed after its burst and no sooner."""

import numpy as np
import pytest

from control.fabric import Fabric
from dataplane.fdb.tables import TICK_SHIFT
from dataplane.neighbour.tables import AWAY
from dataplane.pipeline import begin_burst, carry_vector, rest
from dataplane.vector import make_arena, make_egress, make_vector
from tests.rows.router.world import WORLD

pytestmark = pytest.mark.kernel

WORKER, TICK = 1, 1000


def test_a_worker_notes_the_tick_of_each_vector_until_it_sleeps() -> None:
    fabric = Fabric(WORLD.limits, workers=2, seed=1)
    fabric.apply(WORLD)
    state, vector = fabric.state, make_vector()
    noted = state.neighbour_head[0].noted_tick[::8]
    for tick in (TICK, TICK + 1):
        vector.timestamp_ns[0] = np.uint64(tick << TICK_SHIFT)
        carry_vector(vector, make_arena(1), state, begin_burst(state, WORKER), WORKER, make_egress())
        assert noted.tolist() == [AWAY, tick, AWAY, AWAY]
    rest(state, WORKER)
    assert (noted == AWAY).all()
