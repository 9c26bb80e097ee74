"""Namespaces and nodes: what policies select by besides pods. Only their metadata and a node's addresses count."""

from ipaddress import ip_address

from control.config.mistakes import Path
from control.manifests.metadata import read_metadata
from control.manifests.notes import Notes
from control.manifests.reading import Fields, mapping, sequence, text
from control.model import Address
from control.policy.model import NAME_LABEL, Namespace, Node, Place

API = "v1"

_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")
_ADDRESS_TYPES = ("InternalIP", "ExternalIP")


def read_namespace(value: Fields, path: Path, place: Place, notes: Notes) -> Namespace:
    """Return the namespace; its name is one of its labels, whatever the object says of that."""
    mapping(value, _FIELDS, path, notes)
    metadata = read_metadata(value.get("metadata"), notes, path, in_namespace=False, is_label=True)
    labels = dict(metadata.labels) | {NAME_LABEL: metadata.name}
    return Namespace(metadata.name, tuple(sorted(labels.items())), metadata.audited, place)


def read_node(value: Fields, path: Path, place: Place, notes: Notes) -> Node:
    """Return the node with the addresses that its status tells."""
    mapping(value, _FIELDS, path, notes)
    metadata = read_metadata(value.get("metadata"), notes, path, in_namespace=False)
    status = value.get("status")
    listed = status.get("addresses") if isinstance(status, dict) else None
    addresses: list[Address] = []
    for index, item in enumerate(sequence(listed, (*path, "status", "addresses"), notes)):
        where = (*path, "status", "addresses", index)
        if isinstance(item, dict) and item.get("type") in _ADDRESS_TYPES:
            address = _address(text(item.get("address"), (*where, "address"), notes), (*where, "address"), notes)
            addresses += [address] if address is not None and address not in addresses else []
    return Node(metadata.name, metadata.labels, tuple(addresses), place)


def _address(written: str, path: Path, notes: Notes) -> Address | None:
    try:
        return ip_address(written)
    except ValueError:
        notes.warn(path, f"{written!r} is no address: this node is not known by it")
        return None
