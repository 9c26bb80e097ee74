"""Network namespaces: find, identify, make, remove, and run a function inside one.

A namespace is given by name (``web``: the file /run/netns/web, as `ip netns` keeps it), by the path of its file
(anything with a slash: /proc/PID/ns/net, /run/docker/netns/…) or as None, the agent's own.

The agent's threads never move: what must happen inside happens in a thread of its own that ends there.

Facts (measured on Linux 6.18):
  - A socket or TAP opened inside a namespace keeps it alive after `ip netns del`: nothing tells the holder. Who must
    know compares identities (`watch.py` does, each second).
  - The kernel uses inode numbers of namespaces again at once, so an identity is conclusive only against a namespace
    that something still keeps alive: hold a socket in it, or its file, while the identity is remembered.
"""

import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from control.errors import UserError
from control.host import syscalls
from control.host.loopback import bring_loopback_up

Result = TypeVar("Result")

NETNS_DIRECTORY = "/run/netns"
NS_GET_NSTYPE = 0xB703  # linux/nsfs.h


@dataclass(frozen=True, slots=True)
class NamespaceIdentity:
    """Which namespace it is, whatever path led there."""

    device: int
    inode: int


def describe_namespace(netns: str | None) -> str:
    """Return how a sentence names the namespace."""
    return "the agent's own namespace" if netns is None else f"namespace '{netns}'"


def namespace_path(netns: str | None) -> str:
    """Return the path of the namespace's file; UserError if a name could not be one."""
    if netns is None:
        return "/proc/self/ns/net"
    if "/" in netns:
        return netns
    if netns in ("", ".", "..") or "\0" in netns or len(netns) > 255:
        raise UserError(f"'{netns}' cannot name a namespace: expected a file name such as web, or a path")
    return f"{NETNS_DIRECTORY}/{netns}"


def open_namespace(netns: str | None) -> int:
    """Return a file descriptor of the namespace, which keeps it alive; UserError says what is wrong with it."""
    path = namespace_path(netns)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError) as error:
        raise UserError(_missing(netns)) from error
    except PermissionError as error:
        raise UserError(f"no permission to open {path}: run as root, or as the user whose process it is") from error
    if _is_network_namespace(fd):
        return fd
    os.close(fd)
    if netns is not None and "/" not in netns:
        raise UserError(f"{path} is left over from a namespace that is gone: remove it with `ip netns del {netns}`")
    raise UserError(f"{path} is not a network namespace: expected a file such as /run/netns/web or /proc/PID/ns/net")


def _missing(netns: str | None) -> str:
    if netns is not None and "/" in netns:
        return f"namespace '{netns}' does not exist: no such file (has its process or container ended?)"
    return f"namespace '{netns}' does not exist: make it with `ip netns add {netns}`, or set make_netns: true"


def _is_network_namespace(fd: int) -> bool:
    try:
        return fcntl.ioctl(fd, NS_GET_NSTYPE) == syscalls.CLONE_NEWNET
    except OSError:
        return False


def identify_namespace(netns: str | None) -> NamespaceIdentity:
    """Return the namespace's identity; UserError as `open_namespace`."""
    fd = open_namespace(netns)
    try:
        status = os.fstat(fd)
        return NamespaceIdentity(status.st_dev, status.st_ino)
    finally:
        os.close(fd)


def find_namespace(netns: str | None) -> NamespaceIdentity | None:
    """Return the namespace's identity, or None while there is none that could be opened."""
    try:
        return identify_namespace(netns)
    except UserError:
        return None


def run_in_namespace(netns: str | None, function: Callable[[], Result]) -> Result:
    """Return ``function()`` as run inside the namespace, by a thread of its own; its exception is raised here."""
    fd = open_namespace(netns)

    def work() -> Result:
        try:
            syscalls.setns(fd, syscalls.CLONE_NEWNET)
        except PermissionError as error:
            raise UserError(f"no permission to enter {describe_namespace(netns)}: run as root") from error
        return function()

    try:
        # The agent's own namespace needs no setns, which an ordinary user may not call even for the one it is in.
        return run_in_thread(function if netns is None else work)
    finally:
        os.close(fd)


def run_in_thread(function: Callable[[], Result]) -> Result:
    """Return ``function()`` as run by a thread that ends with it; its exception is raised here."""
    results: list[Result] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, name="netns")
    thread.start()
    thread.join()
    if errors:
        try:
            raise errors[0]
        finally:
            errors.clear()  # An exception that holds its own traceback in a list would be a cycle.
    return results[0]


def make_namespace(name: str) -> bool:
    """Make the namespace /run/netns/``name`` as `ip netns add` does, loopback up; False when it is there already.

    A file left over from a namespace that is gone (a restart of the machine, a crash) is put to use again.
    """
    if "/" in name:
        raise UserError(f"cannot make a namespace at the path '{name}': give it a name, such as netns: web")
    path = namespace_path(name)
    if find_namespace(name) is not None:
        return False
    try:
        _prepare_directory()
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o444))
        run_in_thread(lambda: _bind_new_namespace(path))
    except PermissionError as error:
        raise UserError(f"no permission to make namespace '{name}': run as root") from error
    except OSError as error:
        _unlink_quietly(path)
        raise UserError(f"cannot make namespace '{name}' at {path}: {error.strerror}") from error
    return True


def _prepare_directory() -> None:
    """Make the directory a shared mount, so that a removal is seen in every mount namespace that copied it."""
    os.makedirs(NETNS_DIRECTORY, mode=0o755, exist_ok=True)
    lock = os.open(NETNS_DIRECTORY, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # `ip netns add` takes it too: two at once would mount twice.
        try:
            syscalls.mount("", NETNS_DIRECTORY, flags=syscalls.MS_SHARED | syscalls.MS_REC)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            syscalls.mount(NETNS_DIRECTORY, NETNS_DIRECTORY, flags=syscalls.MS_BIND | syscalls.MS_REC)
            syscalls.mount("", NETNS_DIRECTORY, flags=syscalls.MS_SHARED | syscalls.MS_REC)
    finally:
        os.close(lock)


def _bind_new_namespace(path: str) -> None:
    syscalls.unshare(syscalls.CLONE_NEWNET)
    bring_loopback_up()
    syscalls.mount("/proc/thread-self/ns/net", path, flags=syscalls.MS_BIND)


def remove_namespace(name: str) -> None:
    """Remove the namespace's name as `ip netns del` does; what runs inside keeps it alive. No error if it is gone."""
    path = namespace_path(name)
    try:
        syscalls.unmount(path)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOENT):
            raise UserError(f"cannot remove namespace '{name}': {error.strerror}") from error
    _unlink_quietly(path)


def _unlink_quietly(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
