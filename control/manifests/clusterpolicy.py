"""ClusterNetworkPolicy of policy.networking.k8s.io/v1alpha2, by the rules of its CRD (the experimental channel's).

Three things go beyond the CRD, all towards letting less pass. A peer whose only field this version does not know is
what a newer API would make: its rule fails closed, as the API's own comment asks for (an Accept matches nothing, a Deny
or Pass denies everything). So does a Deny or Pass by domain names, which the API allows and defines for Accept only.
And selectors are held to the rules of NetworkPolicy's, since one with an unknown operator means nothing.
"""

import re

from control.config.mistakes import Path, describe
from control.manifests.blocks import read_network
from control.manifests.metadata import read_metadata
from control.manifests.notes import Notes
from control.manifests.reading import Fields, mapping, port_number, sequence, text, whole
from control.manifests.selectors import read_selector
from control.policy.model import (
    EVERYTHING,
    Action,
    BlockPeer,
    ClusterPolicy,
    NamePeer,
    NodePeer,
    Peer,
    Place,
    PodPeer,
    PortMatch,
    Protocol,
    Rule,
    Selector,
    Tier,
    UnknownPeer,
)

API = "policy.networking.k8s.io/v1alpha2"

MAX_PRIORITY = 1000
MAX_ITEMS = 25
MAX_RULE_NAME = 100

_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")
_SPEC_FIELDS = ("tier", "priority", "subject", "ingress", "egress")
_SUBJECT_FIELDS = ("namespaces", "pods")
_RULE_FIELDS = {
    "ingress": ("name", "action", "from", "protocols"),
    "egress": ("name", "action", "to", "protocols"),
}
_PEER_FIELDS = {
    "ingress": ("namespaces", "pods"),
    "egress": ("namespaces", "pods", "nodes", "networks", "domainNames"),
}
_WITHOUT_NAMED_PORTS = ("nodes", "networks", "domainNames")
_PODS_FIELDS = ("namespaceSelector", "podSelector")
_PROTOCOLS: dict[str, Protocol] = {"tcp": "tcp", "udp": "udp", "sctp": "sctp"}
_NAMED = "destinationNamedPort"
_PROTOCOL_FIELDS = (*_PROTOCOLS, _NAMED)
_PORT_FIELDS = ("number", "range")
_RANGE_FIELDS = ("start", "end")
_TIERS: dict[object, Tier] = {"Admin": "admin", "Baseline": "baseline"}
_ACTIONS: dict[object, Action] = {"Accept": "accept", "Deny": "deny", "Pass": "pass"}

# As the CRD has it, but that its "A-z" takes a few signs that no name has.
_LABEL = r"[a-zA-Z0-9](?:[-a-zA-Z0-9_]*[a-zA-Z0-9])?"
_DOMAIN_NAME = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)+{_LABEL}\.?\Z")


def read_cluster_policy(value: Fields, path: Path, place: Place, notes: Notes) -> ClusterPolicy:
    """Return the policy; what is wrong with it is noted."""
    mapping(value, _FIELDS, path, notes)
    metadata = read_metadata(value.get("metadata"), notes, path, in_namespace=False)
    spec = _fields(value.get("spec"), _SPEC_FIELDS, (*path, "spec"), notes)
    path = (*path, "spec")
    return ClusterPolicy(
        name=metadata.name,
        tier=_tier(spec, path, notes),
        priority=_priority(spec, path, notes),
        subject=_subject(spec.get("subject"), (*path, "subject"), notes),
        ingress=_rules(spec, "ingress", "from", path, notes),
        egress=_rules(spec, "egress", "to", path, notes),
        audited=metadata.audited,
        place=place,
    )


def _fields(value: object, known: tuple[str, ...], path: Path, notes: Notes) -> Fields:
    """Return a mapping's fields; unlike in Kubernetes' own kinds, none may be null."""
    if value is None:
        notes.wrong(path, "a mapping", value)
        return {}
    fields = mapping(value, known, path, notes)
    for name, item in fields.items():
        if item is None:
            notes.wrong((*path, name), "a value (leave the field out instead)", item)
    return fields


