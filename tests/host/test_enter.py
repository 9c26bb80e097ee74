"""Commands inside a port's namespace, and inside a fresh one: entered, run, and ended like any command."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Callable

import pytest

from control.errors import UserError
from control.host.command import StartedCommand, new_namespace_for
from tests.host.ordinary_user import rootless_agent, run_as_user
from tests.netns import Namespace, require_root, require_tools

pytestmark = pytest.mark.netns

ENTER = "import sys; from control.host.enter import exec_in_namespace as enter\n"
BY_NAME = f"{ENTER}enter(sys.argv[1], sys.argv[2:])"
OF_AGENT = f"{ENTER}enter(sys.argv[1] or None, sys.argv[3:], agent_pid=int(sys.argv[2]))"
NEW_NAMESPACE = """
import sys
from control.host.command import new_namespace_for
with new_namespace_for(sys.argv[1:]) as started:
    started.release()
    sys.exit(started.wait())
"""
NEW_FOR_AGENT = """
import sys
from control.host.command import new_namespace_for
with new_namespace_for(sys.argv[2:], agent_pid=int(sys.argv[1])) as started:
    started.release()
    sys.exit(started.wait())
"""


def run_root(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_command_becomes_one_of_the_namespace(make_namespace: Callable[[str], Namespace]) -> None:
    inside = make_namespace("inside")
    done = run_root(BY_NAME, inside.name, "readlink", "/proc/self/ns/net")
    assert done.stdout == inside.run("readlink", "/proc/self/ns/net").stdout
    assert done.returncode == 0


def test_the_exit_status_is_the_commands_own(make_namespace: Callable[[str], Namespace]) -> None:
    inside = make_namespace("inside")
    assert run_root(BY_NAME, inside.name, "sh", "-c", "exit 42").returncode == 42
    missing = run_root(BY_NAME, inside.name, "no-such-command")
    assert missing.returncode == 127
    assert missing.stderr == "tapestry: cannot run 'no-such-command': No such file or directory\n"
    assert run_root(BY_NAME, inside.name, "/etc").returncode == 126


@pytest.mark.parametrize("run", [run_as_user, run_root], ids=["as its user", "as root"])
def test_a_port_of_an_agent_without_root_is_entered(run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    require_tools("ip")
    with rootless_agent() as agent:
        pid = str(agent["pid"])
        script = ["-c", OF_AGENT] if run is run_as_user else [OF_AGENT]
        inside = run(*script, "right", pid, "ip", "-4", "-br", "addr", "show", "eth0")
        assert "10.0.0.2/24" in inside.stdout, inside.stderr
        own = run(*script, "", pid, "ip", "-br", "link")
        assert [line.split()[0] for line in own.stdout.splitlines()] == ["lo"], own.stderr
        missing = run(*script, "nowhere", pid, "true")
        assert "namespace 'nowhere' does not exist" in missing.stderr


def test_a_command_of_an_ordinary_user_gets_a_namespace_below_the_agents() -> None:
    require_tools("ip")
    with rootless_agent() as agent:
        done = run_as_user("-c", NEW_FOR_AGENT, str(agent["pid"]), "sh", "-c", "ip -br link; exit 7")
    assert done.returncode == 7, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["lo"]


def test_an_agent_that_is_gone_gets_a_sentence() -> None:
    require_root()
    done = run_root(OF_AGENT, "web", "4194305", "true")
    assert "the agent's process 4194305 does not exist" in done.stderr


def test_a_command_is_held_back_until_it_is_released(tmp_path: object) -> None:
    mark = f"{tmp_path}/ran"
    with new_namespace_for(["touch", mark]) as started:
        assert os.stat(started.netns_path).st_ino != os.stat("/proc/self/ns/net").st_ino
        assert not os.path.exists(mark)
        started.release()
        assert started.wait() == 0
    assert os.path.exists(mark)


def test_a_command_that_is_never_released_ends_unrun(tmp_path: object) -> None:
    mark = f"{tmp_path}/ran"

    def fail_to_attach(started: StartedCommand) -> None:
        raise UserError(f"no port for {started.pid}")

    with pytest.raises(UserError, match="no port"), new_namespace_for(["touch", mark]) as started:
        fail_to_attach(started)
    assert not os.path.exists(mark)
    assert not os.path.exists(f"/proc/{started.pid}")


@pytest.mark.parametrize(
    ("command", "status"),
    [("exit 3", 3), ("kill -TERM $$", 128 + signal.SIGTERM), ("kill -KILL $$", 128 + signal.SIGKILL)],
)
def test_the_status_is_as_a_shell_gives_it(command: str, status: int) -> None:
    with new_namespace_for(["sh", "-c", command]) as started:
        started.release()
        assert started.wait() == status


def test_the_command_starts_with_loopback_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    require_tools("ip")
    with new_namespace_for(["ip", "-o", "link"]) as started:
        started.release()
        assert started.wait() == 0
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 1
    assert "LOOPBACK,UP" in lines[0]


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_sent_to_us_reaches_the_command(number: signal.Signals) -> None:
    trap = f"trap 'exit 5' {number.name[3:]}; echo ready; while :; do sleep 0.05; done"
    command = [sys.executable, "-c", NEW_NAMESPACE, "sh", "-c", trap]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.wait(timeout=60) == 5


def test_the_command_keeps_the_terminal_and_its_signals() -> None:
    """Ctrl-C on a terminal reaches the command once, and our status is the command's."""
    leader, follower = pty.openpty()
    trap = "trap 'echo interrupted; exit 6' INT; echo ready; while :; do sleep 0.05; done"
    command = [sys.executable, "-c", NEW_NAMESPACE, "sh", "-c", f"test -t 0 && {trap}"]
    process = subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, preexec_fn=lambda: take_terminal(follower)
    )
    os.close(follower)
    try:
        heard = read_until(leader, b"ready")
        os.write(leader, b"\x03")
        assert process.wait(timeout=60) == 6
        heard += read_until(leader, b"interrupted")
        assert heard.count(b"interrupted") == 1
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def take_terminal(follower: int) -> None:
    os.setsid()
    fcntl.ioctl(follower, termios.TIOCSCTTY, 0)


def read_until(fd: int, wanted: bytes) -> bytes:
    heard = b""
    while wanted not in heard:
        heard += os.read(fd, 1000)
    return heard
