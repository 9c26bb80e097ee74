"""Loading the compiled loop: from the cache in a moment, or, once for each version of the kernels, by compiling it.

Compiling takes a core for a minute or two. So where several workers need what is not there yet, one compiles it, and
the others wait for it and load it then.
"""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numba
from numba.core import event

from dataplane.jit import CACHE_FOLDER, JIT_DISABLED, KERNELS, OPTIONS
from dataplane.worker.kernels import run_worker
from dataplane.worker.lane import Lane

Tell = Callable[[dict[str, Any]], None]

ASK_AGAIN_S = 1.0


class CompileReporter(event.Listener):
    """Tells of every kernel that numba begins to compile or to load."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self.done = 0

    def on_start(self, happening: event.Event) -> None:
        self.done += 1
        self.tell(progress(min(self.done, len(KERNELS)), len(KERNELS), happening.data["dispatcher"].py_func.__name__))

    def on_end(self, happening: event.Event) -> None:
        pass


def progress(done: int, total: int, name: str) -> dict[str, Any]:
    """Return what the agent hears while kernels are compiled."""
    return {"op": "compiling", "done": done, "total": total, "kernel": name}


def compile_loop(lane: Lane, tell: Tell) -> None:
    """Compile the loop, or load it from the cache, telling how far it is; with the JIT off there is nothing to do."""
    if JIT_DISABLED:
        return
    loop: Any = run_worker
    signature = (numba.typeof(lane),)
    with event.install_listener("numba:compile", CompileReporter(tell)):
        if OPTIONS["cache"]:
            with first_alone(CACHE_FOLDER, lambda: tell(progress(0, 0, ""))):
                loop.compile(signature)
        else:
            loop.compile(signature)


@contextmanager
def first_alone(folder: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Let only one process at a time do what is done in the folder for the first time; ``wait`` is called each second
    meanwhile. A process that dies makes room for the next."""
    done = folder / "loop.done"
    if done.exists():
        yield
        return
    with (folder / "loop.lock").open("w") as lock:
        while not _is_taken(lock):
            wait()
            time.sleep(ASK_AGAIN_S)
        yield
        with suppress(OSError):  # Newer kernels may have driven these out meanwhile.
            done.touch()


def _is_taken(lock: Any) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
