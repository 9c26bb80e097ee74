"""Processes, told apart from others that later get their number: identity, waiting for the end, making an end."""

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process: its number, and when it started (clock ticks after boot), since numbers are used again."""

    pid: int
    started: int

    @staticmethod
    def of(pid: int) -> "ProcessId":
        """Return the identity of a process that is alive; ProcessLookupError if it is not."""
        started = _start_time(pid)
        if started is None:
            raise ProcessLookupError(pid)
        return ProcessId(pid, started)

    def is_alive(self) -> bool:
        return _start_time(self.pid) == self.started

    def open_pidfd(self) -> int:
        """Return a descriptor that becomes readable when this very process ends; ProcessLookupError if it has."""
        fd = os.pidfd_open(self.pid)
        # Only now is the number held: a process that took it over before would have another start time.
        if not self.is_alive():
            os.close(fd)
            raise ProcessLookupError(self.pid)
        return fd

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this very process, if it still is there."""
        with contextlib.suppress(ProcessLookupError):
            fd = self.open_pidfd()
            try:
                signal.pidfd_send_signal(fd, number)
            finally:
                os.close(fd)


async def wait_for_end(process: ProcessId) -> None:
    """Return when the process has ended (whoever's child it is); a zombie has ended."""
    try:
        fd = process.open_pidfd()
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    loop.add_reader(fd, _resolve, ended)
    try:
        await ended
    finally:
        loop.remove_reader(fd)
        os.close(fd)


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _start_time(pid: int) -> int | None:
    """Return field 22 of /proc/PID/stat, None when there is no such process or only its zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the command's name in parentheses and may hold anything; fields are counted behind it.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in b"ZX" else int(fields[19])
