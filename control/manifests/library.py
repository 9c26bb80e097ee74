"""All manifests of a fabric, read as a whole and again: what has not changed since is not read twice.

Where nobody can say which files have changed, each is looked at. Where somebody can, as who watches folders, only those
are, and their objects are put in place of those that they had (``exchange.py``): that costs the same among any number.

A file that is the same as before is not opened; of one that is not, the documents whose text is the same are not read
again, and their objects are the very same. So a change costs what has changed, and whoever compares objects may begin
with their identity.

A file whose last change is younger than a clock's tick may change again without a sign: its text is compared.
"""

import gc
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from control.config.mistakes import told_of
from control.errors import ConfigurationError
from control.manifests.documents import Chunk, NotReadError, cut, read
from control.manifests.exchange import FIELDS, exchanged, key_of
from control.manifests.files import Signature, is_in_folder, list_files, read_file, signature_of
from control.manifests.notes import Note, Notes, notes_of_broken
from control.manifests.objects import Object, read_objects
from control.policy.model import ClusterPolicy, Manifests, Place

SETTLED_AFTER_NS = 2_000_000_000


class Found(NamedTuple):
    """What there is, and what its reader should be told besides: a line each."""

    manifests: Manifests
    warnings: tuple[str, ...]


class _Document(NamedTuple):
    """What one document's text came to. Lines are counted from its own first one, but those of its objects."""

    objects: tuple[Object, ...]
    mistakes: tuple[Note, ...]
    warnings: tuple[Note, ...]


class _File(NamedTuple):
    """What a file came to, by its documents. ``signature`` is None where only its text can tell that it is the same."""

    signature: Signature | None
    documents: dict[Chunk, _Document]
    mistakes: tuple[str, ...]
    warnings: tuple[str, ...]


class _Known(NamedTuple):
    """The last reading, where it was without mistakes, and where files that change are all that can change it."""

    paths: tuple[Path, ...]
    found: Found


class Library:
    """Reads manifests, and remembers what it has read."""

    def __init__(self, now_ns: Callable[[], int] = time.time_ns) -> None:
        self.warnings: tuple[str, ...] = ()
        """Those of the last reading that found no mistake."""
        self._now_ns = now_ns
        self._files: dict[Path, _File] = {}
        self._known: _Known | None = None

    def read(self, paths: Iterable[Path], changed: AbstractSet[Path] | None = None) -> Found:
        """Return what files and folders hold; ConfigurationError with every mistake in any of them.

        ``changed``: where it is known, the only files that may be others than at the last reading.
        """
        paths = tuple(paths)
        with _without_collector():
            found = None if changed is None else self._read_changed(paths, changed)
            return self._read_all(paths) if found is None else found

    def _read_all(self, paths: tuple[Path, ...]) -> Found:
        mistakes: list[str] = []
        self._known = None
        files, have_links = list_files(paths, mistakes)
        self._files = {path: self._file(path) for path in files}
        found = _together(self._files.values(), mistakes)
        self.warnings = found.warnings
        self._known = None if have_links else _Known(paths, found)
        return found

    def _read_changed(self, paths: tuple[Path, ...], changed: AbstractSet[Path]) -> Found | None:
        """Return what there is now, if nothing can be to tell that is told of all files together; else None."""
        if self._known is None or self._known.paths != paths or not changed.isdisjoint(paths):
            return None
        in_folders = [path for path in changed if path.parent in paths]
        after = {path: self._file(path) for path in in_folders if is_in_folder(path)}
        before = {path: self._files[path] for path in in_folders if path in self._files}
        if any(map(Path.is_symlink, after)) or any(map(_is_told_of, (*before.values(), *after.values()))):
            return None
        manifests = exchanged(self._known.found.manifests, _objects(before.values()), _objects(after.values()))
        if manifests is None:
            return None
        for path in before.keys() - after.keys():
            del self._files[path]
        self._files.update(after)
        self._known = _Known(paths, self._known.found._replace(manifests=manifests))
        return self._known.found

    def _file(self, path: Path) -> _File:
        before = self._files.get(path)
        signature = signature_of(path)
        if before is not None and signature is not None and before.signature == signature:
            return before
        if signature is not None and self._now_ns() - signature[2] < SETTLED_AFTER_NS:
            signature = None
        try:
            return _read_text(read_file(path), str(path), signature, {} if before is None else before.documents)
        except ConfigurationError as error:
            return _File(None, {}, error.mistakes, ())


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep Python from looking for circles, of which reading makes none, among all that it has read so far, again and
    again: a quarter of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def read_manifests(paths: Sequence[Path]) -> Found:
    """Return what files and folders hold; ConfigurationError with every mistake in any of them."""
    return Library().read(paths)


