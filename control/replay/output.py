"""The files that a replay writes: a capture for every pcap port, and the lines that say what became of each frame.

A file that is an input is never written to, however it is named: that would pull the ground from under the reader.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from control.errors import UserError
from dataplane.ports.pcap.writing import FILE_HEADER


def unwritable(path: Path, error: OSError) -> UserError:
    """Return the error to raise for a file or folder that cannot be written."""
    return UserError(f"{path}: cannot be written: {(error.strerror or str(error)).lower()}")


def keep_inputs(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Raise UserError if one of ``outputs`` is one of ``inputs``, by this name or by another."""
    identities = {identity: path for path in inputs if (identity := identity_of(path))}
    for output in outputs:
        identity = identity_of(output)
        if identity in identities:
            raise UserError(f"{output}: is what the replay reads as {identities[identity]}: write somewhere else")


def identity_of(path: Path) -> tuple[int, int] | None:
    """Return what tells an existing regular file from all others."""
    if not path.is_file():
        return None
    status = path.stat()
    return status.st_dev, status.st_ino


def capture_path(folder: Path, port: str) -> Path:
    """Return the file for what leaves ``port``."""
    return folder / f"{port}.pcap"


class CaptureFolder:
    """One capture a port in a folder, which is made when missing; records are appended as they come.

    No file is held open between, so that any number of ports can be recorded.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports: set[str] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(folder, error) from None

    def begin(self, ports: Iterable[str]) -> None:
        """Make the file of every port that has none yet, without records."""
        for port in ports:
            if port not in self.ports:
                self._write(port, FILE_HEADER, os.O_TRUNC)
                self.ports.add(port)

    def append(self, port: str, records: Any) -> None:
        """Append whole records (bytes-like) to a port's file."""
        self._write(port, memoryview(records), os.O_APPEND)

    def _write(self, port: str, content: bytes | memoryview, flag: int) -> None:
        path = capture_path(self.folder, port)
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | flag, 0o666), "wb") as file:
                file.write(content)
        except OSError as error:
            raise unwritable(path, error) from None


class LineFile:
    """A text file that grows by whole lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.file = path.open("wb")
        except OSError as error:
            raise unwritable(path, error) from None

    def append(self, lines: Any) -> None:
        try:
            self.file.write(memoryview(lines))
        except OSError as error:
            raise unwritable(self.path, error) from None

    def flush(self) -> None:
        try:
            self.file.flush()
        except OSError as error:
            raise unwritable(self.path, error) from None

    def close(self) -> None:
        with contextlib.suppress(OSError):  # Flushing has told already.
            self.file.close()
