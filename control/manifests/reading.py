"""What every kind's reader does with one value: look at its type, and note what is wrong.

The API's servers read a field that is null as one that is not written, and a list's null as an item with nothing
written in it; so do these. Custom resources are stricter (``clusterpolicy.py``).
"""

from collections.abc import Callable

from control.config.mistakes import Path, describe, nearest
from control.config.values import Expected
from control.manifests.notes import Notes

Fields = dict[str, object]


def mapping(value: object, known: tuple[str, ...], path: Path, notes: Notes) -> Fields:
    """Return the fields of ``value``; those that are not ``known`` are mistakes."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        notes.wrong(path, "a mapping", value)
        return {}
    for name in value:
        if name not in known:
            notes.wrong_as((*path, name), known_fields(name, known), describe(name))
    return value


def sequence(value: object, path: Path, notes: Notes) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        notes.wrong(path, "a list", value)
        return []
    return value


def text(value: object, path: Path, notes: Notes) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        notes.wrong(path, "text (quote it)", value)
        return ""
    return value


def texts(value: object, path: Path, notes: Notes) -> dict[str, str]:
    """Return a mapping of text to text, as labels and annotations are."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        notes.wrong(path, "a mapping", value)
        return {}
    return {name: text(item, (*path, name), notes) for name, item in value.items()}


def whole(value: object, path: Path, notes: Notes) -> int | None:
    """Return a whole number; None, which is noted, if it is something else."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        notes.wrong(path, "a whole number", value)
        return None
    return value


def port_number(value: object, path: Path, notes: Notes) -> int | None:
    """Return a port from 1 to 65535; None, which is noted, if it is something else."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        notes.wrong(path, "a port from 1 to 65535", value)
        return None
    return value


def holds(reader: Callable[[object], object], value: object, path: Path, notes: Notes) -> bool:
    """Return whether ``reader`` takes ``value``; what it says otherwise is noted."""
    try:
        reader(value)
    except Expected as error:
        notes.wrong_as(path, error.expected, error.found or describe(value))
        return False
    return True


def known_fields(found: str, known: tuple[str, ...]) -> str:
    """Return what was expected where a field ``found`` is not one of ``known``."""
    meant = nearest(found, known)
    return f"a field that is known (did you mean {meant}?)" if meant else f"one of the fields {', '.join(known)}"
