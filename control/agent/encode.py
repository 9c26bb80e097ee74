"""The model as JSON and back, exactly: for the record, which only agents read. Pure.

An object is {"": its class, its fields}; bytes, addresses and sets say what they are in the same way. Every sequence of
the model is a tuple.
"""

import ipaddress
from dataclasses import fields, is_dataclass
from typing import Any

from control import model
from control.policy import model as policy

CLASSES: dict[str, type] = {
    name: item
    for module in (model, policy)
    for name, item in vars(module).items()
    if isinstance(item, type) and is_dataclass(item)
}
ADDRESSES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        ipaddress.IPv4Address,
        ipaddress.IPv4Interface,
        ipaddress.IPv4Network,
        ipaddress.IPv6Address,
        ipaddress.IPv6Interface,
        ipaddress.IPv6Network,
    )
}


def encode(value: Any) -> Any:
    """Return ``value``, a part of the model, as JSON-able data."""
    if is_dataclass(value):
        return {"": type(value).__name__} | {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if isinstance(value, frozenset):
        return {"": "set", "items": [encode(item) for item in sorted(value)]}
    if isinstance(value, bytes):
        return {"": "bytes", "hex": value.hex()}
    if type(value).__name__ in ADDRESSES:
        return {"": type(value).__name__, "text": str(value)}
    return value


def decode(document: Any) -> Any:
    """Return what ``encode`` was given; KeyError or TypeError if the model has changed since."""
    if isinstance(document, list):
        return tuple(decode(item) for item in document)
    if not isinstance(document, dict):
        return document
    kind = document[""]
    if kind == "set":
        return frozenset(decode(item) for item in document["items"])
    if kind == "bytes":
        return bytes.fromhex(document["hex"])
    if kind in ADDRESSES:
        return ADDRESSES[kind](document["text"])
    return CLASSES[kind](**{name: decode(item) for name, item in document.items() if name})
