"""The record (state.json): what the next agent on the same run directory must know to take over, or to clean up.

It is replaced atomically, so that a reader finds the old one or the new one whole. Everything in it is bound to one
boot of the machine: process ids and namespaces mean nothing after the next.
"""

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from control.agent.process import ProcessId
from control.reconcile import Device

VERSION = 1


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker process: its index (and so its socket's path), and who it is."""

    index: int
    process: ProcessId


@dataclass(frozen=True, slots=True)
class AttachedPort:
    """A port that came through the API: ``port`` is its entry as in a configuration file, with defaults filled in.

    ``owner`` is the process the port ends with; None is nobody: it stays until it is detached.
    """

    port: dict[str, Any]
    owner: ProcessId | None = None

    @property
    def name(self) -> str:
        return str(self.port["name"])


@dataclass(frozen=True, slots=True)
class Record:
    """``fabric`` is what ``Fabric.snapshot()`` gave; ``open_devices`` are those whose descriptors the workers hold."""

    workers: tuple[WorkerRecord, ...] = ()
    fabric: dict[str, Any] = field(default_factory=dict)
    open_devices: tuple[Device, ...] = ()
    made_namespaces: frozenset[str] = frozenset()
    attached: tuple[AttachedPort, ...] = ()


class RecordFile:
    """The record on disk and in memory; a change is on disk when ``update`` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.record = Record()

    def update(self, **changes: Any) -> None:
        """Replace fields of the record; nothing is written when nothing changes."""
        changed = replace(self.record, **changes)
        if changed != self.record:
            self.record = changed
            write_record(self._path, changed)


def read_record(path: Path) -> Record | None:
    """Return the record at ``path``; None if there is none, or it is of another boot or another version's making."""
    try:
        document = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    if document.get("version") != VERSION or document.get("boot_id") != boot_id():
        return None
    return Record(
        workers=tuple(WorkerRecord(entry["index"], ProcessId(**entry["process"])) for entry in document["workers"]),
        fabric=document["fabric"],
        open_devices=tuple(_device(entry) for entry in document["open_devices"]),
        made_namespaces=frozenset(document["made_namespaces"]),
        attached=tuple(_attached(entry) for entry in document["attached"]),
    )


def write_record(path: Path, record: Record) -> None:
    """Put ``record`` at ``path`` in one step."""
    document = {
        "version": VERSION,
        "boot_id": boot_id(),
        "workers": [asdict(worker) for worker in record.workers],
        "fabric": record.fabric,
        "open_devices": [asdict(device) for device in record.open_devices],
        "made_namespaces": sorted(record.made_namespaces),
        "attached": [asdict(port) for port in record.attached],
    }
    temporary = path.with_suffix(".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
        json.dump(document, file)
    os.replace(temporary, path)


def boot_id() -> str:
    """Return the kernel's name for this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _device(entry: dict[str, Any]) -> Device:
    return Device(**(entry | {"addresses": tuple(entry["addresses"])}))


def _attached(entry: dict[str, Any]) -> AttachedPort:
    owner = entry["owner"]
    return AttachedPort(entry["port"], ProcessId(**owner) if owner else None)
