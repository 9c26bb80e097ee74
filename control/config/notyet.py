"""The fields that are understood and not in force in this version: one table, and nothing else knows of them.

A field that only leaves something out when it is ignored is warned of. A field whose being ignored would be unsafe or
plainly wrong is refused. Putting a field in force is deleting its row here and giving it a meaning in ``resolve.py``.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from control.config.mistakes import Mistakes, Path, describe
from control.config.schema import TimeoutFields

_WARNING = "understood, not in force yet"


def _written(value: object) -> bool:
    return value is not None and value != [] and value != {}


def _is_true(value: object) -> bool:
    return value is True


def _other_mode(value: object) -> bool:
    return value in ("overlay", "routed", "host")


class NotYet(NamedTuple):
    """One field: where it stands (``*`` is any item of a list), which values ask for it, what is expected instead.

    ``expected`` is None where a warning is enough.
    """

    field: Path
    asked_for: Callable[[object], bool] = _written
    expected: str | None = None


NOT_YET = (
    NotYet(("networks", "*", "mode"), _other_mode, "bridge or none (other modes are not in force yet)"),
    NotYet(("networks", "*", "vni"), expected="no vni (overlays are not in force yet)"),
    NotYet(("overlay",), expected="no overlay (not in force yet)"),
    NotYet(("manifests",), expected="no manifests (policies are not in force yet)"),
    NotYet(("networks", "*", "gateway")),
    NotYet(("networks", "*", "masquerade"), _is_true),
    NotYet(("ports", "*", "publish")),
    NotYet(("uplink",)),
    NotYet(("routes",)),
    NotYet(("nat",)),
    *(NotYet(("timeouts", field)) for field in TimeoutFields.model_fields if field != "fdb_s"),
    *(NotYet(("limits", field)) for field in ("flows", "neighbours", "routes", "fragments")),
)


def note_not_yet(data: object, mistakes: Mistakes) -> None:
    """Look for the table's fields in a whole file's data; warn of them or refuse them."""
    for row in NOT_YET:
        for path, value in _find(data, row.field, ()):
            if not row.asked_for(value) or mistakes.touch(path):
                continue
            if row.expected is None:
                mistakes.warn(path, _WARNING)
            else:
                mistakes.add(path, row.expected, describe(value))


def refuse_not_yet_in_port(data: object, mistakes: Mistakes) -> None:
    """Refuse the table's fields in one port's mapping that did not come from a file: nobody would see a warning."""
    for row in NOT_YET:
        if row.field[:2] == ("ports", "*"):
            for path, value in _find(data, row.field[2:], ()):
                if row.asked_for(value) and not mistakes.touch(path):
                    mistakes.add(path, f"no {path[-1]} (not in force yet)", describe(value))


def _find(data: object, field: Path, path: Path) -> Iterator[tuple[Path, object]]:
    """Yield the path and value of every place of ``data`` that ``field`` names."""
    if not field:
        yield path, data
    elif field[0] == "*":
        for index, item in enumerate(data if isinstance(data, list) else ()):
            yield from _find(item, field[1:], (*path, index))
    elif isinstance(data, dict) and field[0] in data:
        yield from _find(data[field[0]], field[1:], (*path, field[0]))
