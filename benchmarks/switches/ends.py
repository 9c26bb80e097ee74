"""Two namespaces with addresses of one subnet, for a switch to join, and a third for the switch itself."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.live import inside

LEFT, RIGHT, SWITCH = "left", "right", "switch"
ADDRESSES = {LEFT: "10.77.0.2", RIGHT: "10.77.0.3"}
IFNAME = "eth0"
PATIENCE_S = 30


class MissingError(Exception):
    """A switch that this machine does not have: the sentence says which command is not there."""


@dataclass(frozen=True)
class Ends:
    """The namespaces' names, by LEFT, RIGHT and SWITCH."""

    names: Mapping[str, str]

    def run(self, place: str, *command: str) -> str:
        """Run a command in one of them and return what it printed."""
        return subprocess.run(
            inside(self.names[place], *command), check=True, capture_output=True, text=True, timeout=PATIENCE_S
        ).stdout

    @contextmanager
    def running(self, place: str, *command: str, **environment: str) -> Iterator[None]:
        """Run a command in one of them for as long as the block lasts; its standard input stays open and empty."""
        process = subprocess.Popen(
            inside(self.names[place], *command),
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with process:
            try:
                yield
            finally:
                process.terminate()

    def set_up(self, place: str) -> None:
        """Give an end its address."""
        self.run(place, "ip", "address", "add", f"{ADDRESSES[place]}/24", "dev", IFNAME)
        self.run(place, "ip", "link", "set", IFNAME, "up")

    def cable(self, place: str) -> str:
        """Lay a veth from an end to the switch's namespace, both ends up, and return its name there."""
        self.run(place, "ip", "link", "add", IFNAME, "type", "veth", "peer", "name", place, "netns", self.names[SWITCH])
        self.run(SWITCH, "ip", "link", "set", place, "up")
        self.set_up(place)
        return place

    def until(self, place: str, *command: str) -> None:
        """Run a command again and again until it succeeds."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.run(place, *command)
            except subprocess.CalledProcessError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return


def require(*commands: str) -> None:
    """MissingError unless the commands are there."""
    for command in commands:
        if shutil.which(command) is None:
            raise MissingError(f"no command {command} here")


@contextmanager
def ends() -> Iterator[Ends]:
    """Make the three namespaces; they are gone afterwards."""
    names = {place: f"bench-{os.getpid()}-{place}" for place in (LEFT, RIGHT, SWITCH)}
    with ExitStack() as stack:
        for name in names.values():
            subprocess.run(["ip", "netns", "add", name], check=True)
            stack.callback(subprocess.run, ["ip", "netns", "delete", name], check=True)
        yield Ends(names)
