"""Ending a frame."""

from typing import Any

from dataplane.jit import inlined
from dataplane.verdict import DROP


@inlined
def drop(vector: Any, i: int, reason: int) -> None:
    """End frame ``i`` with its one reason."""
    vector.verdict[i] = DROP
    vector.reason[i] = reason
