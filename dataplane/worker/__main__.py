"""``python -m dataplane.worker --socket PATH --index W [--vector N]``: one worker, started by the agent."""

import argparse
import os
import signal
import socket
from contextlib import suppress

from dataplane.generation.tables import MAX_WORKERS
from dataplane.vector import DEFAULT_VECTOR, VECTOR_CAPACITY


def listen(path: str) -> socket.socket:
    """Return a listening SOCK_SEQPACKET socket, at ``path``, that only its owner may connect to."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(before)
    listener.listen(1)
    return listener


def main() -> None:
    """Serve until told to stop. Ctrl-C is the agent's business."""
    parser = argparse.ArgumentParser(description="A tapestry worker; the agent starts it.")
    parser.add_argument("--socket", required=True, metavar="PATH", help="where the agent finds this worker")
    parser.add_argument("--index", required=True, type=int, metavar="W", help="which worker this is, from 0")
    parser.add_argument("--vector", type=int, default=DEFAULT_VECTOR, metavar="N", help="frames in a vector at most")
    arguments = parser.parse_args()
    if not 1 <= arguments.vector <= VECTOR_CAPACITY:
        parser.error(f"--vector: expected 1 to {VECTOR_CAPACITY}, found {arguments.vector}")
    if not 0 <= arguments.index < MAX_WORKERS:
        parser.error(f"--index: expected 0 to {MAX_WORKERS - 1}, found {arguments.index}")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The agent may connect while the compiler is still being imported.
    listener = listen(arguments.socket)
    try:
        from dataplane.worker.service import Service

        Service(listener, arguments.index, arguments.vector).serve()
    finally:
        with suppress(FileNotFoundError):
            os.unlink(arguments.socket)


main()
