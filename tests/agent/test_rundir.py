"""The run directory is one agent's alone, and gone when it is."""

import os
from pathlib import Path

import pytest

from control.agent.rundir import InstanceLock, RunDir, default_run_dir
from control.errors import UserError


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    run_dir = RunDir(tmp_path / "run")
    run_dir.make()
    return run_dir


def test_it_is_its_owners_alone(run_dir: RunDir) -> None:
    assert run_dir.path.stat().st_mode & 0o777 == 0o700


def test_a_second_agent_is_refused_and_told_who_was_first(run_dir: RunDir) -> None:
    lock = InstanceLock(run_dir)
    with pytest.raises(UserError, match=rf"another tapestry \(pid {os.getpid()}\) runs here; stop it first"):
        InstanceLock(run_dir)
    lock.release()
    InstanceLock(run_dir).release()


def test_the_lock_on_a_file_that_was_removed_keeps_nobody_out(run_dir: RunDir) -> None:
    leaving = InstanceLock(run_dir)
    run_dir.remove()
    run_dir.make()
    coming = InstanceLock(run_dir)
    leaving.release()
    coming.release()


def test_removal_takes_our_files_and_leaves_others(run_dir: RunDir) -> None:
    for path in (run_dir.api_socket, run_dir.record, run_dir.worker_socket(0), run_dir.worker_log(3)):
        path.touch()
    mine = run_dir.path / "notes.txt"
    mine.touch()
    run_dir.remove()
    assert list(run_dir.path.iterdir()) == [mine]
    mine.unlink()
    run_dir.remove()
    assert not run_dir.path.exists()


def test_a_path_too_long_for_sockets_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="too long for the sockets"):
        RunDir(tmp_path / ("x" * 120)).make()


def test_where_it_cannot_be_made_another_place_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="choose another place with --run-dir"):
        RunDir(tmp_path / "file" / "run").make()


def test_the_environment_names_the_usual_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPESTRY_RUN_DIR", "/somewhere")
    assert default_run_dir() == Path("/somewhere")


def test_root_and_others_have_places_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAPESTRY_RUN_DIR", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_run_dir() == Path("/run/tapestry")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert default_run_dir() == Path("/run/user/1000/tapestry")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert default_run_dir() == Path(f"/tmp/tapestry-{os.getuid()}")