def _one_of(value: object, known: tuple[str, ...], path: Path, notes: Notes) -> tuple[str, object] | None:
    """Return the one field of a mapping that must have exactly one."""
    fields = _fields(value, known, path, notes)
    written = [name for name in fields if name in known]
    if len(fields) == 1 and written:
        return written[0], fields[written[0]]
    if isinstance(value, dict):
        notes.wrong_as(path, f"exactly one of {', '.join(known)}", ", ".join(map(str, fields)) or "none of them")
    return None


def _items(value: object, path: Path, notes: Notes, *, at_least: int = 0) -> list[object]:
    items = sequence(value, path, notes)
    if isinstance(value, list) and not at_least <= len(items) <= MAX_ITEMS:
        expected = f"{at_least} to {MAX_ITEMS} items" if at_least else f"at most {MAX_ITEMS} items"
        notes.wrong_as(path, expected, str(len(items)))
    return items


def _tier(spec: Fields, path: Path, notes: Notes) -> Tier:
    written = spec.get("tier")
    tier = _TIERS.get(written) if isinstance(written, str) else None
    if tier is None:
        notes.wrong((*path, "tier"), "Admin or Baseline", written)
    return tier or "admin"


def _priority(spec: Fields, path: Path, notes: Notes) -> int:
    priority = whole(spec.get("priority"), (*path, "priority"), notes)
    if priority is not None and not 0 <= priority <= MAX_PRIORITY:
        notes.wrong((*path, "priority"), f"a priority from 0 to {MAX_PRIORITY}", priority)
    return priority or 0


def _subject(value: object, path: Path, notes: Notes) -> PodPeer:
    written = _one_of(value, _SUBJECT_FIELDS, path, notes)
    return PodPeer(EVERYTHING, EVERYTHING) if written is None else _pods(*written, (*path, written[0]), notes)


def _pods(kind: str, value: object, path: Path, notes: Notes) -> PodPeer:
    """Return the pods that a ``namespaces`` or a ``pods`` field selects."""
    if kind == "namespaces":
        return PodPeer(EVERYTHING, _selector(value, path, notes))
    fields = _fields(value, _PODS_FIELDS, path, notes)
    if isinstance(value, dict) and "podSelector" not in fields:
        notes.wrong_as((*path, "podSelector"), "a selector, which may be empty", "nothing")
    namespaces = fields.get("namespaceSelector")
    return PodPeer(
        read_selector(fields.get("podSelector"), (*path, "podSelector"), notes),
        read_selector(namespaces, (*path, "namespaceSelector"), notes),
    )


def _selector(value: object, path: Path, notes: Notes) -> Selector:
    return EVERYTHING if value is None else read_selector(value, path, notes)


def _rules(spec: Fields, direction: str, peers: str, path: Path, notes: Notes) -> tuple[Rule, ...]:
    path = (*path, direction)
    items = _items(spec.get(direction), path, notes)
    return tuple(_rule(item, direction, peers, (*path, index), notes) for index, item in enumerate(items))


def _rule(value: object, direction: str, peers: str, path: Path, notes: Notes) -> Rule:
    fields = _fields(value, _RULE_FIELDS[direction], path, notes)
    name = text(fields.get("name"), (*path, "name"), notes)
    if len(name) > MAX_RULE_NAME:
        notes.wrong_as((*path, "name"), f"a name of at most {MAX_RULE_NAME} characters", f"{len(name)} characters")
    written = fields.get("action")
    action = _ACTIONS.get(written) if isinstance(written, str) else None
    if action is None:
        notes.wrong((*path, "action"), "Accept, Deny or Pass", written)
        action = "deny"
    found = _peers(fields, direction, peers, action, path, notes)
    ports = _ports(fields, (*path, "protocols"), notes)
    _refuse_named_ports(fields, peers, path, notes)
    unknown = next((peer for peer in found if isinstance(peer, UnknownPeer)), None)
    if unknown is None:
        return Rule(found, ports, action, name)
    # It fails closed as a whole: it accepts nothing, or denies everything.
    return Rule((unknown,), None, "accept" if action == "accept" else "deny", name)


def _peers(fields: Fields, direction: str, peers: str, action: Action, path: Path, notes: Notes) -> tuple[Peer, ...]:
    path = (*path, peers)
    if peers not in fields:
        notes.wrong_as(path, f"1 to {MAX_ITEMS} items", "nothing")
        return ()
    items = _items(fields[peers], path, notes, at_least=1)
    found: list[Peer] = []
    for index, item in enumerate(items):
        found += _peer(item, _PEER_FIELDS[direction], action, (*path, index), notes)
    return tuple(found)


