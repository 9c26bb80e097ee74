"""Whom selectors select: asked of one set of labels, or the other way round by inverted indexes.

An index files things under places: a namespace (None: any) with one label, or with none. What a selector wants is filed
under one label that it insists on; who has labels is filed under each of them. So whoever looks for the others reads a
few places, whatever the number of things, and asks only those that are there.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

from control.policy.model import NAME_LABEL, Labels, Namespace, PodPeer, Requirement, Selector

Thing = TypeVar("Thing", bound=Hashable)
Place = tuple[str | None, str, str]


class Owner(NamedTuple):
    """What selectors can ask about: a pod's namespace, that namespace's labels, and the pod's own."""

    namespace: str
    around: Mapping[str, str]
    labels: Mapping[str, str]


class Namespaces:
    """The namespaces' labels: those of their objects, and their names, which need none."""

    def __init__(self, written: Iterable[Namespace] = ()) -> None:
        self.written = {each.name: each for each in written}
        self._labels: dict[str, Mapping[str, str]] = {}

    def labels_of(self, name: str) -> Mapping[str, str]:
        """Return the labels of a namespace, whether or not there is an object of it."""
        found = self._labels.get(name)
        if found is None:
            written = self.written.get(name)
            found = self._labels[name] = {**dict(written.labels if written else ()), NAME_LABEL: name}
        return found

    def is_audited(self, name: str) -> bool:
        """Whether what policies of a namespace would drop passes."""
        return name in self.written and self.written[name].audited

    def differing(self, other: "Namespaces") -> set[str]:
        """Return those that are not the same in both."""
        names = self.written.keys() | other.written.keys()
        return {
            name
            for name in names
            if self.written.get(name) is not other.written.get(name)
            and (self.labels_of(name), self.is_audited(name)) != (other.labels_of(name), other.is_audited(name))
        }


def selects(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Whether all that a selector requires holds of labels."""
    return all(holds(each, labels) for each in selector.requirements)


def holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    """Whether one condition holds; a key that is absent is in no set of values."""
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value in requirement.values if value is not None else False
        case "NotIn":
            return value is None or value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None


def is_meant(peer: PodPeer, namespace: str | None, owner: Owner) -> bool:
    """Whether a peer, written in ``namespace`` if in any, is about a pod."""
    if peer.namespaces is None:
        return owner.namespace == namespace and selects(peer.pods, owner.labels)
    return selects(peer.namespaces, owner.around) and selects(peer.pods, owner.labels)


def places_wanted(peer: PodPeer, namespace: str | None) -> list[Place]:
    """Return the places of which whoever ``peer`` is about is in one at least."""
    where = namespace if peer.namespaces is None else None
    insists = [each for each in peer.pods.requirements if each.operator == "In"]
    if not insists:
        return [(where, "", "")]
    fewest = min(insists, key=lambda each: len(each.values))
    return [(where, fewest.key, value) for value in fewest.values]


def places_held(namespace: str, labels: Labels) -> Iterator[Place]:
    """Yield all places of a pod."""
    for where in (namespace, None):
        yield where, "", ""
        for key, value in labels:
            yield where, key, value


class Filed(Generic[Thing]):
    """Things by the places that they are filed under, in the order in which they came."""

    def __init__(self) -> None:
        self._at: dict[Place, dict[Thing, None]] = {}

    def add(self, thing: Thing, places: Iterable[Place]) -> None:
        """File a thing under places."""
        for place in places:
            self._at.setdefault(place, {})[thing] = None

    def remove(self, thing: Thing, places: Iterable[Place]) -> None:
        """Take a thing away that was filed under these places."""
        for place in places:
            filed = self._at[place]
            filed.pop(thing, None)
            if not filed:
                del self._at[place]

    def at(self, places: Iterable[Place]) -> Iterator[Thing]:
        """Yield what is under any of some places, of which no thing is under two."""
        for place in places:
            yield from self._at.get(place, ())
