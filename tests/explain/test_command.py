"""`tapestry explain` as a user types it."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.agent.daemon import TAPESTRY
from tests.explain.test_explain import TEXT

PACKET = "tcp 10.10.0.2:4000 > 10.10.0.3:80"


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "router.yaml"
    path.write_text(TEXT)
    return str(path)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*TAPESTRY, "explain", *arguments], capture_output=True, text=True)


def test_a_packet_is_explained_to_people_and_to_programs(config: str) -> None:
    done = run("--config", config, PACKET)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "tcp 10.10.0.2:4000 > 10.10.0.3:80 syn, in by port web"
    assert lines[2].split()[:2] == ["parse", "forward"]
    assert lines[-2:] == ["forward", "  out by db: tcp 10.10.0.2:4000 > 10.10.0.3:80 syn, ttl 64"]
    document = json.loads(run("--config", config, PACKET, "--in-port", "web", "--json").stdout)
    assert (document["verdict"], document["reason"], document["in"], document["out"]) == (
        "forward",
        None,
        "web",
        ["db"],
    )
    assert [stage["stage"] for stage in document["stages"]] == ["parse", "admit", "learn", "bridge"]


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("tcp 10.10.0.2 > 10.10.0.3",), 2, "packet: expected a port behind each address for tcp"),
        ((PACKET, "--config", "nowhere.yaml"), 2, "nowhere.yaml: expected a configuration file to read"),
        ((PACKET, "--run-dir", "/nonexistent/run"), 1, "no tapestry runs at /nonexistent/run"),
    ],
)
def test_what_cannot_be_asked_is_refused(arguments: tuple[str, ...], status: int, sentence: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
