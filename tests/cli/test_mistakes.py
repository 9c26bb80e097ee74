"""What a user gets wrong is told in a sentence that says what to do, without a traceback."""

import os
import subprocess
from pathlib import Path

import pytest

from control.cli.up import up
from tests.agent.daemon import TAPESTRY


def tapestry(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TAPESTRY_RUN_DIR": str(folder / "run")}
    return subprocess.run([*TAPESTRY, *arguments], capture_output=True, text=True, cwd=folder, env=environment)


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("ports", "--json"),
        ("fdb",),
        ("fdb", "flush"),
        ("flows",),
        ("flows", "kill", "--all"),
        ("routes", "--json"),
        ("neighbours",),
        ("neighbours", "flush"),
        ("drops", "--watch"),
        ("reload",),
        ("attach", "--netns", "web"),
        ("detach", "web"),
        ("capture", "web"),
        ("exec", "web", "--", "true"),
        ("run", "--", "true"),
    ],
    ids=" ".join,
)
def test_without_a_daemon_every_question_says_how_to_start_one(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = tapestry(tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    expected = f"tapestry: no tapestry runs at {tmp_path}/run: start one with `tapestry up CONFIG`\n"
    assert done.stderr == expected


def test_up_without_a_file_says_where_it_looked(tmp_path: Path) -> None:
    if Path("/etc/tapestry/tapestry.yaml").exists():
        pytest.skip("this machine has a configuration of its own")
    done = tapestry(tmp_path, "up")
    assert done.returncode == 2
    assert "There is neither tapestry.yaml nor /etc/tapestry/tapestry.yaml" in done.stderr


def test_a_wrong_file_tells_all_mistakes_with_exit_status_2(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("networks:\n  - {name: blue}\nports:\n  - {name: a, network: red, tap: {}}\n")
    for arguments in (("up", "--check", "wrong.yaml"), ("up", "wrong.yaml")):
        done = tapestry(tmp_path, *arguments)
        assert done.returncode == 2
        assert "wrong.yaml:4: ports[0].network: expected" in done.stderr
        assert "wrong.yaml:4: ports[0].tap" in done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "run").exists()


def test_a_right_file_is_fine(tmp_path: Path) -> None:
    (tmp_path / "tapestry.yaml").write_text("networks: [{name: blue}]\n")
    done = tapestry(tmp_path, "up", "--check")
    assert (done.returncode, done.stdout) == (0, "tapestry.yaml: fine, 1 network and 0 ports\n")


def test_a_right_file_can_be_shown_with_its_defaults(tmp_path: Path) -> None:
    import json

    (tmp_path / "tapestry.yaml").write_text("networks: [{name: blue}]\n")
    document = json.loads(tapestry(tmp_path, "up", "--check", "--json").stdout)
    assert document["valid"] is True
    assert document["networks"][0]["mtu"] == 1500


def test_a_check_on_a_machine_without_a_way_to_the_peers_says_so_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "control.host.underlay.underlay_mtus", lambda towards: ["Network is unreachable"] * len(towards)
    )
    path = tmp_path / "f.yaml"
    path.write_text("overlay: {address: 192.0.2.1, peers: [{node: n, address: 192.0.2.2}]}\n")
    up(path, check=True)
    said = capsys.readouterr()
    assert said.out == f"{path}: fine, 0 networks and 1 port\n"
    assert said.err == (
        f"{path}: overlay.mtu: there is no way to 192.0.2.2 from this machine (Network is unreachable): "
        "MTUs are not held against it\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("attach", "x"), "attach what? Give one of --netns, --tap and --nic"),
        (("attach", "x", "--tap", "a", "--nic", "b"), "attach what? Give one of --netns, --tap and --nic"),
        (("attach", "--netns", "/proc/1/ns/net"), "gives the port no name: choose one"),
        (("run", "--"), "Missing argument 'CMD'"),
    ],
)
def test_half_a_command_is_refused_before_a_daemon_is_asked(
    tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    done = tapestry(tmp_path, *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_without_root_it_says_what_to_type(tmp_path: Path) -> None:
    (tmp_path / "tapestry.yaml").write_text("networks: [{name: blue}]\n")
    code = (
        "import control.host.rootless as r; r.is_root_lacking = lambda: True\n"
        "import sys; sys.argv[:] = ['bin/tapestry', 'up']; from control.cli import main; main()"
    )
    done = subprocess.run([TAPESTRY[0], "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert "`sudo bin/tapestry up tapestry.yaml`" in done.stderr
    assert "`bin/tapestry up --demo tapestry.yaml`" in done.stderr
