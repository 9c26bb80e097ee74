"""The files that manifests are read from: those that are named, and those in the folders that are named."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from control.errors import ConfigurationError

SUFFIXES = (".yaml", ".yml", ".json")
MAX_FILE_BYTES = 64 << 20

Signature = tuple[int, int, int, int]
"""What a file was when it was read: device, inode, time of its last change in nanoseconds, bytes."""


class Listed(NamedTuple):
    """Files to read. ``have_links``: one of them is a symbolic link, so that it may be another without a sign of it."""

    files: list[Path]
    have_links: bool


def list_files(paths: Iterable[Path], mistakes: list[str]) -> Listed:
    """Return the files to read, each once, folders' own in the order of their names. Hidden ones are left out, as
    editors' and half-copied ones are; a path that is neither file nor folder is a mistake."""
    found: dict[Path, bool] = {}
    for path in paths:
        try:
            found.update(_in_folder(path) if path.is_dir() else [_file(path)])
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            name = str(path) if str(path).isprintable() else ascii(str(path))
            mistakes.append(f"{name}: expected a file or folder of manifests, found {reason}")
    return Listed(list(found), any(found.values()))


def is_in_folder(path: Path) -> bool:
    """Whether a file of a folder that is named is one to read, and there."""
    return _has_name(path.name) and path.exists() and not path.is_dir()


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


def _file(path: Path) -> tuple[Path, bool]:
    path.stat()
    return path, path.is_symlink()


def _in_folder(folder: Path) -> Iterator[tuple[Path, bool]]:
    with os.scandir(folder) as entries:
        found = sorted((each.name, each.is_symlink()) for each in entries if _has_name(each.name) and not each.is_dir())
    return ((folder / name, is_link) for name, is_link in found)


def _has_name(name: str) -> bool:
    return name.endswith(SUFFIXES) and not name.startswith(".")
