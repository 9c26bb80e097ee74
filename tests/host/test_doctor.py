"""The doctor: every row says what it is for and what to do, and the exit status says whether Tapestry can run."""

import json
import subprocess
import sys

import pytest

from control.host import doctor
from control.host.doctor import Row, State, can_run, examine
from control.host.probe import NAMES
from tests.host.ordinary_user import run_as_user

WORKING: dict[str, str | None] = dict.fromkeys(NAMES)
CLI = "from control.cli import main; main()"


def row(state: State, required: bool) -> Row:
    return Row("thing", state, "found", "purpose", required=required)


@pytest.mark.parametrize(
    ("state", "required", "able"),
    [
        (State.OK, True, True),
        (State.LIMITED, True, True),
        (State.MISSING, True, False),
        (State.MISSING, False, True),
    ],
)
def test_only_what_is_required_and_missing_forbids(state: State, required: bool, able: bool) -> None:
    assert can_run([row(State.OK, True), row(state, required)]) is able


def test_what_does_not_work_carries_its_sentence_and_what_follows_is_untried(monkeypatch: pytest.MonkeyPatch) -> None:
    findings: dict[str, str | None] = {**dict.fromkeys(NAMES, ""), "tun": "make it with `mknod …`"}
    monkeypatch.setattr(doctor, "probe_in_namespace", lambda: findings)
    rows = {row.name: row for row in examine()}
    assert (rows["/dev/net/tun"].state, rows["/dev/net/tun"].advice) == (State.MISSING, "make it with `mknod …`")
    assert rows["TAP with virtio-net header"].found == "not tried"
    assert rows["TAP offload USO"].state is State.LIMITED
    assert not can_run(rows.values())


def test_a_tool_that_is_not_installed_is_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "probe_in_namespace", lambda: WORKING)
    monkeypatch.setattr(doctor.shutil, "which", lambda _name: None)
    rows = {row.name: row for row in examine()}
    assert (rows["iperf3"].state, rows["iperf3"].required) == (State.MISSING, False)
    assert "apt install iperf3" in rows["iperf3"].advice
    assert can_run([rows["iperf3"]])


def test_every_row_that_is_not_ok_says_what_to_do() -> None:
    for found in examine():
        assert found.purpose
        assert found.found
        assert found.state is State.OK or found.advice


@pytest.mark.netns
def test_the_command_prints_json_and_its_status_agrees() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CLI, "doctor", "-o", "json"], capture_output=True, text=True, check=False
    )
    document = json.loads(done.stdout)
    assert done.returncode == (0 if document["can_run"] else 1)
    rows = {row["name"]: row for row in document["rows"]}
    assert set(rows["kernel"]) == {"name", "state", "found", "purpose", "advice", "required"}
    assert rows["TAP with virtio-net header"]["state"] == "ok"


@pytest.mark.netns
def test_an_ordinary_user_may_run_it_and_is_told_what_is_limited() -> None:
    done = run_as_user("-c", CLI, "doctor", "-o", "json")
    rows = {row["name"]: row for row in json.loads(done.stdout)["rows"]}
    assert rows["rights"]["state"] == "limited"
    assert "tapestry up --demo" in rows["rights"]["advice"]
    assert rows["TAP with virtio-net header"]["state"] == "ok"
