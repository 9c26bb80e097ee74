"""`tapestry replay` as users type it: what it prints, what it writes, what it refuses and how."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from control.cli import build_app
from control.errors import UserError
from control.replay.batch import FIELDS
from tests.packets import BROADCAST, mac, plain
from tests.replay.captures import Timed, read_folder, write_capture

CONFIGURATION = """
networks: [{name: blue}]
ports:
  - {name: p0, network: blue, pcap: {}}
  - {name: p1, network: blue, pcap: {}}
  - {name: vm, network: blue, tap: {ifname: vm-tap}}
"""
FRAMES = [(1_500_000_000, plain(BROADCAST, mac(1))), (2_000_000_000, bytes(5)), (3_000_000_000, plain(mac(1), mac(2)))]


@dataclass(frozen=True)
class Done:
    """What a command left: its status, stdout, and stderr (of a UserError, its text)."""

    status: int
    out: str
    err: str


@pytest.fixture
def replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Run `tapestry replay` with these arguments in a folder that holds c.yaml and a.pcap."""
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIGURATION)
    write_capture(Path("a.pcap"), FRAMES)

    def run(*arguments: str, stdin: bytes | None = None) -> Done:
        result = CliRunner().invoke(build_app("replay"), ["replay", *arguments], input=stdin)
        if isinstance(result.exception, UserError):
            return Done(result.exception.status, result.stdout, str(result.exception))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    return run


def test_the_summary_as_json(replay: Callable[..., Done]) -> None:
    done = replay("--config", "c.yaml", "--in", "p0=a.pcap", "--json")
    document = json.loads(done.out)
    times = {name: document.pop(name) for name in ("seconds", "mpps", "load")}
    assert document == {
        "packets_in": 3,
        "packets_out": 1,
        "bytes_in": 125,
        "bytes_out": 60,
        "drops": {"runt": 1, "same_port": 1},
        "consumed": 0,
        "ports": {"p0": {"rx": 3, "tx": 0, "drops": 2}, "p1": {"rx": 0, "tx": 1, "drops": 0}},
        "flows": 0,
    }
    assert times["seconds"] > 0
    assert times["mpps"] > 0
    assert times["load"]["bytes"] == Path("a.pcap").stat().st_size
    assert (done.status, done.err) == (0, "")
    assert json.loads(replay("--config", "c.yaml", "--in", "p0=a.pcap", "-o", "json").out)["packets_in"] == 3


def test_the_summary_for_people(replay: Callable[..., Done]) -> None:
    lines = replay("--config", "c.yaml", "--in", "p0=a.pcap").out.splitlines()
    assert lines[:3] == [
        "in       3 frames, 125 bytes",
        "out      1 frames, 60 bytes",
        "dropped  2: 1 runt, 1 same_port",
    ]
    assert lines[-2].split() == ["p0", "3", "0", "2"]


def test_every_pcap_port_gets_a_file_with_nanoseconds(replay: Callable[..., Done]) -> None:
    replay("--config", "c.yaml", "--in", "p1=a.pcap", "--out-dir", "new/out")
    assert read_folder(Path("new/out")) == {"p0": [FRAMES[0]], "p1": []}
    assert Path("new/out/p0.pcap").read_bytes()[:4] == b"\x4d\x3c\xb2\xa1"


def test_verdicts_as_they_are_documented(replay: Callable[..., Done]) -> None:
    replay("--config", "c.yaml", "--in", "p0=a.pcap", "--verdicts", "v")
    policy = '"policy": null, "rule": null}'
    assert Path("v").read_text().splitlines() == [
        '{"index": 0, "t": 1.5, "in": "p0", "out": ["p1"], "verdict": "forward", "reason": null, ' + policy,
        '{"index": 1, "t": 2.0, "in": "p0", "out": [], "verdict": "drop", "reason": "runt", ' + policy,
        '{"index": 2, "t": 3.0, "in": "p0", "out": [], "verdict": "drop", "reason": "same_port", ' + policy,
    ]


