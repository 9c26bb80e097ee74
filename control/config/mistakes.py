"""What is wrong with a configuration, gathered so that all of it is told at once.

A mistake is one line: ``FILE:LINE: field: expected what, found what``. A request that did not come from a file has no
lines: ``WHERE: field: expected what, found what``.
"""

from collections.abc import Mapping
from typing import NamedTuple

from control.errors import ConfigurationError

Path = tuple[str | int, ...]
"""Where a value stands: ``("ports", 2, "vlan", "native")`` is shown as ``ports[2].vlan.native``."""

_LONGEST_SHOWN = 60


class Note(NamedTuple):
    """A field and what there is to tell about it, and the line of the file it belongs to (0: none)."""

    line: int
    text: str


class Mistakes:
    """Collects mistakes and warnings about one source, called ``whole`` as such. ``lines`` maps paths to line numbers;
    fill it while reading."""

    def __init__(self, source: str, lines: Mapping[Path, int] | None = None, whole: str = "configuration") -> None:
        self.source = source
        self.whole = whole
        self.lines: dict[Path, int] | None = None if lines is None else dict(lines)
        self._mistakes: list[Note] = []
        self._warnings: list[Note] = []
        self._touched: set[Path] = set()

    def add(self, path: Path, expected: str, found: str, line: int | None = None) -> None:
        """Note that ``path`` should have been ``expected`` and is ``found``; both are phrases without a full stop."""
        self._mistakes.append(self._note(path, f"expected {expected}, found {found}", line))
        self._touched.update(path[:length] for length in range(len(path) + 1))

    def warn(self, path: Path, sentence: str) -> None:
        """Note something that does not stop the configuration from being used."""
        self._warnings.append(self._note(path, sentence, None))

    def line_of(self, path: Path) -> int:
        """Return the line of ``path``, or of the nearest thing around it that has one; 0 when there are no lines."""
        lines = self.lines or {}
        while path and path not in lines:
            path = path[:-1]
        return lines.get(path, 0 if self.lines is None else 1)

    def touch(self, path: Path) -> bool:
        """Say whether a mistake was noted at ``path`` or below it."""
        return path in self._touched

    def raise_any(self, others: tuple[str, ...] = ()) -> None:
        """Raise ConfigurationError with every mistake in the file's order, and then those of ``others``, if there are
        any."""
        if self._mistakes or others:
            raise ConfigurationError((*self._in_order(self._mistakes), *others))

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._in_order(self._warnings)

    @property
    def notes(self) -> tuple[Note, ...]:
        """The mistakes, without the name of their source, in the order they were found."""
        return tuple(self._mistakes)

    def _note(self, path: Path, sentence: str, line: int | None) -> Note:
        number = self.line_of(path) if line is None else line
        return Note(number, f"{field_name(path) if path else self.whole}: {sentence}")

    def _in_order(self, notes: list[Note]) -> tuple[str, ...]:
        ordered = sorted(notes, key=lambda note: note.line)
        return tuple(dict.fromkeys(told_of(self.source, note.line, note.text) for note in ordered))


def told_of(source: str, line: int, text: str) -> str:
    """Return a note as it is told: ``FILE:LINE: field: …``."""
    return f"{source}:{line}: {text}" if line else f"{source}: {text}"


def field_name(path: Path) -> str:
    """Return ``ports[2].vlan.native`` for ``("ports", 2, "vlan", "native")``; the whole file is ``configuration``."""
    name = ""
    for part in path:
        if isinstance(part, int):
            name += f"[{part}]"
        elif _is_plain(part):
            name += f".{part}" if name else part
        else:
            name += f"[{_shorten(repr(part))}]"
    return name or "configuration"


def describe(value: object) -> str:
    """Return a short phrase for a value as YAML or JSON gave it, so that 5 and "5" look different."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {_shorten(repr(value))}"
    if isinstance(value, str):
        return _shorten(repr(value))
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return _shorten(str(value))


def nearest(word: str, known: tuple[str, ...]) -> str | None:
    """Return the one of ``known`` that ``word`` is most likely a slip of."""
    from difflib import get_close_matches  # only a wrong file pays for it

    return next(iter(get_close_matches(word[:_LONGEST_SHOWN], known, n=1)), None)


def _is_plain(part: str) -> bool:
    return part.isascii() and len(part) <= _LONGEST_SHOWN and part.replace("_", "").replace("-", "").isalnum()


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
