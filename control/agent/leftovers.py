"""Workers that run, and that no record tells of: nobody can take them over."""

import contextlib
import json
import logging
import socket

from control.agent.record import Record
from control.agent.rundir import RunDir

log = logging.getLogger(__name__)


def end_strangers(run_dir: RunDir, known: Record | None) -> None:
    """End workers of this run directory that ``known`` does not name: an instance of another version, say."""
    told_of = {worker.index for worker in known.workers} if known else set()
    for path in run_dir.path.glob("worker-*.sock"):
        index = path.stem.removeprefix("worker-")
        if index.isdecimal() and int(index) not in told_of:
            _stop(path)
            path.unlink(missing_ok=True)


def _stop(path: object) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection, contextlib.suppress(OSError):
        connection.connect(str(path))
        log.warning("ending a worker of an earlier instance that cannot be taken over")
        connection.send(json.dumps({"op": "stop"}).encode())
