"""Cross into the namespaces of a port, from another process than the agent: for commands that a user runs there.

An agent without root lives in user and mount namespaces of its own. Whoever started it may join them: first the user
namespace (which gives the right to the rest), then the mounts (which have its /run/netns), then the network.

Limit: joining a user namespace needs a process with a single thread, so call this before threads are started.
"""

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from control.errors import UserError
from control.host import syscalls
from control.host.namespaces import describe_namespace, open_namespace
from control.host.own_files import show_own_files

NOT_EXECUTABLE = 126
NOT_FOUND = 127
"""The exit statuses that shells give for a command that cannot be run."""


def join_agent(pid: int) -> None:
    """Move this process into the user and mount namespaces of process ``pid``, where they differ from its own."""
    kinds = (("user", syscalls.CLONE_NEWUSER), ("mnt", syscalls.CLONE_NEWNS))
    opened: list[tuple[int, int]] = []
    try:
        # All are opened before any is joined: /proc looks different from inside.
        for name, kind in kinds:
            path = f"/proc/{pid}/ns/{name}"
            if not os.path.samefile(path, f"/proc/self/ns/{name}"):
                opened.append((os.open(path, os.O_RDONLY | os.O_CLOEXEC), kind))
        folder = _working_folder()
        for fd, kind in opened:
            syscalls.setns(fd, kind)
        if opened and folder is not None:
            with contextlib.suppress(OSError):  # It is not there for the agent: the command starts in /.
                os.chdir(folder)
    except FileNotFoundError as error:
        raise UserError(f"the agent's process {pid} does not exist: is `tapestry up` running?") from error
    except PermissionError as error:
        raise UserError(f"no permission to join the agent (process {pid}): run as root, or as its user") from error
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise UserError(f"cannot join the agent (process {pid}): this process has several threads") from error
    finally:
        for fd, _kind in opened:
            os.close(fd)


def enter_namespace(netns: str | None, agent_pid: int | None = None) -> None:
    """Move the calling thread into the port's network namespace; ``agent_pid`` names the agent that knows its path.

    None as ``netns`` is the agent's own namespace.
    """
    path = f"/proc/{agent_pid}/ns/net" if netns is None and agent_pid is not None else netns
    # The agent's own is opened before its user namespace is joined: the process id may mean another process inside.
    fd = open_namespace(path) if netns is None else None
    if agent_pid is not None:
        join_agent(agent_pid)
    if fd is None:
        fd = open_namespace(path)
    try:
        syscalls.setns(fd, syscalls.CLONE_NEWNET)
    except PermissionError as error:
        raise UserError(f"no permission to enter {describe_namespace(netns)}: run as root") from error
    finally:
        os.close(fd)


def exec_in_namespace(
    netns: str | None,
    command: Sequence[str],
    agent_pid: int | None = None,
    environment: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
) -> NoReturn:
    """Become ``command`` inside the port's namespace: exit status, signals and terminal are the command's own.

    ``files`` are contents by path that it sees in place of the machine's. UserError if the namespace cannot be entered;
    a command that cannot be run ends the process with 126 or 127.
    """
    enter_namespace(netns, agent_pid)
    show_own_files(files or {})
    become(command, environment)


def become(command: Sequence[str], environment: Mapping[str, str] | None = None) -> NoReturn:
    """Execute ``command``, found by PATH, with signals as a shell would give them; 126 or 127 if it cannot be run."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these, and what is ignored stays so.
        signal.signal(number, signal.SIG_DFL)
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvpe(command[0], list(command), dict(os.environ if environment is None else environment))
    except OSError as error:
        os.write(2, os.fsencode(f"tapestry: cannot run '{command[0]}': {error.strerror}\n"))
        os._exit(NOT_FOUND if error.errno in (errno.ENOENT, errno.ENOTDIR) else NOT_EXECUTABLE)


def _working_folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None
