"""The record survives the way to disk and back, and never speaks for another boot."""

import json
from pathlib import Path

from control.agent.process import ProcessId
from control.agent.record import AttachedPort, Record, RecordFile, WorkerRecord, read_record, write_record
from control.host.vtep import VtepSettings
from control.model import Configuration, Network
from control.reconcile import Device

FULL = Record(
    workers=(WorkerRecord(0, ProcessId(123, 456)),),
    fabric={"ports": {"web": 3}},
    open_devices=(
        Device("web", "tap", "eth0", netns="web", addresses=("10.0.0.2/24",)),
        Device("overlay", "vtep", "", vtep=VtepSettings("192.0.2.1", ttl=9)),
    ),
    made_namespaces=frozenset({"web"}),
    attached=(AttachedPort("x", ProcessId(9, 9)), AttachedPort("y")),
    configuration=Configuration("node1", networks=(Network("blue"),)),
)


def test_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_record(tmp_path / "state.json", FULL)
    assert read_record(tmp_path / "state.json") == FULL


def test_is_readable_by_its_owner_alone_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    write_record(tmp_path / "state.json", FULL)
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600


def test_means_nothing_after_the_next_boot(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_record(path, FULL)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"boot_id": "another"}))
    assert read_record(path) is None


def test_absent_or_damaged_is_no_record(tmp_path: Path) -> None:
    assert read_record(tmp_path / "state.json") is None
    (tmp_path / "state.json").write_text('{"version": 1, "wor')
    assert read_record(tmp_path / "state.json") is None


def test_of_another_version_of_the_model_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_record(path, FULL)
    path.write_text(path.read_text().replace('"mtu": 1500', '"maximum": 1500'))
    assert read_record(path) is None


def test_an_update_is_on_disk_at_once(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    file = RecordFile(path)
    file.update(made_namespaces=frozenset({"blue"}))
    on_disk = read_record(path)
    assert on_disk is not None
    assert on_disk.made_namespaces == {"blue"}
