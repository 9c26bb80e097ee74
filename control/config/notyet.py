"""The fields that are understood and not in force in this version: one table, and nothing else knows of them.

They are refused, because to ignore them would be unsafe or plainly wrong. Putting a field in force is deleting its row
here and giving it a meaning in ``resolve.py``.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from control.config.mistakes import Mistakes, Path, describe


def _written(value: object) -> bool:
    return value is not None and value != [] and value != {}


def _other_mode(value: object) -> bool:
    return value == "host"


class NotYet(NamedTuple):
    """One field: where it stands (``*`` is any item of a list), what is expected instead, which values ask for it."""

    field: Path
    expected: str
    asked_for: Callable[[object], bool] = _written


NOT_YET = (
    NotYet(("networks", "*", "mode"), "bridge, overlay, routed or none (host is not in force yet)", _other_mode),
)


def refuse_not_yet(data: object, mistakes: Mistakes) -> None:
    """Look for the table's fields in a whole file's data, and refuse them."""
    for row in NOT_YET:
        for path, value in _find(data, row.field, ()):
            if row.asked_for(value) and not mistakes.touch(path):
                mistakes.add(path, row.expected, describe(value))


def _find(data: object, field: Path, path: Path) -> Iterator[tuple[Path, object]]:
    """Yield the path and value of every place of ``data`` that ``field`` names."""
    if not field:
        yield path, data
    elif field[0] == "*":
        for index, item in enumerate(data if isinstance(data, list) else ()):
            yield from _find(item, field[1:], (*path, index))
    elif isinstance(data, dict) and field[0] in data:
        yield from _find(data[field[0]], field[1:], (*path, field[0]))
