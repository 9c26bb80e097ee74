"""What one worker drives packets with: its own devices, vector, arena and queues, and the tables that all share."""

from typing import Any, NamedTuple

from dataplane.ports.tables import make_devices, make_receive_iovecs
from dataplane.ports.vtep.tables import make_vtep
from dataplane.vector import Arena, make_arena, make_egress, make_vector


class Lane(NamedTuple):
    """Everything that the compiled loop takes, as one argument.

    ``devices``: record of ``ports/tables.py``. ``vector``, ``egress``: records of ``vector.py``. ``arena``: as many
    slots as the vector holds frames, which ``iovecs`` point at. ``vtep``: record of ``ports/vtep/tables.py``.
    ``state``: ``state.State``. ``worker``: which worker this is, from 0.
    """

    devices: Any
    vector: Any
    arena: Arena
    iovecs: Any
    egress: Any
    vtep: Any
    state: Any
    worker: int


def make_lane(state: Any, worker: int, vector_limit: int) -> Lane:
    """Return a lane without devices, whose vectors hold ``vector_limit`` frames."""
    devices = make_devices()
    devices.vector_limit = vector_limit
    arena = make_arena(vector_limit)
    iovecs = make_receive_iovecs(arena, vector_limit)
    return Lane(devices, make_vector(), arena, iovecs, make_egress(), make_vtep(), state, worker)
