"""A real daemon in a network namespace of its own, for as long as a block lasts; nothing of it is left afterwards.

    with daemon(tmp_path, CONFIGURATION) as fabric:
        fabric.tapestry("ports", "--json")
        fabric.run_inside("web", "ping", "-c1", "10.0.0.3")

In a configuration ``@`` stands for a prefix that no other test's namespaces have.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from control.agent.record import Record, read_record
from tests.netns import Namespace, namespaces, unused_name

TAPESTRY = (sys.executable, "-c", "from control.cli import main; main()")

START_PATIENCE_S = 900
"""A first start compiles the kernels; no assertion depends on it."""

PATIENCE_S = 30


class Daemon:
    """One run directory and whoever serves it."""

    def __init__(self, folder: Path, home: Namespace, configuration: str) -> None:
        self.prefix = unused_name("")
        self.home = home
        self.config = folder / "tapestry.yaml"
        self.run_dir = folder / "r"
        self.log = folder / "daemon.log"
        self.agent: subprocess.Popen[bytes] | None = None
        self._environment = os.environ | {"TAPESTRY_RUN_DIR": str(self.run_dir)}
        self.write(configuration)

    def write(self, configuration: str) -> None:
        """Save the configuration file."""
        self.config.write_text(configuration.replace("@", self.prefix))

    def start(self, *options: str) -> None:
        """Start an agent and return when it is ready."""
        seen = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.agent = subprocess.Popen(
                ["nsenter", f"--net={self.home.path}", *TAPESTRY, "up", str(self.config), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
            )
        self.until(lambda: b"\nready:" in b"\n" + self.log.read_bytes()[seen:], START_PATIENCE_S)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal the agent and return its exit status."""
        assert self.agent is not None
        self.agent.send_signal(number)
        status = self.agent.wait(PATIENCE_S)
        self.agent = None
        return status

    def tapestry(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a `tapestry` command against this daemon."""
        done = subprocess.run(
            [*TAPESTRY, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, env=self._environment
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def ask(self, *arguments: str) -> Any:
        """Return the JSON that a command prints."""
        return json.loads(self.tapestry(*arguments, "--json").stdout)

    def popen(self, *arguments: str, **options: Any) -> subprocess.Popen[Any]:
        """Start a `tapestry` command against this daemon; the caller ends it."""
        return subprocess.Popen([*TAPESTRY, *arguments], env=self._environment, **options)

    def namespace(self, name: str) -> Namespace:
        """Return the namespace that the configuration calls @name."""
        return Namespace(self.prefix + name)

    def run_inside(self, name: str, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command inside the namespace that the configuration calls @name."""
        return self.namespace(name).run(*command, check=check)

    def ping(self, name: str, address: str) -> None:
        """Let one namespace reach an address, soon at the latest."""
        self.run_inside(name, "ping", "-c1", f"-w{PATIENCE_S}", address)

    def state_of(self, port: str) -> str:
        return str(next(entry["state"] for entry in self.ask("ports") if entry["name"] == port))

    def until(self, condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
        """Wait until the condition holds, as long as the agent lives."""
        deadline = time.monotonic() + patience_s
        while not condition():
            is_over = time.monotonic() > deadline or (self.agent is not None and self.agent.poll() is not None)
            assert not is_over, f"it did not come about; the daemon's log:\n{self.log.read_text()}"
            time.sleep(0.02)

    def record(self) -> Record:
        """Return what the daemon wrote down for its successor."""
        record = read_record(self.run_dir / "state.json")
        assert record is not None
        return record

    def end_everything(self) -> None:
        """End what still runs, by process id, and remove what is left."""
        if self.agent is not None:
            self.agent.terminate()
            try:
                self.agent.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.agent.kill()
                self.agent.wait()
        record = read_record(self.run_dir / "state.json")
        for worker in record.workers if record else ():
            worker.process.send(signal.SIGKILL)
        for path in Path("/run/netns").glob(f"{self.prefix}*"):
            from pyroute2 import netns

            with suppress(OSError):
                netns.remove(path.name)


@contextmanager
def daemon(folder: Path, configuration: str, *options: str) -> Iterator[Daemon]:
    """Start a daemon; whatever happens it is gone afterwards, workers and namespaces too."""
    with namespaces("home") as (home,):
        running = Daemon(folder, home, configuration)
        try:
            running.start(*options)
            yield running
        finally:
            running.end_everything()
