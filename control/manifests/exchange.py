"""Objects in place of others among thousands: what a file that has changed costs, where no other has.

All kinds are sorted by (namespace and) name, so what goes and what comes is looked for by bisection. What is there
twice is not for here to judge: who counts then depends on all files and their order.
"""

from bisect import bisect_left
from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from control.manifests.objects import Object
from control.policy.model import ClusterPolicy, Manifests, Namespace, NetworkPolicy, Node

FIELDS: Final = {
    NetworkPolicy: "policies",
    ClusterPolicy: "cluster_policies",
    Namespace: "namespaces",
    Node: "nodes",
}
"""Where ``Manifests`` has objects of each kind."""


def key_of(item: Object) -> tuple[str, str]:
    """Return what tells an object from all others of its kind, by which they are sorted."""
    return item.namespace if isinstance(item, NetworkPolicy) else "", item.name


def exchanged(manifests: Manifests, gone: Collection[Object], come: Collection[Object]) -> Manifests | None:
    """Return the manifests with some objects in place of others; None if any of them is there twice."""
    known = {id(item) for item in gone} & {id(item) for item in come}
    fields: dict[str, Any] = {}
    for kind, field in FIELDS.items():
        out, new = ([item for item in part if type(item) is kind and id(item) not in known] for part in (gone, come))
        items = list(getattr(manifests, field)) if out or new else []
        if not (all(_take(items, item) for item in out) and all(_put(items, item) for item in new)):
            return None
        if out or new:
            fields[field] = tuple(items)
    return replace(manifests, **fields) if fields else manifests


def _take(items: list[Object], item: Object) -> bool:
    """Take an object out of sorted ones; False if that is not the one that counts."""
    at = bisect_left(items, key_of(item), key=key_of)
    is_there = at < len(items) and items[at] is item
    if is_there:
        del items[at]
    return is_there


def _put(items: list[Object], item: Object) -> bool:
    """Put an object among sorted ones; False if one of its name is there."""
    at = bisect_left(items, key_of(item), key=key_of)
    is_free = at == len(items) or key_of(items[at]) != key_of(item)
    if is_free:
        items.insert(at, item)
    return is_free
