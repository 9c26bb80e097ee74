"""A running fabric to measure: the daemon on a configuration of its own, and the namespaces it made."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

READY_S = 180
"""How long a cold start may take: everything is compiled then."""

CONFIGURATION = """
workers: {workers}
networks:
  - {{name: bench, subnets: [10.77.0.0/24]}}
ports:
  - {{name: left, network: bench, tap: {{netns: {left}, ifname: eth0, make_netns: true}}, addresses: [10.77.0.2]}}
  - {{name: right, network: bench, tap: {{netns: {right}, ifname: eth0, make_netns: true}}, addresses: [10.77.0.3]}}
"""


@dataclass(frozen=True)
class Pair:
    """Two namespaces on one network of a running daemon."""

    left: str
    right: str
    left_address: str
    right_address: str
    daemon: int


def require(*tools: str) -> None:
    """Leave, with a sentence, unless this is root and the tools are there."""
    if os.geteuid() != 0:
        sys.exit("needs root, for TAPs and namespaces")
    for tool in tools:
        if shutil.which(tool) is None:
            sys.exit(f"needs the tool {tool}")


def inside(namespace: str, *command: str) -> list[str]:
    """Return the command that runs ``command`` inside ``namespace``."""
    return ["nsenter", f"--net=/run/netns/{namespace}", "--", *command]


@contextmanager
def fabric_pair(workers: int = 1) -> Iterator[Pair]:
    """Run the daemon with two namespaces on one network; both are gone afterwards."""
    left, right = f"bench-{os.getpid()}-l", f"bench-{os.getpid()}-r"
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder, "bench.yaml")
        configuration.write_text(CONFIGURATION.format(workers=workers, left=left, right=right))
        command = [sys.executable, "-m", "control", "up", str(configuration), "--run-dir", f"{folder}/run"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
            try:
                wait_until_ready(daemon)
                yield Pair(left, right, "10.77.0.2", "10.77.0.3", daemon.pid)
            finally:
                daemon.terminate()
                daemon.wait(30)


def wait_until_ready(daemon: "subprocess.Popen[str]") -> None:
    """Read the daemon's output up to the line that says that it forwards."""
    assert daemon.stdout is not None
    for line in daemon.stdout:
        if line.startswith("ready"):
            return
    sys.exit("the daemon ended before it was ready")
