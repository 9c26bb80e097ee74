"""`tapestry up --demo` for an ordinary user: a network of its own, the same commands, and nothing left."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from control.agent.record import read_record
from tests.agent.daemon import START_PATIENCE_S, TAPESTRY
from tests.host.ordinary_user import BECOME
from tests.netns import PATIENCE_S, require_tools

pytestmark = pytest.mark.netns

ROOT = Path(__file__).parents[2]
NOBODY = 65534


class OrdinaryUser:
    """Somebody with a home folder, who types commands in the tree's root."""

    def __init__(self, home: Path) -> None:
        self.run_dir = home / "run"
        self.log = home / "log"
        self.environment = os.environ | {"HOME": str(home), "TAPESTRY_RUN_DIR": str(self.run_dir)}
        self.environment |= {"TAPESTRY_CACHE_DIR": str(home / "kernels")}
        self.agent: subprocess.Popen[bytes] | None = None

    def start_demo(self) -> str:
        """Start it and return what it printed until it was done printing."""
        with self.log.open("wb") as log:
            command = [*BECOME, *TAPESTRY, "up", "--demo", "examples/quickstart.yaml"]
            self.agent = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=self.environment)
        deadline = time.monotonic() + START_PATIENCE_S
        while "leaves nothing behind" not in self.log.read_text():
            assert self.agent.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        return self.log.read_text()

    def stop(self, number: int) -> int:
        assert self.agent is not None
        self.agent.send_signal(number)
        status = self.agent.wait(PATIENCE_S)
        self.agent = None
        return status

    def tapestry(self, *arguments: str) -> str:
        done = subprocess.run(
            [*BECOME, *TAPESTRY, *arguments],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=self.environment,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def end_everything(self) -> None:
        record = read_record(self.run_dir / "state.json")
        if self.agent is not None:
            self.agent.kill()
            self.agent.wait()
        for worker in record.workers if record else ():
            worker.process.send(signal.SIGKILL)


@contextmanager
def ordinary_user() -> Iterator[OrdinaryUser]:
    """An ordinary user who may use the kernels that root has compiled, so that nothing is compiled twice."""
    with tempfile.TemporaryDirectory(prefix="tapestry-user-") as folder:
        from dataplane.jit import CACHE_FOLDER

        home = Path(folder)
        shutil.copytree(CACHE_FOLDER, home / "kernels" / CACHE_FOLDER.name)
        for path in (home, *home.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        user = OrdinaryUser(home)
        try:
            yield user
        finally:
            user.end_everything()


def test_an_ordinary_user_sees_it_all_and_it_outlives_its_agent() -> None:
    require_tools("ping")
    with ordinary_user() as user:
        shown = user.start_demo()
        assert "ready: 2 of 2 ports up" in shown
        assert "exec alice -- ping -c 3 10.10.0.3" in shown
        assert " 0% packet loss" in user.tapestry("exec", "alice", "--", "ping", "-c2", "-i0.2", "10.10.0.3")
        assert " 0% packet loss" in user.tapestry("run", "--", "ping", "-c2", "-i0.2", "10.10.0.2")
        before = read_record(user.run_dir / "state.json")
        user.stop(signal.SIGKILL)
        user.start_demo()
        after = read_record(user.run_dir / "state.json")
        assert before is not None
        assert after is not None
        assert after.workers == before.workers
        assert " 0% packet loss" in user.tapestry("exec", "alice", "--", "ping", "-c2", "-i0.2", "10.10.0.3")
        assert user.stop(signal.SIGINT) == 0
        assert not user.run_dir.exists()
        assert not any(worker.process.is_alive() for worker in after.workers)


def test_nothing_of_it_shows_on_the_machine() -> None:
    with ordinary_user() as user:
        user.start_demo()
        assert user.agent is not None
        for kind in ("user", "mnt", "net"):
            inside = os.readlink(f"/proc/{user.agent.pid}/ns/{kind}")
            assert inside != os.readlink(f"/proc/self/ns/{kind}")
        assert user.stop(signal.SIGTERM) == 0
