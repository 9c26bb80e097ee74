"""A document -> its objects: what kind it is of, and what is in a list of them."""

from collections.abc import Callable
from typing import NamedTuple

from control.config.mistakes import Path
from control.manifests import cluster, clusterpolicy, networkpolicy
from control.manifests.documents import Document
from control.manifests.notes import Notes
from control.manifests.reading import Fields, sequence
from control.policy.model import ClusterPolicy, Namespace, NetworkPolicy, Node, Place

Object = NetworkPolicy | ClusterPolicy | Namespace | Node

MAX_NESTED_LISTS = 8


class Kind(NamedTuple):
    """A kind that is read: the API version it is of, and what reads one."""

    api: str
    read: Callable[[Fields, Path, Place, Notes], Object]


KINDS = {
    "NetworkPolicy": Kind(networkpolicy.API, networkpolicy.read_network_policy),
    "ClusterNetworkPolicy": Kind(clusterpolicy.API, clusterpolicy.read_cluster_policy),
    "Namespace": Kind(cluster.API, cluster.read_namespace),
    "Node": Kind(cluster.API, cluster.read_node),
}
_FORMER_GROUPS = {"NetworkPolicy": ("extensions",)}
"""Groups that a kind was in once: its own servers refuse it there by now."""

_EXAMPLES = {"apiVersion": networkpolicy.API, "kind": "NetworkPolicy"}
_REPLACED = {
    "AdminNetworkPolicy": "the tier Admin of ClusterNetworkPolicy",
    "BaselineAdminNetworkPolicy": "the tier Baseline of ClusterNetworkPolicy",
    "Pod": "the fabric's ports",
}


def read_objects(document: Document, place: Place, notes: Notes) -> list[Object]:
    """Return a document's objects; what is wrong with it is noted. ``place`` is the line before its text's first."""
    reader = _ObjectReader(document, place, notes)
    if document.data is not None:
        reader.read(document.data, ())
    return reader.found


class _ObjectReader:
    def __init__(self, document: Document, place: Place, notes: Notes) -> None:
        self.found: list[Object] = []
        self._document = document
        self._place = place
        self._notes = notes

    def _place_of(self, path: Path) -> Place:
        item = path[1] if len(path) > 1 else None
        return Place(
            self._place.file, self._place.line + self._document.line_of(item if isinstance(item, int) else None)
        )

    def read(self, data: object, path: Path, of_list: Fields | None = None) -> None:
        """Read one object. ``of_list`` is what a list of one kind says of its items."""
        notes = self._notes
        if not isinstance(data, dict):
            notes.wrong(path, "an object: a mapping with apiVersion and kind", data)
            return
        if of_list is not None and "kind" not in data and "apiVersion" not in data:
            data = {**of_list, **data}
        api, name = (_named(data, field, path, notes) for field in ("apiVersion", "kind"))
        if not api or not name:
            return
        kind = KINDS.get(name)
        if kind is not None and api == kind.api:
            self.found.append(kind.read(data, path, self._place_of(path), notes))
        elif name.endswith("List"):
            self._read_list(data, api, name.removesuffix("List"), path)
        elif kind is not None and _group(api) in (_group(kind.api), *_FORMER_GROUPS.get(name, ())):
            notes.wrong((*path, "apiVersion"), f"{kind.api} for a {name}", api)
        else:
            _warn_of(api, name, path, notes)

    def _read_list(self, data: Fields, api: str, of_kind: str, path: Path) -> None:
        notes = self._notes
        if of_kind and of_kind not in KINDS:
            _warn_of(api, f"{of_kind}List", path, notes)
            return
        if len(path) >= 2 * MAX_NESTED_LISTS:
            notes.wrong_as(path, f"at most {MAX_NESTED_LISTS} lists in each other", "more")
            return
        for index, item in enumerate(sequence(data.get("items"), (*path, "items"), notes)):
            where = (*path, "items", index)
            if of_kind and isinstance(item, dict) and item.get("kind", of_kind) != of_kind:
                notes.wrong((*where, "kind"), f"{of_kind} in a {of_kind}List", item.get("kind"))
            else:
                self.read(item, where, {"apiVersion": api, "kind": of_kind} if of_kind else None)


def _named(data: Fields, field: str, path: Path, notes: Notes) -> str:
    value = data.get(field)
    if isinstance(value, str) and value:
        return value
    notes.wrong((*path, field), f"text such as {_EXAMPLES[field]}", value)
    return ""


def _group(api: str) -> str:
    return api.rpartition("/")[0]


def _warn_of(api: str, name: str, path: Path, notes: Notes) -> None:
    instead = f" (write it as {_REPLACED[name]})" if name in _REPLACED else ""
    notes.warn((*path, "kind"), f"{api} {name} counts for nothing here{instead}")
