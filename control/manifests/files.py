"""The files that manifests are read from: those that are named, and those in the folders that are named."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from control.errors import ConfigurationError

SUFFIXES = (".yaml", ".yml", ".json")
MAX_FILE_BYTES = 64 << 20

Signature = tuple[int, int, int, int]
"""What a file was when it was read: device, inode, time of its last change in nanoseconds, bytes."""


def list_files(paths: Iterable[Path], mistakes: list[str]) -> list[Path]:
    """Return the files to read, each once, folders' own in the order of their names. Hidden ones are left out, as
    editors' and half-copied ones are; a path that is neither file nor folder is a mistake."""
    found: dict[Path, None] = {}
    for path in paths:
        try:
            found.update(dict.fromkeys(_in_folder(path) if path.is_dir() else [_file(path)]))
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            name = str(path) if str(path).isprintable() else ascii(str(path))
            mistakes.append(f"{name}: expected a file or folder of manifests, found {reason}")
    return list(found)


def read_file(path: Path) -> str:
    """Return a file's text; ConfigurationError if it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigurationError((f"{path}: expected a file of manifests, found {reason}",)) from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigurationError((f"{path}: expected at most {MAX_FILE_BYTES} bytes, found more",))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"the byte 0x{content[error.start]:02x}"
        raise ConfigurationError((f"{path}:{line}: document: expected text in UTF-8, found {found}",)) from None


def signature_of(path: Path) -> Signature | None:
    """Return what tells this state of a file from another one; None if there is no such file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def _file(path: Path) -> Path:
    path.stat()
    return path


def _in_folder(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if _is_manifest(entry))
    return (folder / name for name in names)


def _is_manifest(entry: "os.DirEntry[str]") -> bool:
    return entry.name.endswith(SUFFIXES) and not entry.name.startswith(".") and not entry.is_dir()
