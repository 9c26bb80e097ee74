"""YAML text -> plain data, and the line that every value stands on.

YAML 1.2, one document: ``true`` and ``false`` are the only booleans, so that ``yes`` and ``on`` stay text and are
reported where a boolean belongs. Anchors, aliases and merge keys (``<<``) work. Only plain data is made: a tag such as
``!!python/object`` is a mistake. Depth and size are bounded, aliases counted each time they are used, because a few
lines of nested aliases can stand for billions of values.
"""

import json
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

from control.config.mistakes import Mistakes, Path, describe

MAX_DEPTH = 32
MAX_VALUES = 1_000_000

Node = Any
"""A scalar, sequence or mapping of ruamel's or of PyYAML's making, which are alike."""

PLAIN_TAG = "tag:yaml.org,2002:"
_KINDS = ("str", "null", "bool", "int", "float", "timestamp", "value", "merge", "seq", "map")
_PLAIN_TAGS = frozenset(PLAIN_TAG + kind for kind in _KINDS)
_LONGEST_NUMBER = 40


class _TooMuchError(Exception):
    """The document passes a bound; the reader has noted which."""


def read_json(text: str) -> dict[str, object] | None:
    """Return the document without its lines, a hundred times faster, if it is one mapping in JSON, which is YAML too;
    None if it is not, or has a field twice."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        data = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field twice")
    return fields


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def read_yaml(text: str, mistakes: Mistakes) -> object:
    """Return the document as dicts, lists and scalars, filling ``mistakes.lines``; None after an error or if empty."""
    root = _compose(text, mistakes)
    return None if root is None else read_nodes(root, mistakes)


def read_nodes(root: Node, mistakes: Mistakes, most_values: int = MAX_VALUES) -> object:
    """Return what a document's nodes stand for, as ``read_yaml`` does."""
    reader = _Reader(mistakes, most_values)
    try:
        return reader.read(root, ())
    except _TooMuchError:
        return None


def _compose(text: str, mistakes: Mistakes) -> Node:
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = MAX_DEPTH
    yaml.composer.warn_double_anchors = False  # YAML 1.2 allows an anchor to be used again
    try:
        root: Node = yaml.compose(text)
    except MaxDepthExceededError as error:
        mistakes.add((), f"at most {MAX_DEPTH} levels", "more", error.problem_mark.line + 1)
        return None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        mistakes.add((), *syntax(error), line=1 if mark is None else mark.line + 1)
        return None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        mistakes.add((), "printable text", f"the character U+{error.character:04X}", line=line)
        return None
    except Exception as error:  # the parser's own slips on broken text: still a mistake in the file, not a crash
        mistakes.add((), "valid YAML", f"something the YAML parser fails on ({type(error).__name__}: {error})")
        return None
    if root is None:
        mistakes.add((), "a mapping such as `networks:` and `ports:`", "an empty file")
    return root


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def syntax(error: Any) -> tuple[str, str]:
    """Return what the parser expected and what it found, out of its error's two sentences."""
    context = str(error.context or "")
    problem = " ".join(str(error.problem or error.note or error.context).split())
    if problem.startswith("did not find expected "):
        return f"{problem.removeprefix('did not find expected ')} {context}".rstrip(), "something else"
    wanted, _, found = problem.rpartition("but found ")
    if context.startswith("expected "):
        return context.removeprefix("expected "), found
    if wanted.startswith("expected "):
        return f"{wanted.removeprefix('expected ').rstrip(', ')} {context}".rstrip(), found
    return f"valid YAML {context}".rstrip(), problem.removeprefix("found ")


class _Reader:
    """Walks the node tree once, making data and noting lines."""

    def __init__(self, mistakes: Mistakes, most_values: int) -> None:
        self._mistakes = mistakes
        self._lines: dict[Path, int] = {}
        self._most_values = self._values_left = most_values
        self._open: set[int] = set()
        mistakes.lines = self._lines

    def read(self, node: Node, path: Path) -> object:
        self._lines.setdefault(path, _line(node))
        self._bound(path, len(path), node)
        self._refuse_tag(node, path)
        if node.id == "scalar":
            return scalar_value(str(node.tag).removeprefix(PLAIN_TAG), node.value)
        if id(node) in self._open:
            self._mistakes.add(path, "a value", "an alias of what it stands in", _line(node))
            return None
        self._open.add(id(node))
        data = self._collection(node, path)
        self._open.discard(id(node))
        return data

    def _bound(self, path: Path, depth: int, node: Node) -> None:
        self._values_left -= 1
        if self._values_left < 0:
            self._mistakes.add(
                (), f"at most {self._most_values} values, each use of an alias counted", "more", _line(node)
            )
        elif depth > MAX_DEPTH:
            self._mistakes.add(path[:2], f"at most {MAX_DEPTH} levels", "more", _line(node))
        else:
            return
        raise _TooMuchError

    def _refuse_tag(self, node: Node, path: Path) -> None:
        if node.tag not in _PLAIN_TAGS:
            self._mistakes.add(path, "plain YAML without tags", f"the tag {node.tag}", _line(node))

    def _collection(self, node: Node, path: Path) -> object:
        if node.id == "sequence":
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._mapping(node, path)

    def _mapping(self, node: Node, path: Path) -> dict[str, object]:
        values: dict[str, object] = {}
        for name, (line, value) in self._entries(node, path, 0).items():
            self._lines[(*path, name)] = line
            values[name] = self.read(value, (*path, name))
        return values

    def _entries(self, node: Node, path: Path, depth: int) -> dict[str, tuple[int, Node]]:
        """Return each field's line and node: first what is written in the mapping itself, then what is merged in."""
        self._bound(path, len(path) + depth, node)
        entries: dict[str, tuple[int, Node]] = {}
        merged: list[Node] = []
        for key, value in node.value:
            line = _line(key)
            if key.tag == PLAIN_TAG + "merge":
                merged.extend(value.value if value.id == "sequence" else [value])
            elif (name := self._key(key, path)) is None:
                continue
            elif name in entries:
                again = f"it again (first on line {entries[name][0]})"
                self._mistakes.add((*path, name), "the field once", again, line)
            else:
                entries[name] = (line, value)
        for source in merged:
            if source.id == "mapping":
                entries = {**self._entries(source, path, depth + 1), **entries}
            else:
                self._mistakes.add(path, "a mapping after `<<:`", "something else", _line(source))
        return entries

    def _key(self, node: Node, path: Path) -> str | None:
        if node.id == "scalar":
            value = scalar_value(str(node.tag).removeprefix(PLAIN_TAG), node.value)
            if isinstance(value, str):
                return value
            found = describe(value) if value is not None else "an empty one"
        else:
            found = "a list or mapping as the name"
        self._mistakes.add(path, "field names that are text (quote it)", found, _line(node))
        return None


def scalar_value(kind: str, text: str) -> Any:
    """Return what a scalar stands for; text that only looks like a number of that kind stays text."""
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() in ("true", "yes", "on", "y")
    if kind == "int" and len(text) <= _LONGEST_NUMBER:
        return _integer(text)
    if kind == "float" and len(text) <= _LONGEST_NUMBER:
        return _float(text)
    return text


def _integer(text: str) -> int | str:
    digits = text.replace("_", "").lower()
    base = {"0x": 16, "0o": 8, "0b": 2}.get(digits.lstrip("+-")[:2], 10)
    try:
        return int(digits, base)
    except ValueError:
        return text


def _float(text: str) -> float | str:
    try:
        return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return text
