"""The tables to try a packet on: made of a configuration, or a private copy of a running fabric's."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from glob import glob

from control.agent.record import read_record
from control.agent.rundir import RunDir
from control.errors import UserError
from control.fabric import Fabric
from control.model import Configuration
from control.overlay.journal import read_journal
from dataplane.shm import LayoutError

MEMORY = "/memfd:tapestry (deleted)"
BEGINNING_NS = 1_000_000_000_000
"""What the clock of a fabric that was made for the question shows: nothing has been due before."""


def make_tables(configuration: Configuration) -> tuple[Fabric, int]:
    """Return a fabric in the state that the configuration begins with, all links up, and its time."""
    fabric = Fabric(configuration.limits, seed=0)
    fabric.apply(configuration)
    for port in configuration.ports:
        fabric.set_link(port.name, True)
    return fabric, BEGINNING_NS


def copy_tables(run_dir: RunDir) -> tuple[Fabric, int]:
    """Return a copy of a running fabric's tables, and its time now: what is written there, nobody else sees.

    UserError if there is none to be read.
    """
    record = read_record(run_dir.record)
    if record is None or record.configuration is None:
        raise UserError(
            f"no tapestry runs at {run_dir.path}: start one with `tapestry up CONFIG`, or ask about --config FILE"
        )
    fd = _open_memory(worker.process.pid for worker in record.workers)
    if fd is None:
        raise UserError(
            f"the tables of the tapestry at {run_dir.path} cannot be read: "
            "its workers have ended, or are another user's"
        )
    try:
        workers = range(record.configuration.workers)
        copy = Fabric.attach(
            fd,
            record.configuration,
            record.fabric,
            gone=workers,
            private=True,
            known=read_journal(run_dir.peers),
        )
        return copy, time.monotonic_ns()
    except LayoutError as error:
        raise UserError(str(error)) from error
    finally:
        os.close(fd)


def _open_memory(processes: Iterator[int]) -> int | None:
    """Return a descriptor, for reading, of the memory that the workers share; None if none of them shows it."""
    links = (link for pid in processes for link in glob(f"/proc/{pid}/fd/*"))
    for link in links:
        with suppress(OSError):  # It was closed meanwhile, or is not ours to read.
            if os.readlink(link) == MEMORY:
                return os.open(link, os.O_RDONLY | os.O_CLOEXEC)
    return None