def test_a_second_run_writes_the_same_bytes(replay: Callable[..., Done]) -> None:
    for run, options in {"1": [], "2": [], "3": ["--vector", "1", "--seed", "7"]}.items():
        arguments = ["--config", "c.yaml", "--in", "p0=a.pcap", "--in", "p1=a.pcap", "--loop", "5", *options]
        replay(*arguments, "--out-dir", run, "--verdicts", f"{run}/v")
    files = [{path.name: path.read_bytes() for path in Path(run).iterdir()} for run in "123"]
    assert files[0].keys() == {"p0.pcap", "p1.pcap", "v"}
    assert files[0] == files[1] == files[2]


def test_one_capture_and_one_port_need_no_name(replay: Callable[..., Done]) -> None:
    Path("one.yaml").write_text("networks: [{name: blue}]\nports: [{name: only, network: blue, pcap: {}}]\n")
    document = json.loads(replay("a.pcap", "--config", "one.yaml", "--json").out)
    assert document["ports"] == {"only": {"rx": 3, "tx": 0, "drops": 3}}


def test_standard_input_and_gzip(replay: Callable[..., Done]) -> None:
    Path("one.yaml").write_text("networks: [{name: blue}]\nports: [{name: only, network: blue, pcap: {}}]\n")
    packed = gzip.compress(Path("a.pcap").read_bytes())
    assert json.loads(replay("-", "--config", "one.yaml", "--json", stdin=packed).out)["packets_in"] == 3


def test_no_input_frames_at_all(replay: Callable[..., Done]) -> None:
    write_capture(Path("none.pcap"), [])
    done = replay("--config", "c.yaml", "--in", "p0=none.pcap", "--out-dir", "out", "--json")
    assert json.loads(done.out)["mpps"] == 0.0
    assert read_folder(Path("out")) == {"p0": [], "p1": []}


def test_warnings_go_to_stderr(replay: Callable[..., Done]) -> None:
    Path("cut.pcap").write_bytes(Path("a.pcap").read_bytes()[:-1])
    done = replay("--config", "c.yaml", "--in", "p0=cut.pcap", "--json")
    expected = "warning: cut.pcap: truncated: expected a frame of 60 bytes, found 59, at byte 121, frame 3"
    assert done.err.startswith(expected)
    assert json.loads(done.out)["packets_in"] == 2


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        ("--in p0=a.pcap", 2, "which configuration? Name one with --config FILE"),
        ("--config c.yaml", 2, "expected either IN.pcap or --in PORT=FILE, found none"),
        ("a.pcap --config c.yaml --in p0=a.pcap", 2, "expected either IN.pcap or --in PORT=FILE, found both"),
        ("--config c.yaml --in a.pcap", 2, "--in: expected PORT=FILE, found a.pcap"),
        (
            "--config c.yaml --in p0=a.pcap --in p0=b.pcap",
            2,
            "--in: expected one capture a port, found a.pcap and b.pcap for p0",
        ),
        (
            "a.pcap --config c.yaml",
            1,
            "c.yaml: expected one pcap port for a.pcap, found 2 (p0, p1); say which with --in PORT=FILE",
        ),
        ("--config c.yaml --in p7=a.pcap", 1, "c.yaml: there is no port p7; its pcap ports are p0, p1"),
        (
            "--config c.yaml --in vm=a.pcap",
            1,
            "c.yaml: the port vm is not a pcap port, so no capture can enter there; its pcap ports are p0, p1",
        ),
        ("--config c.yaml --in p0=none.pcap", 1, "none.pcap: cannot be read: No such file or directory"),
        ("--config c.yaml --in p0=c.yaml", 1, "c.yaml: expected a pcap or pcapng capture, found a file that begins"),
        ("--config c.yaml --in p0=a.pcap --out-dir c.yaml", 1, "c.yaml: cannot be written: file exists"),
        ("--config c.yaml --in p0=a.pcap --out-dir c.yaml/x", 1, "c.yaml/x: cannot be written: not a directory"),
        ("--config c.yaml --in p0=a.pcap --verdicts no/v", 1, "no/v: cannot be written: no such file or directory"),
        (
            "--config c.yaml --in p0=a.pcap --verdicts a.pcap",
            1,
            "a.pcap: is what the replay reads as a.pcap: write somewhere else",
        ),
        (
            "--config none.yaml --in p0=a.pcap",
            2,
            "none.yaml: expected a configuration file to read, found no such file",
        ),
        (
            "--config c.yaml --in p0=a.pcap --loop 9999999999",
            1,
            "--loop 9999999999: the captures' clock would run past the year 2262: use fewer",
        ),
        ("--batch jobs --config c.yaml", 2, "--batch takes everything from its lines: leave out the other options"),
        ("--batch jobs", 2, "jobs: expected a file of JSON lines to read, found no such file or directory"),
    ],
)
def test_refusals(replay: Callable[..., Done], arguments: str, status: int, sentence: str) -> None:
    done = replay(*arguments.split())
    assert done.err.startswith(sentence)
    assert (done.status, done.out) == (status, "")


