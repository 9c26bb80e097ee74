"""Forgetting frames that came in where nothing is any more."""

from collections.abc import Collection
from typing import Any

import numpy as np

from dataplane.parking.tables import NOBODY, STATUS_MASK, WAITING


def forget_parked(head: Any, places: Any, ports: Collection[int], domains: Collection[int]) -> int:
    """Forget what waits of the frames that came in by these ports or domains; return how many.

    Workers may go on meanwhile; none parks a frame of those any more.
    """
    is_waiting = np.array(head["state"]) & STATUS_MASK == WAITING
    is_theirs = np.isin(places["in_port"], list(ports)) | np.isin(places["domain"], list(domains))
    chosen = is_waiting & is_theirs & (np.array(head["owner"]) != NOBODY)
    head["owner"][chosen] = NOBODY
    return int(np.count_nonzero(chosen))
