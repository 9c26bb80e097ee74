"""The record (state.json): what the next agent on the same run directory must know to take over, or to clean up.

It is replaced atomically, so that a reader finds the old one or the new one whole. Everything in it is bound to one
boot of the machine: process ids and namespaces mean nothing after the next.
"""

import json
import os
import threading
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from control.agent.encode import decode, encode
from control.agent.process import ProcessId
from control.host.vtep import VtepSettings
from control.model import Configuration
from control.reconcile import Device

VERSION = 1


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker process: its index (and so its socket's path), and who it is."""

    index: int
    process: ProcessId


@dataclass(frozen=True, slots=True)
class AttachedPort:
    """A port that came through the API. ``owner`` is the process it ends with; None: it stays until it is detached."""

    name: str
    owner: ProcessId | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """``fabric`` is what ``Fabric.snapshot()`` gave; ``open_devices`` are those whose descriptors the workers hold.

    ``configuration`` is the one in force; None before there was one. ``host_before`` are the host's settings as they
    were before a host uplink changed them; empty while none has.
    """

    workers: tuple[WorkerRecord, ...] = ()
    configuration: Configuration | None = None
    fabric: dict[str, Any] = field(default_factory=dict)
    open_devices: tuple[Device, ...] = ()
    made_namespaces: frozenset[str] = frozenset()
    attached: tuple[AttachedPort, ...] = ()
    host_before: dict[str, str] = field(default_factory=dict)


class RecordFile:
    """The record on disk and in memory; a change is on disk when ``update`` returns."""

    def __init__(self, path: Path, record: Record | None = None) -> None:
        """``record`` is what the file holds already."""
        self._path = path
        self._writing = threading.Lock()
        self.record = record or Record()

    @property
    def place(self) -> Path:
        """The directory that the record is in: one instance's alone."""
        return self._path.parent

    def update(self, **changes: Any) -> None:
        """Replace fields of the record, from whatever thread; nothing is written when nothing changes."""
        with self._writing:
            changed = replace(self.record, **changes)
            if changed != self.record:
                write_record(self._path, changed)
                self.record = changed


def read_record(path: Path) -> Record | None:
    """Return the record at ``path``; None if there is none, or it is of another boot or another version's making."""
    try:
        document = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    if document.get("version") != VERSION or document.get("boot_id") != boot_id():
        return None
    try:
        return _as_record(document)
    except (KeyError, TypeError):
        return None


def _as_record(document: dict[str, Any]) -> Record:
    return Record(
        workers=tuple(WorkerRecord(entry["index"], ProcessId(**entry["process"])) for entry in document["workers"]),
        configuration=decode(document["configuration"]),
        fabric=document["fabric"],
        open_devices=tuple(_device(entry) for entry in document["open_devices"]),
        made_namespaces=frozenset(document["made_namespaces"]),
        attached=tuple(_attached(entry) for entry in document["attached"]),
        host_before=document.get("host_before", {}),
    )


def write_record(path: Path, record: Record) -> None:
    """Put ``record`` at ``path`` in one step."""
    document = {
        "version": VERSION,
        "boot_id": boot_id(),
        "workers": [asdict(worker) for worker in record.workers],
        "configuration": encode(record.configuration),
        "fabric": record.fabric,
        "open_devices": [asdict(device) for device in record.open_devices],
        "made_namespaces": sorted(record.made_namespaces),
        "attached": [asdict(port) for port in record.attached],
        "host_before": record.host_before,
    }
    temporary = path.with_suffix(".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(json.dumps(document))  # Not dump, which encodes in Python, many times slower.
    os.replace(temporary, path)


def boot_id() -> str:
    """Return the kernel's name for this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _device(entry: dict[str, Any]) -> Device:
    lists = {name: tuple(entry[name]) for name in ("addresses", "gateways")}
    vtep = entry.get("vtep")
    return Device(**(entry | lists | {"vtep": VtepSettings(**vtep) if vtep else None}))


def _attached(entry: dict[str, Any]) -> AttachedPort:
    owner = entry["owner"]
    return AttachedPort(entry["name"], ProcessId(**owner) if owner else None)
