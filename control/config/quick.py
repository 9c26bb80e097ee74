"""Large YAML files -> plain data, many times faster than ``lines.py`` and without lines: by libyaml.

Only what the two cannot read differently is read here: no tags, anchors, aliases, merge keys or directives, one
document, and every field once. Of all else, and of what has a mistake, nothing is returned, and ``lines.py`` says what
it is.
"""

from functools import lru_cache
from typing import Any

import yaml
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.resolver import VersionedResolver

from control.config.lines import MAX_DEPTH, MAX_VALUES, PLAIN_TAG, scalar_value

LARGE_BYTES = 1 << 16
"""Of smaller files every mistake is found in a moment anyway."""

_OTHERS = ("!", "&", "*", "<<", "%", "?", "\t", "\ufeff")
"""Whoever has one of these anywhere is read slowly."""
_IMPLICIT = (True, False)


class _NotQuickError(Exception):
    """The document has something that is not for here."""


def read_large_yaml(text: str) -> dict[str, object] | None:
    """Return the document, if it is one large mapping that is read alike by any reader; else None."""
    if len(text) < LARGE_BYTES or any(mark in text for mark in _OTHERS):
        return None
    try:
        loader = _Loader(text)
        try:
            data = _read(loader.get_single_node(), 0, [MAX_VALUES])
        finally:
            loader.dispose()
    except (yaml.YAMLError, _NotQuickError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]  # It has no types.
    """Composes nodes whose scalars are of the kinds that YAML 1.2 knows."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """Return a node's tag; see yaml.resolver.Resolver."""
        if kind is not yaml.ScalarNode:
            return super().resolve(kind, value, implicit)
        return _plain_tag(value) if implicit[0] else f"{PLAIN_TAG}str"


_resolver = VersionedResolver()


@lru_cache(maxsize=1 << 16)
def _plain_tag(text: str) -> str:
    return str(_resolver.resolve(ScalarNode, text, _IMPLICIT))


def _read(node: Any, depth: int, left: list[int]) -> object:
    left[0] -= 1
    if left[0] < 0 or depth > MAX_DEPTH:
        raise _NotQuickError
    if isinstance(node, yaml.ScalarNode):
        return scalar_value(node.tag.removeprefix(PLAIN_TAG), node.value)
    if isinstance(node, yaml.SequenceNode):
        return [_read(item, depth + 1, left) for item in node.value]
    if not isinstance(node, yaml.MappingNode):
        raise _NotQuickError
    data = {_name(key): _read(value, depth + 1, left) for key, value in node.value}
    if len(data) != len(node.value):
        raise _NotQuickError
    return data


def _name(key: Any) -> str:
    name = scalar_value(key.tag.removeprefix(PLAIN_TAG), key.value) if isinstance(key, yaml.ScalarNode) else None
    if not isinstance(name, str):
        raise _NotQuickError
    return name
