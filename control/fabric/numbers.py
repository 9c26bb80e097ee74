"""Numbers that stay: what was there before keeps its number, what is new gets the lowest that nobody had."""

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

from control.errors import UserError

Key = TypeVar("Key", bound=Hashable)


def keep_numbers(keys: Iterable[Key], before: Mapping[Key, int], first: int, limit: int, what: str) -> dict[Key, int]:
    """Number the keys from ``first`` to below ``limit``, as ``before`` did wherever it did.

    A number that has just become free may still be in use by workers, and by devices that are not closed yet: it is
    not given away in the same change. UserError, naming ``what`` is numbered, when there are not enough.
    """
    wanted = list(keys)
    used = set(before.values())
    free = (number for number in range(first, limit) if number not in used)
    numbers = {}
    for key in wanted:
        number = before[key] if key in before else next(free, None)
        if number is None:
            raise UserError(_too_many(wanted, before, limit - first, what))
        numbers[key] = number
    return numbers


def _too_many(wanted: list[Key], before: Mapping[Key, int], room: int, what: str) -> str:
    if len(wanted) > room:
        return f"{len(wanted)} {what}, the tables hold {room}; use fewer"
    leaving = len(before.keys() - set(wanted))
    free = room - len(before)
    coming = len(set(wanted) - before.keys())
    return (
        f"{coming} new {what} beside the {len(before)} in force, the tables hold {room}: the places of the {leaving} "
        f"that leave are free only after the change; make it in two steps, with at most {free} new {what} in the first"
    )
