"""What there is to tell about one document: mistakes and warnings, gathered while its objects are made.

Their lines are looked for at the end, by a second reading of the document, and only if there are any.
"""

from typing import NamedTuple

from yaml import MarkedYAMLError, YAMLError

from control.config.lines import read_nodes, syntax
from control.config.mistakes import Mistakes, Path, describe, field_name
from control.manifests.documents import MAX_ALIASED_VALUES, compose

WHOLE = "document"


class Note(NamedTuple):
    """One sentence, and the line of the document that it belongs to, counted from 1."""

    line: int
    text: str


class Notes:
    """Gathers mistakes and warnings by the path of the field they are about."""

    def __init__(self) -> None:
        self.mistakes: list[tuple[Path, str]] = []
        self.warnings: list[tuple[Path, str]] = []

    def wrong(self, path: Path, expected: str, found: object) -> None:
        """Note that ``path`` should have been ``expected`` and has the value ``found``."""
        self.wrong_as(path, expected, describe(found))

    def wrong_as(self, path: Path, expected: str, found: str) -> None:
        """Note that ``path`` should have been ``expected`` and is what the phrase ``found`` says."""
        self.mistakes.append((path, f"expected {expected}, found {found}"))

    def warn(self, path: Path, sentence: str) -> None:
        """Note something that does not stop the object from being used."""
        self.warnings.append((path, sentence))

    def placed(self, text: str) -> tuple[tuple[Note, ...], tuple[Note, ...]]:
        """Return the mistakes and the warnings, each with its line in the document ``text``."""
        if not self.mistakes and not self.warnings:
            return (), ()
        lines = _lines(text)
        return _place(self.mistakes, lines), _place(self.warnings, lines)


def notes_of_broken(text: str) -> tuple[Note, ...]:
    """Return why a document cannot be read at all."""
    mistakes = Mistakes("", whole=WHOLE)
    try:
        read_nodes(compose(text), mistakes, len(text) + MAX_ALIASED_VALUES)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        expected, found = syntax(error)
        return (Note(1 if mark is None else mark.line + 1, f"{WHOLE}: expected {expected}, found {found}"),)
    except (YAMLError, ValueError, RecursionError) as error:
        found = " ".join(str(error).split())[:200] or "something else"
        return (Note(1, f"{WHOLE}: expected a YAML document, found {found}"),)
    told = tuple(Note(max(line, 1), text) for line, text in mistakes.notes)
    return told or (Note(1, f"{WHOLE}: expected plain YAML, found something that JSON cannot say"),)


def _lines(text: str) -> Mistakes:
    """Return the line of every field of a document that could be read."""
    mistakes = Mistakes("", whole=WHOLE)
    try:
        read_nodes(compose(text), mistakes, len(text) + MAX_ALIASED_VALUES)
    except (YAMLError, ValueError, RecursionError):
        mistakes.lines = {}
    return mistakes


def _place(notes: list[tuple[Path, str]], lines: Mistakes) -> tuple[Note, ...]:
    """Return the notes in the order of their lines."""
    placed = [
        Note(max(lines.line_of(path), 1), f"{field_name(path) if path else WHOLE}: {sentence}")
        for path, sentence in notes
    ]
    return tuple(sorted(placed, key=lambda note: note.line))