def parse_manifests(text: str, filename: str) -> Found:
    """Return what one file's ``text`` holds; ConfigurationError with every mistake in it."""
    return _together([_read_text(text, filename, None, {})], [])


def _together(files: Collection[_File], mistakes: list[str]) -> Found:
    warnings: list[str] = []
    for file in files:
        mistakes += file.mistakes
        warnings += file.warnings
    manifests = _assemble(_objects(files), mistakes, warnings)
    if mistakes:
        raise ConfigurationError(tuple(mistakes))
    return Found(manifests, tuple(warnings))


def _objects(files: Iterable[_File]) -> list[Object]:
    return [item for file in files for document in file.documents.values() for item in document.objects]


def _is_told_of(file: _File) -> bool:
    return bool(file.mistakes or file.warnings)


def _read_text(text: str, filename: str, signature: Signature | None, before: dict[Chunk, _Document]) -> _File:
    known_texts = {chunk.text: chunk for chunk in before}
    documents = {}
    for chunk in cut(text):
        if chunk in before:
            documents[chunk] = before[chunk]
        elif (known := known_texts.get(chunk.text)) is not None:
            documents[chunk] = _moved(before[known], chunk.line - known.line)
        else:
            documents[chunk] = _read_document(chunk, filename)
    mistakes, warnings = (
        tuple(told_of(filename, chunk.line + note.line - 1, note.text) for chunk, note in notes)
        for notes in (
            [(chunk, note) for chunk, document in documents.items() for note in document.mistakes],
            [(chunk, note) for chunk, document in documents.items() for note in document.warnings],
        )
    )
    return _File(signature, documents, mistakes, warnings)


def _read_document(chunk: Chunk, filename: str) -> _Document:
    try:
        contents = read(chunk.text)
    except NotReadError:
        return _Document((), notes_of_broken(chunk.text), ())
    notes = Notes()
    before = Place(filename, chunk.line - 1)
    objects = tuple(item for document in contents for item in read_objects(document, before, notes))
    return _Document(objects, *notes.placed(chunk.text))


def _moved(document: _Document, lines: int) -> _Document:
    """Return a document that stands ``lines`` further down than it did."""
    objects = (replace(item, place=Place(item.place.file, item.place.line + lines)) for item in document.objects)
    return document._replace(objects=tuple(objects))


def _assemble(objects: Iterable[Object], mistakes: list[str], warnings: list[str]) -> Manifests:
    """Return the objects by their kinds, in order.

    What is in one file twice counts as it stands there last, as where Kubernetes is given the file; what is in two
    files is a mistake, since nobody could say which is the last.
    """
    kinds: dict[type, dict[tuple[str, str], Any]] = {kind: {} for kind in FIELDS}
    for item in objects:
        key = key_of(item)
        first = kinds[type(item)].setdefault(key, item)
        if first is item or not item.name:
            continue
        told = _told_twice(item, first, "/".join(filter(None, key)))
        if first.place.file == item.place.file:
            kinds[type(item)][key] = item
            warnings.append(f"{told}: the later one counts")
        else:
            mistakes.append(told)
    fields = {FIELDS[kind]: tuple(by_name[key] for key in sorted(by_name)) for kind, by_name in kinds.items()}
    return Manifests(**fields)


def _told_twice(item: Object, first: Object, name: str) -> str:
    kind = "ClusterNetworkPolicy" if isinstance(item, ClusterPolicy) else type(item).__name__
    text = f"metadata.name: expected every {kind} once, found {name} again (first at {first.place})"
    return told_of(item.place.file, item.place.line, text)
