"""The tables that a packet is tried on: those of a file, or a copy of a running fabric's that nobody else sees."""

import os
from pathlib import Path

import numpy as np
import pytest

from control.agent.process import ProcessId
from control.agent.record import Record, WorkerRecord, write_record
from control.agent.rundir import RunDir
from control.errors import UserError
from control.explain.copies import copy_tables, make_tables
from control.fabric import Fabric
from tests.agent.conversing import ROUTER
from tests.config.read import load


def remember(run_dir: RunDir, fabric: Fabric, pid: int) -> None:
    """Write the record that an agent of ``fabric`` would, its one worker being the process ``pid``."""
    run_dir.make()
    worker = WorkerRecord(0, ProcessId(pid, 0))
    record = Record((worker,), configuration=fabric.configuration, fabric=fabric.snapshot())
    write_record(run_dir.record, record)


def test_the_tables_of_a_file_have_all_links_up() -> None:
    fabric, now_ns = make_tables(load(ROUTER))
    assert all(fabric.link_is_up(port.name) for port in fabric.configuration.ports)
    assert now_ns > 0
    assert fabric.memory_fd == -1


def test_what_is_written_into_a_copy_nobody_else_sees(tmp_path: Path) -> None:
    running = Fabric(load(ROUTER).limits, shared=True)
    running.apply(load(ROUTER))
    remember(RunDir(tmp_path / "run"), running, os.getpid())
    before = {name: array.tobytes() for name, array in running.region.arrays.items() if array.nbytes < 1 << 20}
    copy, _ = copy_tables(RunDir(tmp_path / "run"))
    try:
        assert copy.memory_fd == -1
        assert copy.plan == running.plan
        assert copy.routes() == running.routes()
        copy.set_link("web", True)
        copy.apply(load(ROUTER.replace("10.60.0.0/16", "10.61.0.0/16")))
        assert copy.routes() != running.routes()
        assert not running.link_is_up("web")
        assert all(np.array_equal(running.region.arrays[name].tobytes(), was) for name, was in before.items())
        running.set_link("db", True)
        assert running.link_is_up("db")
    finally:
        running.close()


def test_where_nothing_runs_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no tapestry runs at .*: start one with `tapestry up CONFIG`, or ask about"):
        copy_tables(RunDir(tmp_path))


def test_where_the_workers_are_gone_or_anothers_it_says_so(tmp_path: Path) -> None:
    fabric = Fabric(load(ROUTER).limits)
    fabric.apply(load(ROUTER))
    remember(RunDir(tmp_path / "run"), fabric, (1 << 22) + 1)
    with pytest.raises(UserError, match="cannot be read: its workers have ended, or are another user's"):
        copy_tables(RunDir(tmp_path / "run"))
