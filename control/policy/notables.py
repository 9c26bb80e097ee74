"""Numbers without tables: for a book that is only asked."""

from collections.abc import Iterable
from itertools import count, islice
from typing import Any

import numpy as np


class NoTables:
    """Takes what ``PolicyWriter`` takes, and writes it nowhere."""

    def __init__(self) -> None:
        self._numbers = {kind: count(1) for kind in ("ends", "labels", "blocks", "rows", "rules", "lists")}
        self._lists: dict[tuple[int, ...], int] = {}

    def take(self, kind: str, count: int = 1) -> list[int]:
        """Return numbers that nobody has."""
        return list(islice(self._numbers[kind], count))

    def intern_list(self, steps: tuple[int, ...]) -> int:
        """Return the number of a list."""
        if steps not in self._lists:
            self._lists[steps] = next(self._numbers["lists"])
        return self._lists[steps]

    def retire(self, kind: str, numbers: Iterable[int]) -> None:
        """Numbers are never used again."""

    def advance_stamp(self) -> int:
        """There are no conversations."""
        return 1

    def hits(self) -> Any:
        """Nothing is ever hit."""
        return np.zeros(1, np.uint64)

    def tidy(self) -> None:
        """There is nothing to tidy."""

    def _nothing(self, *_: Any) -> None:
        """Write nowhere."""

    put_cells = remove_cells = set_otherwise = set_after = set_ends = load_prefixes = set_prefixes = _nothing
