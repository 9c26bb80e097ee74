"""An agent without root: the calling process moves into user, mount and network namespaces of its own, as root there.

What it gets: its own empty network with loopback up, and a private /run whose /run/netns it may fill, so that named
namespaces work as they do for root; everything else of /run stays where it was (the user's runtime directory, so the
API's socket is reachable from outside). What it does not get: the machine's own interfaces.

It all goes with the last process inside. Other processes of the same user join by the agent's process id: `enter.py`.
"""

import errno
import os
import stat
from collections.abc import Mapping

from control.errors import UserError
from control.host import syscalls
from control.host.capabilities import lacking_capabilities
from control.host.loopback import bring_loopback_up
from control.host.tun import require_tun_device

RUN = "/run"
NETNS_NAME = "netns"

SYSCTLS = {
    "user.max_user_namespaces": "15000",
    "kernel.unprivileged_userns_clone": "1",
    "kernel.apparmor_restrict_unprivileged_userns": "0",
}
"""The settings that forbid user namespaces to ordinary users, and a value that allows them."""

AS_ROOT = "run the same command as root (sudo)"


def is_root_lacking() -> bool:
    """Return whether this process lacks what an agent on the machine's own network needs."""
    return bool(lacking_capabilities())


def enter_rootless() -> None:
    """Move this process into namespaces of its own, where it is root; it must have one thread only.

    From then on os.getuid() is 0: work out paths that depend on the user before. UserError says what to type where the
    kernel forbids it, or where /dev/net/tun is missing; the process is not moved then, or is of no further use.
    """
    require_tun_device()
    uid, gid = os.getuid(), os.getgid()
    try:
        syscalls.unshare(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS | syscalls.CLONE_NEWNET)
        _map_to_root(uid, gid)
        _make_run_private()
        bring_loopback_up()
    except OSError as error:
        raise UserError(explain_refusal(error.errno or 0, read_sysctls())) from error


def outside_uid() -> int:
    """Return this process' user id as the machine knows it: the same outside and inside of `enter_rootless`."""
    with open("/proc/self/uid_map", encoding="ascii") as lines:
        for line in lines:
            inside, outside, count = map(int, line.split())
            if inside <= os.getuid() < inside + count:
                return outside + os.getuid() - inside
    return os.getuid()


def read_sysctls() -> dict[str, str | None]:
    """Return the present value of each of SYSCTLS, None where this kernel does not know it."""
    return {name: _read_sysctl(name) for name in SYSCTLS}


def explain_refusal(error_number: int, sysctls: Mapping[str, str | None]) -> str:
    """Return the sentence for a refused user namespace: what forbids it and what to type."""
    obstacle = find_obstacle(sysctls)
    if obstacle is not None:
        what = f"this machine forbids user namespaces ({obstacle} = {sysctls[obstacle]})"
        return f"{what}: allow them with `sudo sysctl -w {obstacle}={SYSCTLS[obstacle]}`, or {AS_ROOT}"
    if error_number in (errno.EPERM, errno.EACCES):
        what = "this machine forbids user namespaces (a container's seccomp filter, a security module, or a chroot)"
        return f"{what}: allow them there, or {AS_ROOT}"
    if error_number == errno.EINVAL:
        return f"cannot make a user namespace: this kernel lacks them, or the process has several threads; {AS_ROOT}"
    if error_number in (errno.ENOSPC, errno.EUSERS):
        return f"cannot make a user namespace: their limit is reached, or they are nested too deeply; {AS_ROOT}"
    return f"cannot make a user namespace ({os.strerror(error_number)}); {AS_ROOT}"


def find_obstacle(sysctls: Mapping[str, str | None]) -> str | None:
    """Return the name of the first of SYSCTLS whose value forbids user namespaces, or None."""
    forbidding = {"user.max_user_namespaces": "0", "kernel.unprivileged_userns_clone": "0"}
    for name in SYSCTLS:
        value = sysctls.get(name)
        if value is not None and value == forbidding.get(name, "1"):
            return name
    return None


def _read_sysctl(name: str) -> str | None:
    try:
        with open("/proc/sys/" + name.replace(".", "/"), encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return None


def _map_to_root(uid: int, gid: int) -> None:
    # An ordinary user may map the group only after giving up setgroups(2).
    for name, content in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as stream:
            stream.write(content)


def _make_run_private() -> None:
    """Put an empty file system on /run and bind back all that was there, but for /run/netns."""
    before = os.open(RUN, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        syscalls.mount("tmpfs", RUN, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "mode=755")
        for name in os.listdir(before):
            if name != NETNS_NAME:
                _bind_back(f"/proc/self/fd/{before}/{name}", f"{RUN}/{name}")
        os.mkdir(f"{RUN}/{NETNS_NAME}", 0o755)
    finally:
        os.close(before)


def _bind_back(source: str, target: str) -> None:
    mode = os.lstat(source).st_mode
    if stat.S_ISLNK(mode):
        os.symlink(os.readlink(source), target)
        return
    if stat.S_ISDIR(mode):
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_CLOEXEC, 0o600))
    syscalls.mount(source, target, flags=syscalls.MS_BIND | syscalls.MS_REC)