def _peer(value: object, known: tuple[str, ...], action: Action, path: Path, notes: Notes) -> list[Peer]:
    if isinstance(value, dict) and len(value) == 1 and (name := next(iter(value))) not in known:
        closed = "accepts nothing" if action == "accept" else "denies everything"
        notes.warn((*path, name), f"a peer that this version does not know, so the rule {closed}")
        return [UnknownPeer(str(name))]
    written = _one_of(value, known, path, notes)
    if written is None:
        return []
    kind, value = written
    path = (*path, kind)
    if kind == "nodes":
        return [NodePeer(_selector(value, path, notes))]
    if kind == "networks":
        blocks = [read_network(item, (*path, n), notes) for n, item in enumerate(_set(value, path, notes))]
        return [BlockPeer(block) for block in blocks if block is not None]
    if kind == "domainNames":
        return _names(value, action, path, notes)
    return [_pods(kind, value, path, notes)]


def _set(value: object, path: Path, notes: Notes) -> list[object]:
    """Return a list of 1 to 25 different items."""
    items = _items(value, path, notes, at_least=1)
    for index, item in enumerate(items):
        if item in items[:index]:
            notes.wrong_as((*path, index), "every item once", f"{describe(item)} again")
    return items


def _names(value: object, action: Action, path: Path, notes: Notes) -> list[Peer]:
    found: list[Peer] = []
    for index, item in enumerate(_set(value, path, notes)):
        if isinstance(item, str) and _DOMAIN_NAME.match(item):
            found.append(NamePeer(item.lower().rstrip(".")))
        else:
            notes.wrong((*path, index), "a domain name such as example.com or *.example.com", item)
    if action != "accept":
        notes.warn(path, "domain names are for Accept alone, so the rule denies everything")
        return [UnknownPeer("domainNames")]
    return found


def _refuse_named_ports(fields: Fields, peers: str, path: Path, notes: Notes) -> None:
    """Refuse a port's name beside peers that have no named ports."""
    items, protocols = fields.get(peers), fields.get("protocols")
    if not isinstance(items, list) or not isinstance(protocols, list):
        return
    for index, item in enumerate(protocols):
        if isinstance(item, dict) and _NAMED in item:
            nameless = [
                name for peer in items if isinstance(peer, dict) for name in _WITHOUT_NAMED_PORTS if name in peer
            ]
            if nameless:
                where = (*path, "protocols", index, _NAMED)
                notes.wrong_as(where, f"no port's name beside {nameless[0]}, which have none", describe(item[_NAMED]))


def _ports(fields: Fields, path: Path, notes: Notes) -> tuple[PortMatch, ...] | None:
    if "protocols" not in fields:
        return None
    items = _items(fields["protocols"], path, notes, at_least=1)
    found = [_protocol(item, (*path, index), notes) for index, item in enumerate(items)]
    return tuple(port for port in found if port is not None)


def _protocol(value: object, path: Path, notes: Notes) -> PortMatch | None:
    written = _one_of(value, _PROTOCOL_FIELDS, path, notes)
    if written is None:
        return None
    kind, value = written
    path = (*path, kind)
    if kind == _NAMED:
        if not isinstance(value, str) or not value:
            notes.wrong(path, "a port's name", value)
            return None
        return PortMatch(None, name=value)
    inner = _one_of(value, ("destinationPort",), path, notes)
    if inner is None:
        return None
    path = (*path, "destinationPort")
    port = _one_of(inner[1], _PORT_FIELDS, path, notes)
    return None if port is None else _range(_PROTOCOLS[kind], *port, (*path, port[0]), notes)


def _range(protocol: Protocol, kind: str, value: object, path: Path, notes: Notes) -> PortMatch | None:
    if kind == "number":
        number = port_number(value, path, notes)
        return None if number is None else PortMatch(protocol, number, number)
    fields = _fields(value, _RANGE_FIELDS, path, notes)
    first = port_number(fields.get("start"), (*path, "start"), notes)
    last = port_number(fields.get("end"), (*path, "end"), notes)
    if first is None or last is None:
        return None
    if last <= first:
        notes.wrong_as((*path, "end"), f"a port above port {first}", str(last))
    return PortMatch(protocol, first, last)
