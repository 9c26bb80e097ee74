"""Processes as /proc shows them, for sentences that name one."""

import os
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds something open."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command})"


def processes() -> Iterator[int]:
    """Yield the ids of all processes."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            yield int(name)


def command_of(pid: int) -> str:
    """Return a process' command line, or at least its name; "?" when it has gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            words = stream.read(200).replace(b"\0", b" ").decode(errors="replace").strip()
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as stream:
            return words or stream.read().strip()
    except OSError:
        return "?"


def holder_of_socket(inode: int) -> Holder | None:
    """Return a process that has the socket of that number open; None if no process that we may look at has."""
    wanted = f"socket:[{inode}]"
    for pid in processes():
        try:
            descriptors = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue  # It has ended, or is not ours to look at.
        for name in descriptors:
            try:
                if os.readlink(f"/proc/{pid}/fd/{name}") == wanted:
                    return Holder(pid, command_of(pid))
            except OSError:
                continue
    return None
