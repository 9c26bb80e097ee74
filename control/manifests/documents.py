"""Text -> documents -> plain data, fast: YAML by libyaml, JSON by Python's own reader.

A file is cut into its documents first, because a line that begins with ``---`` or ``...`` is a border whatever stands
around it; so each is read, remembered and told of by itself. Reading makes no lines: they are looked for in a second
reading, of a document that there is something to tell about (``notes.py``).

Depth and size are bounded, aliases counted each time they are used: a few lines of nested aliases can stand for
billions of values, and libyaml's own recursion is in C.
"""

import json
import re
from typing import Any, NamedTuple, NoReturn

from yaml import MarkedYAMLError, YAMLError
from yaml.nodes import MappingNode, ScalarNode, SequenceNode
from yaml.resolver import Resolver

from control.config.lines import MAX_DEPTH
from control.manifests.scalars import Scalar, plain_value

try:
    from yaml._yaml import CParser as Parser
except ImportError:  # A build of PyYAML without libyaml: the same, in Python.
    from yaml.loader import SafeLoader as Parser

MAX_ALIASED_VALUES = 100_000

_BORDER = re.compile(r"^(?:---|\.\.\.)(?=\s|\Z)", re.MULTILINE)
_DIRECTIVES_ALONE = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\r?\n|%[^\n]*\n)*[ \t]*(?:#[^\n]*)?\Z")
_TAG = "tag:yaml.org,2002:"


class Chunk(NamedTuple):
    """One document's text, and the line of the file that it begins on."""

    text: str
    line: int


class NotReadError(Exception):
    """Text that is no document: a second reading says why, and where."""


def cut(text: str) -> list[Chunk]:
    """Return a file's documents, those without content left out."""
    chunks, start, line = [], 0, 1
    borders = [(match.start(), match.end()) for match in _BORDER.finditer(text)]
    for end, after in [*borders, (len(text), len(text))]:
        chunk = text[start:end]
        if not _DIRECTIVES_ALONE.match(chunk):
            chunks.append(Chunk(chunk, line))
        line += chunk.count("\n")
        start = after
    return chunks


class Document(NamedTuple):
    """What one document holds, and the lines, counted from 1, that it and each of its ``items`` begin on. JSON tells no
    lines of items."""

    data: object
    line: int
    item_lines: tuple[int, ...] = ()

    def line_of(self, item: int | None) -> int:
        """Return the line of the document, or of one of its items."""
        return self.item_lines[item] if item is not None and item < len(self.item_lines) else self.line


def read(text: str) -> list[Document]:
    """Return what a chunk holds: one document, or JSON documents one behind the other. NotReadError if it cannot be
    read."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            return _read_json(text)
        except (ValueError, RecursionError):
            pass  # It may be YAML that begins so.
    try:
        parser = _Plain(text)
        if not parser.check_node():
            return []
        root = parser.get_node()
        if parser.check_node():
            raise NotReadError
        return [Document(_Reader(len(text)).read(root, 0), _line(root), _item_lines(root))]
    except (YAMLError, ValueError, RecursionError):
        raise NotReadError from None


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _item_lines(root: Any) -> tuple[int, ...]:
    for key, value in root.value if type(root) is MappingNode else ():
        if key.value == "items" and type(value) is SequenceNode:
            return tuple(map(_line, value.value))
    return ()


def compose(text: str) -> Any:
    """Return a chunk's nodes, with their marks and tags; MarkedYAMLError or YAMLError says what is wrong with it."""
    parser = _Tagged(text)
    root = parser.get_node() if parser.check_node() else None
    if root is not None and parser.check_node():
        raise MarkedYAMLError(None, None, "found another document", None)
    return root


def _read_json(text: str) -> list[Document]:
    documents, at = [], 0
    while rest := text[at:].lstrip():
        at = len(text) - len(rest)
        data, end = _JSON.raw_decode(text, at)
        documents.append(Document(data, text.count("\n", 0, at) + 1))
        at = end
    return documents


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field twice")
    return fields


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


_JSON = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse)


class _Bounded(Parser):  # type: ignore[misc]
    """libyaml's nodes, no deeper than its recursion can bear."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def descend_resolver(self, parent: object, index: object) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise MarkedYAMLError(None, None, f"expected at most {MAX_DEPTH} levels, but found more", None)

    def ascend_resolver(self) -> None:
        self._depth -= 1


class _Plain(_Bounded):
    """Plain values keep no tag: ``plain_value`` says what they are."""

    def resolve(self, kind: type, value: str | None, implicit: object) -> str:
        return ""


class _Tagged(_Bounded, Resolver):  # type: ignore[misc]
    """Every value has its tag, as ``control.config.lines`` reads it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        Resolver.__init__(self)

    def resolve(self, kind: type, value: str | None, implicit: object) -> str:
        return str(Resolver.resolve(self, kind, value, implicit))


class _Reader:
    """Makes data of one document's nodes."""

    def __init__(self, characters: int) -> None:
        # Every value that is written takes a character; whatever goes beyond is aliases'.
        self._values_left = characters + MAX_ALIASED_VALUES

    def read(self, node: Any, depth: int) -> object:
        self._values_left -= 1
        if self._values_left < 0 or depth > MAX_DEPTH:
            raise NotReadError
        kind = type(node)
        if kind is ScalarNode:
            return scalar(node)
        depth += 1
        if kind is SequenceNode:
            self._refuse_tag(node, "seq")
            return [self.read(item, depth) for item in node.value]
        self._refuse_tag(node, "map")
        return self._mapping(node, depth)

    def _refuse_tag(self, node: Any, kind: str) -> None:
        if node.tag and node.tag != _TAG + kind:
            raise NotReadError

    def _mapping(self, node: Any, depth: int) -> dict[str, object]:
        fields: dict[str, object] = {}
        merged: list[Any] = []
        for key, value in node.value:
            if type(key) is not ScalarNode:
                raise NotReadError
            name = key.value if key.style else key_name(key)
            if name == "<<" and not key.style:
                merged.extend(value.value if type(value) is SequenceNode else [value])
            elif name in fields:
                raise NotReadError
            else:
                fields[name] = self.read(value, depth)
        for source in merged:
            if type(source) is not MappingNode:
                raise NotReadError
            fields = {**self._mapping(source, depth + 1), **fields}
        return fields


def scalar(node: Any) -> Scalar:
    """Return what a scalar's node stands for; NotReadError for a tag that is not JSON's."""
    if not node.tag:
        return node.value if node.style else plain_value(node.value)
    kind = node.tag.removeprefix(_TAG)
    if kind == "str":
        return str(node.value)
    if kind in ("int", "float", "bool", "null"):
        return plain_value(node.value)
    raise NotReadError


def key_name(node: Any) -> str:
    """Return a field's name as JSON would have it; NotReadError if JSON could not."""
    value = scalar(node)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        raise NotReadError
    return value if isinstance(value, str) else str(value)
