"""What every object says of itself (ObjectMeta), by the rules of Kubernetes' ValidateObjectMeta."""

import re
from typing import NamedTuple

from control.config import kubernetes
from control.config.mistakes import Path
from control.config.values import Expected
from control.manifests.notes import Notes
from control.manifests.reading import Fields, holds, mapping, sequence, text, texts, whole
from control.policy.model import Labels

AUDIT = "tapestry/audit"
"""The annotation that puts an object in audit mode: "true"."""

DEFAULT_NAMESPACE = "default"
MAX_ANNOTATION_BYTES = 256 << 10

FIELDS = (
    *("name", "generateName", "namespace", "labels", "annotations", "uid", "resourceVersion", "generation"),
    *("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences", "finalizers"),
    *("managedFields", "selfLink"),
)
_USUAL = {"name", "namespace", "labels"}
_OWNER_FIELDS = ("apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\Z")
_MAX_SUBDOMAIN = 253


class Metadata(NamedTuple):
    """``namespace`` is empty for what belongs to none."""

    name: str
    namespace: str
    labels: Labels
    audited: bool


def read_metadata(value: object, notes: Notes, path: Path, *, in_namespace: bool, is_label: bool = False) -> Metadata:
    """Return an object's metadata. ``in_namespace``: its kind lives in one. ``is_label``: its name is a DNS label."""
    path = (*path, "metadata")
    fields = mapping(value, FIELDS, path, notes)
    name = text(fields.get("name"), (*path, "name"), notes)
    if name:
        holds(kubernetes.namespace if is_label else _subdomain, name, (*path, "name"), notes)
    elif not isinstance(fields.get("name"), (int, float, list, dict)):
        notes.wrong_as((*path, "name"), "a name", _without_name(fields))
    namespace = _namespace(fields, (*path, "namespace"), in_namespace, notes)
    labels = read_labels(fields.get("labels"), (*path, "labels"), notes)
    audited = False
    if not fields.keys() <= _USUAL:
        audited = _annotations(fields.get("annotations"), (*path, "annotations"), notes)
        _rest(fields, path, notes)
    return Metadata(name, namespace, labels, audited)


def read_labels(value: object, path: Path, notes: Notes) -> Labels:
    """Return labels sorted by their keys."""
    if value is None:
        return ()
    labels = texts(value, path, notes)
    for key, item in labels.items():
        holds(kubernetes.label_key, key, (*path, key), notes)
        holds(kubernetes.label_value, item, (*path, key), notes)
    return tuple(sorted(labels.items()))


def _subdomain(value: object) -> None:
    if not isinstance(value, str) or len(value) > _MAX_SUBDOMAIN or not _SUBDOMAIN.match(value):
        raise Expected(
            "a name of at most 253 lower-case letters, digits, '-' and '.', with a letter or digit at all parts' ends"
        )


def _without_name(fields: Fields) -> str:
    return "generateName alone, for which only a server makes a name" if fields.get("generateName") else "nothing"


def _namespace(fields: Fields, path: Path, in_namespace: bool, notes: Notes) -> str:
    namespace = text(fields.get("namespace"), path, notes)
    if not in_namespace:
        if namespace:
            notes.warn(path, "objects of this kind belong to no namespace: it counts for nothing")
        return ""
    if namespace:
        holds(kubernetes.namespace, namespace, path, notes)
    return namespace or DEFAULT_NAMESPACE


def _annotations(value: object, path: Path, notes: Notes) -> bool:
    """Check annotations; return whether they ask for audit mode."""
    annotations = texts(value, path, notes)
    for key in annotations:
        holds(_annotation_key, key, (*path, key), notes)
    size = sum(len(key.encode()) + len(item.encode()) for key, item in annotations.items())
    if size > MAX_ANNOTATION_BYTES:
        notes.wrong_as(path, f"annotations of at most {MAX_ANNOTATION_BYTES} bytes", f"{size} bytes")
    audit = annotations.get(AUDIT)
    if audit not in (None, "", "true", "false"):
        notes.wrong((*path, AUDIT), '"true" or "false"', audit)
    return audit == "true"


def _annotation_key(value: object) -> None:
    kubernetes.label_key(value.lower() if isinstance(value, str) else value)


def _rest(fields: Fields, path: Path, notes: Notes) -> None:
    """Check what counts for nothing here and is checked by the API all the same."""
    if (generation := fields.get("generation")) is not None:
        number = whole(generation, (*path, "generation"), notes)
        if number is not None and number < 0:
            notes.wrong((*path, "generation"), "a number that is not negative", number)
    for index, item in enumerate(sequence(fields.get("finalizers"), (*path, "finalizers"), notes)):
        holds(kubernetes.label_key, item, (*path, "finalizers", index), notes)
    for index, item in enumerate(sequence(fields.get("ownerReferences"), (*path, "ownerReferences"), notes)):
        where = (*path, "ownerReferences", index)
        owner = mapping(item, _OWNER_FIELDS, where, notes)
        for field in ("apiVersion", "kind", "name", "uid"):
            if not text(owner.get(field), (*where, field), notes):
                notes.wrong((*where, field), "text that is not empty", owner.get(field))
