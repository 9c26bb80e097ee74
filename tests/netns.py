"""Network namespaces for tests: made with names nobody else uses, and gone afterwards whatever happened.

    with namespaces("left", "right") as (left, right):
        connect(left, "eth0", right, "eth0")
        right.run("ping", "-c1", "10.0.0.1")

Nothing here touches the machine's own network. Processes are ended by their id.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_interface
from itertools import count

import pytest

_numbers = count()

IFA_F_NODAD = 0x02
PATIENCE_S = 60
"""How long a command may take before the test gives up on it; no assertion depends on it."""


def require_root() -> None:
    """Skip the test unless this process may make network namespaces."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to make network namespaces")


def require_tools(*tools: str) -> None:
    """Skip the test, naming the first of ``tools`` that is not installed."""
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"needs the tool {tool}")


@dataclass(frozen=True)
class Namespace:
    """A network namespace that this test made, by its name in /run/netns."""

    name: str

    @property
    def path(self) -> str:
        return f"/run/netns/{self.name}"

    def _enter(self, command: tuple[str, ...]) -> list[str]:
        return ["nsenter", f"--net={self.path}", "--", *command]

    def run(self, *command: str, check: bool = True, timeout_s: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
        """Run ``command`` inside and return what it printed; a failure carries its output."""
        done = subprocess.run(self._enter(command), capture_output=True, text=True, timeout=timeout_s)
        if check and done.returncode:
            output = f"{done.stdout}{done.stderr}"
            raise AssertionError(f"in {self.name}: {' '.join(command)} ended with {done.returncode}:\n{output}")
        return done

    @contextmanager
    def running(self, *command: str) -> Iterator[subprocess.Popen[str]]:
        """Run ``command`` inside for as long as the block lasts, then end it."""
        process = subprocess.Popen(
            self._enter(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
        )
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    """End ``process``, gently at first, and close its pipes."""
    if process.poll() is None:
        process.terminate()
    try:
        process.communicate(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def unused_name(hint: str) -> str:
    """Return a name for a namespace that no other test run and no earlier test used."""
    return f"tapestry-{os.getpid()}-{next(_numbers)}-{hint}"


@contextmanager
def namespaces(*hints: str) -> Iterator[tuple[Namespace, ...]]:
    """Make one namespace for each hint, loopback up, and remove them afterwards; skips without root."""
    require_root()
    require_tools("nsenter")
    with ExitStack() as stack:
        yield tuple(stack.enter_context(_namespace(unused_name(hint))) for hint in hints)


@contextmanager
def _namespace(name: str) -> Iterator[Namespace]:
    from pyroute2 import NetNS, netns

    try:
        netns.create(name)
    except PermissionError as error:
        pytest.skip(f"needs the right to make network namespaces: {error}")
    try:
        with NetNS(name) as inside:
            inside.link("set", index=1, state="up")
        yield Namespace(name)
    finally:
        with suppress(FileNotFoundError):
            netns.remove(name)


def connect(left: Namespace, left_ifname: str, right: Namespace, right_ifname: str) -> None:
    """Make a veth pair between two namespaces, both ends up."""
    from pyroute2 import NetNS

    with NetNS(left.name) as inside:
        peer = {"ifname": right_ifname, "net_ns_fd": right.name}
        inside.link("add", ifname=left_ifname, kind="veth", peer=peer)
    for namespace, ifname in ((left, left_ifname), (right, right_ifname)):
        set_up(namespace, ifname)


def set_up(namespace: Namespace, ifname: str, *addresses: str) -> None:
    """Give an interface ``addresses`` ("10.0.0.1/24"), usable at once, and set it up."""
    from pyroute2 import NetNS

    with NetNS(namespace.name) as inside:
        index = inside.link_lookup(ifname=ifname)[0]
        inside.link("set", index=index, state="up")
        for address in map(ip_interface, addresses):
            flags = {"flags": IFA_F_NODAD} if address.version == 6 else {}
            inside.addr("add", index=index, address=str(address.ip), prefixlen=address.network.prefixlen, **flags)
