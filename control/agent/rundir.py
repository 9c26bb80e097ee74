"""The run directory: where an instance keeps its sockets, its record and the lock that makes it the only one there."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from control.errors import UserError

SOCKET_PATH_LIMIT = 107
"""Longest path the kernel takes for a UNIX socket (sun_path less its terminator), in bytes."""


def default_run_dir() -> Path:
    """Return $TAPESTRY_RUN_DIR, else /run/tapestry for root and the user's own place for everybody else."""
    if named := os.environ.get("TAPESTRY_RUN_DIR"):
        return Path(named)
    if os.geteuid() == 0:
        return Path("/run/tapestry")
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(runtime) / "tapestry"
    return Path(f"/tmp/tapestry-{os.getuid()}")


@dataclass(frozen=True, slots=True)
class RunDir:
    """The paths of one instance."""

    path: Path

    @property
    def api_socket(self) -> Path:
        return self.path / "api.sock"

    @property
    def record(self) -> Path:
        return self.path / "state.json"

    @property
    def peers(self) -> Path:
        return self.path / "peers.jsonl"

    @property
    def lock_file(self) -> Path:
        return self.path / "lock"

    def worker_socket(self, index: int) -> Path:
        return self.path / f"worker-{index}.sock"

    def worker_log(self, index: int) -> Path:
        return self.path / f"worker-{index}.log"

    def make(self) -> None:
        """Make the directory, for its owner alone; UserError if that cannot be, or if it is not ours alone.

        Whoever can write there could hand the agent sockets and a record of their own.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot make {self.path}: {error.strerror}; choose another place with --run-dir") from None
        found = self.path.stat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise UserError(
                f"{self.path} is not this user's alone: others may write there. Take their rights away "
                f"(`chmod 700 {self.path}`), or choose another place with --run-dir"
            )
        longest = len(os.fsencode(self.worker_socket(999)))
        if longest > SOCKET_PATH_LIMIT:
            raise UserError(f"--run-dir {self.path} is too long for the sockets in it; choose a shorter path")

    def remove(self) -> None:
        """Remove what an instance leaves in the directory, and the directory if nothing else is in it."""
        for path in (
            self.api_socket,
            self.record,
            self.peers,
            *self.path.glob("worker-*.sock"),
            *self.path.glob("worker-*.log"),
        ):
            path.unlink(missing_ok=True)
        self.lock_file.unlink(missing_ok=True)
        try:
            self.path.rmdir()
        except OSError:
            return  # somebody keeps other things here


class InstanceLock:
    """The flock that makes an agent the only one of its run directory; it ends with the process, however that ends."""

    def __init__(self, run_dir: RunDir) -> None:
        """Take the lock; UserError if another agent has it."""
        while True:
            self._fd = os.open(run_dir.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(self._fd, 32).decode().strip() or "unknown"
                os.close(self._fd)
                raise UserError(
                    f"another tapestry (pid {holder}) runs here; stop it first, or give this one a --run-dir of its "
                    f"own (this is {run_dir.path})"
                ) from None
            if self._is_current(run_dir):
                break
            os.close(self._fd)
        os.truncate(self._fd, 0)
        os.write(self._fd, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let the next agent in. Remove the run directory's files before, not after."""
        os.close(self._fd)

    def _is_current(self, run_dir: RunDir) -> bool:
        """A stopping agent unlinks the file: the lock on a file that has no name protects nothing."""
        try:
            return os.stat(run_dir.lock_file).st_ino == os.fstat(self._fd).st_ino
        except FileNotFoundError:
            return False
