"""Processes that the agent starts run its own code, though it be started beside, or told of, another copy."""

from pathlib import Path

import pytest

from control.agent.rundir import RunDir
from control.agent.worker import COMMAND, start_process

PATIENCE_S = 60


@pytest.mark.parametrize("is_told", [False, True])
def test_a_worker_is_of_the_agents_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_told: bool) -> None:
    package = tmp_path / "dataplane"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('another copy')")
    monkeypatch.chdir(tmp_path)
    if is_told:
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    run_dir = RunDir(tmp_path / "run")
    run_dir.make()
    child = start_process(run_dir, 0, (*COMMAND, "--help"))
    assert child.wait(PATIENCE_S) == 0, run_dir.worker_log(0).read_text()
    assert "A tapestry worker" in run_dir.worker_log(0).read_text()