def test_an_input_is_not_overwritten_under_another_name(replay: Callable[..., Done]) -> None:
    Path("out").mkdir()
    Path("out/p1.pcap").symlink_to("../a.pcap")
    done = replay("--config", "c.yaml", "--in", "p0=a.pcap", "--out-dir", "out")
    assert done.err == "out/p1.pcap: is what the replay reads as a.pcap: write somewhere else"
    assert Path("a.pcap").stat().st_size > 100


def frames_of(*numbers: int) -> list[Timed]:
    return [(number * 10**9, plain(BROADCAST, mac(number + 1))) for number in numbers]


def test_a_batch_prints_one_summary_a_line_and_goes_on_after_a_failure(replay: Callable[..., Done]) -> None:
    write_capture(Path("b.pcap"), frames_of(1, 2))
    jobs = [
        {"config": "c.yaml", "in": {"p0": "a.pcap"}, "out_dir": "out1", "verdicts": "v1", "seed": 3},
        {"config": "none.yaml", "in": {"p0": "a.pcap"}},
        {"config": "c.yaml", "in": {"p0": "b.pcap", "p1": "a.pcap"}, "out_dir": "out3", "events": None},
        {"config": "c.yaml", "in": ["p0"], "speed": 9},
    ]
    folder = Path("elsewhere")
    folder.mkdir()
    for name in ("c.yaml", "a.pcap", "b.pcap"):
        (folder / name).write_bytes(Path(name).read_bytes())
    (folder / "jobs").write_text("\n\n".join(map(json.dumps, jobs)))
    done = replay("--batch", "elsewhere/jobs")
    first, second, third, fourth = [json.loads(line) for line in done.out.splitlines()]
    assert done.status == 2
    assert first["packets_in"] == 3
    assert second == {
        "error": "elsewhere/none.yaml: expected a configuration file to read, found no such file or directory"
    }
    assert third["packets_in"] == 5
    assert fourth["error"].splitlines() == [
        'elsewhere/jobs:7: in: expected ports and their captures, as {"p0": "a.pcap"}, found ["p0"]',
        f"elsewhere/jobs:7: speed: expected one of {', '.join(FIELDS)}, found an unknown field",
    ]
    assert read_folder(folder / "out1").keys() == {"p0", "p1"}
    assert len((folder / "v1").read_text().splitlines()) == 3


def test_each_job_of_a_batch_begins_with_a_clean_state(replay: Callable[..., Done]) -> None:
    """A MAC that one job learned is unknown to the next, which floods."""
    write_capture(Path("known.pcap"), [(10**9, plain(BROADCAST, mac(1)))])
    write_capture(Path("asks.pcap"), [(2 * 10**9, plain(mac(1), mac(2)))])
    Path("three.yaml").write_text(CONFIGURATION + "  - {name: p2, network: blue, pcap: {}}\n")
    job = {"config": "three.yaml", "in": {"p0": "known.pcap", "p1": "asks.pcap"}}
    alone = {"config": "three.yaml", "in": {"p1": "asks.pcap"}}
    done = replay("--batch", "-", stdin="\n".join(map(json.dumps, [job, alone])).encode())
    both, second = [json.loads(line) for line in done.out.splitlines()]
    assert (both["ports"]["p0"]["tx"], both["ports"]["p2"]["tx"]) == (1, 1)
    assert (second["ports"]["p0"]["tx"], second["ports"]["p2"]["tx"]) == (1, 1)


def test_help_shows_an_example(replay: Callable[..., Done]) -> None:
    assert "tapestry replay --config examples/replay.yaml" in " ".join(replay("--help").out.split())
