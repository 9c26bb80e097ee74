"""NetworkPolicy of networking.k8s.io/v1, by the rules of Kubernetes' ValidateNetworkPolicy and its defaults."""

from collections.abc import Callable
from typing import TypeVar

from control.config import kubernetes
from control.config.mistakes import Path, describe
from control.manifests.blocks import read_block
from control.manifests.metadata import read_metadata
from control.manifests.notes import Notes
from control.manifests.reading import Fields, holds, mapping, port_number, sequence
from control.manifests.selectors import read_selector
from control.policy.model import EVERYTHING, NetworkPolicy, Peer, Place, PodPeer, PortMatch, Protocol, Rule

API = "networking.k8s.io/v1"

_Item = TypeVar("_Item")

_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")
_SPEC_FIELDS = ("podSelector", "policyTypes", "ingress", "egress")
_RULE_FIELDS = {"ingress": ("from", "ports"), "egress": ("to", "ports")}
_PEER_FIELDS = ("podSelector", "namespaceSelector", "ipBlock")
_BLOCK_FIELDS = ("cidr", "except")
_PORT_FIELDS = ("protocol", "port", "endPort")
_PROTOCOLS: dict[object, Protocol] = {None: "tcp", "TCP": "tcp", "UDP": "udp", "SCTP": "sctp"}


def read_network_policy(value: Fields, path: Path, place: Place, notes: Notes) -> NetworkPolicy:
    """Return the policy; what is wrong with it is noted."""
    mapping(value, _FIELDS, path, notes)
    metadata = read_metadata(value.get("metadata"), notes, path, in_namespace=True)
    path = (*path, "spec")
    spec = mapping(value.get("spec"), _SPEC_FIELDS, path, notes)
    ingress = _rules(spec.get("ingress"), "ingress", "from", path, notes)
    egress = _rules(spec.get("egress"), "egress", "to", path, notes)
    isolates = _directions(spec, bool(egress), (*path, "policyTypes"), notes)
    return NetworkPolicy(
        namespace=metadata.namespace,
        name=metadata.name,
        pods=read_selector(spec.get("podSelector"), (*path, "podSelector"), notes),
        ingress=ingress if "Ingress" in isolates else None,
        egress=egress if "Egress" in isolates else None,
        audited=metadata.audited,
        place=place,
    )


def _directions(spec: Fields, has_egress: bool, path: Path, notes: Notes) -> tuple[str, ...]:
    """Return which directions the policy is about: by default ingress, and egress if it has such rules."""
    types = sequence(spec.get("policyTypes"), path, notes)
    if not types:
        return ("Ingress", "Egress") if has_egress else ("Ingress",)
    if len(types) > 2:
        notes.wrong_as(path, "at most two policy types", str(len(types)))
    for index, item in enumerate(types):
        if item not in ("Ingress", "Egress"):
            notes.wrong((*path, index), "Ingress or Egress", item)
    return tuple(str(item) for item in types)


def _rules(value: object, direction: str, peers: str, path: Path, notes: Notes) -> tuple[Rule, ...]:
    if value is None:
        return ()
    path = (*path, direction)
    known = _RULE_FIELDS[direction]
    rules = []
    for index, item in enumerate(sequence(value, path, notes)):
        where = (*path, index)
        fields = mapping(item, known, where, notes)
        rules.append(
            Rule(
                peers=_each(fields.get(peers), _peer, (*where, peers), notes),
                ports=_each(fields.get("ports"), _port, (*where, "ports"), notes),
            )
        )
    return tuple(rules)


def _each(
    value: object, read: Callable[[object, Path, Notes], _Item | None], path: Path, notes: Notes
) -> tuple[_Item, ...] | None:
    """Return a rule's peers or ports; None where there are none, which is anybody or every port."""
    if not value and (value is None or isinstance(value, list)):
        return None
    items = [read(item, (*path, index), notes) for index, item in enumerate(sequence(value, path, notes))]
    return tuple(item for item in items if item is not None)


def _peer(value: object, path: Path, notes: Notes) -> Peer | None:
    fields = mapping(value, _PEER_FIELDS, path, notes)
    pods, namespaces, block = (fields.get(name) for name in _PEER_FIELDS)
    if block is not None:
        if pods is not None or namespaces is not None:
            notes.wrong_as(path, "ipBlock alone, or selectors", "both")
        where = (*path, "ipBlock")
        inner = mapping(block, _BLOCK_FIELDS, where, notes)
        excepts = sequence(inner.get("except"), (*where, "except"), notes)
        return read_block(inner.get("cidr"), excepts, where, notes)
    if pods is None and namespaces is None:
        notes.wrong_as(path, "one of podSelector, namespaceSelector and ipBlock", "none of them")
        return None
    return PodPeer(
        EVERYTHING if pods is None else read_selector(pods, (*path, "podSelector"), notes),
        None if namespaces is None else read_selector(namespaces, (*path, "namespaceSelector"), notes),
    )


def _port(value: object, path: Path, notes: Notes) -> PortMatch | None:
    fields = mapping(value, _PORT_FIELDS, path, notes)
    written = fields.get("protocol")
    protocol = _PROTOCOLS.get(written) if written is None or isinstance(written, str) else None
    if protocol is None:
        notes.wrong((*path, "protocol"), "TCP, UDP or SCTP", written)
        return None
    port, end = fields.get("port"), fields.get("endPort")
    if port is None or isinstance(port, str):
        if end is not None:
            found = "none" if port is None else describe(port)
            notes.wrong_as((*path, "endPort"), "a port's number beside it", found)
        if port is None:
            return PortMatch(protocol)
        return PortMatch(protocol, name=port) if holds(kubernetes.port_name, port, (*path, "port"), notes) else None
    return _range(protocol, port, end, path, notes)


def _range(protocol: Protocol, port: object, end: object, path: Path, notes: Notes) -> PortMatch | None:
    first = port_number(port, (*path, "port"), notes)
    last = first if end is None else port_number(end, (*path, "endPort"), notes)
    if first is None or last is None:
        return None
    if last < first:
        notes.wrong_as((*path, "endPort"), f"a port that is not below port {first}", str(last))
    return PortMatch(protocol, first, last)
