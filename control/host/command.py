"""A command in a fresh network namespace, held back until its port is attached: `tapestry run` on the machine's side.

    with new_namespace_for(["curl", "http://10.10.0.2"]) as started:
        attach(started.netns_path)          # the agent puts a TAP into it
        started.release()
        status = started.wait()

The command is a child in the same process group, so the terminal is its own as well: Ctrl-C and Ctrl-Z reach it from
there. Signals that somebody sends to us alone are passed on. A block that is left before `release` ends the child.

The namespace has no name and goes with its last process (and what the agent holds in it). The child ends with us even
if we are killed; what it has started itself does not.
"""

import contextlib
import errno
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType

from control.errors import UserError
from control.host import syscalls
from control.host.enter import become, join_agent
from control.host.loopback import bring_loopback_up
from control.host.own_files import show_own_files

PASSED_ON = (
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
FROM_KERNEL = 0x80
"""si_code of a signal that the terminal sent, to the child too."""

WATCHED = {*PASSED_ON, signal.SIGCHLD}

READY = b"."
GO = b"g"


class StartedCommand:
    """A child that waits inside its namespace. ``pid`` is its process, ``netns_path`` the path of its namespace."""

    def __init__(self, pid: int, go: int) -> None:
        self.pid = pid
        self.netns_path = f"/proc/{pid}/ns/net"
        self._go = go
        self._status: int | None = None
        self._mask_before: set[signal.Signals | int] | None = None

    def __enter__(self) -> "StartedCommand":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.wait()

    def release(self, files: Mapping[str, str] | None = None) -> None:
        """Let the child become its command; what is wrong with that it says itself, and ends with 126 or 127.

        ``files`` are contents by path that the command sees in place of the machine's. From here to the end of `wait`
        signals are the command's: ours are blocked, so none slips in between.
        """
        self._mask_before = set(signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED))
        go, self._go = self._go, -1
        with contextlib.suppress(BrokenPipeError), os.fdopen(go, "wb") as stream:  # If it was killed, `wait` says so.
            stream.write(GO + json.dumps(dict(files or {})).encode())

    def wait(self) -> int:
        """Return the command's exit status as a shell gives it (128 + signal), passing signals on meanwhile.

        A child that was not released ends unrun.
        """
        if self._status is not None:
            return self._status
        if self._mask_before is None:
            self._close_go()
            self._status = _as_shell(os.waitpid(self.pid, 0)[1])
            return self._status
        try:
            self._status = _wait_passing_signals_on(self.pid)
        finally:
            self._give_signals_back(self._mask_before)
        return self._status

    def _give_signals_back(self, mask_before: set[signal.Signals | int]) -> None:
        # The terminal's Ctrl-C came to us too: the command has answered it, it is not for our caller.
        while signal.sigtimedwait(WATCHED, 0) is not None:
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, mask_before)

    def _close_go(self) -> None:
        if self._go >= 0:
            os.close(self._go)
            self._go = -1


def new_namespace_for(
    command: Sequence[str], agent_pid: int | None = None, environment: Mapping[str, str] | None = None
) -> StartedCommand:
    """Start ``command``'s process in a namespace of its own, loopback up, and hold it there.

    ``agent_pid`` names an agent without root, whose user namespace the command's must belong to. The calling process
    must have one thread only. UserError if the namespace cannot be made.
    """
    ready_read, ready_write = os.pipe()
    go_read, go_write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(ready_read)
        os.close(go_write)
        _run_child(command, agent_pid, environment, parent, ready_write, go_read)
    os.close(ready_write)
    os.close(go_read)
    with open(ready_read, "rb") as stream:
        answer = stream.read()
    if answer != READY:
        os.close(go_write)
        os.waitpid(pid, 0)
        raise UserError(answer.decode(errors="replace") or "the command's process was killed before it could start")
    return StartedCommand(pid, go_write)


def _run_child(
    command: Sequence[str],
    agent_pid: int | None,
    environment: Mapping[str, str] | None,
    parent: int,
    ready: int,
    go: int,
) -> None:
    """Never return: become the command, or end."""
    try:
        try:
            _enter_new_namespace(agent_pid)
            _end_with(parent)  # After that: who changes credentials is let off.
        except UserError as error:
            os.write(ready, str(error).encode())
            os._exit(1)
        os.write(ready, READY)
        os.close(ready)
        with open(go, "rb") as stream:
            told = stream.read()
        if not told.startswith(GO):
            os._exit(1)
        show_own_files(json.loads(told[len(GO) :]))
        become(command, environment)
    finally:
        os._exit(1)  # A fork must not run what its parent would at exit.


def _end_with(parent: int) -> None:
    """Die with the process that waits for us, even one that is killed."""
    syscalls.end_with_parent(signal.SIGKILL)
    if os.getppid() != parent:  # It has ended before that.
        os._exit(1)


def _enter_new_namespace(agent_pid: int | None) -> None:
    if agent_pid is not None:
        join_agent(agent_pid)
    try:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        bring_loopback_up()
    except OSError as error:
        hint = ": run as root" if error.errno in (errno.EPERM, errno.EACCES) else ""
        raise UserError(f"cannot make a network namespace ({error.strerror}){hint}") from error


def _wait_passing_signals_on(pid: int) -> int:
    """Return the exit status of the child; WATCHED must be blocked since before it could end."""
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return _as_shell(status)
        arrived = signal.sigwaitinfo(WATCHED)
        if arrived.si_signo != signal.SIGCHLD and arrived.si_code != FROM_KERNEL:
            os.kill(pid, arrived.si_signo)


def _as_shell(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
