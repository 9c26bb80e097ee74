"""What the daemon prints: log lines on stderr, and how far a cold start has come."""

import logging
import sys
import time
from dataclasses import dataclass, field
from typing import Any

PATIENCE_S = 1.0
"""A warm start compiles nothing and is over by then; what takes longer deserves a word."""

PLAIN_LINE_EVERY_S = 5.0


def set_up_logging() -> None:
    """Send the agent's log lines to stderr, one sentence each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("tapestry: %(message)s"))
    logger = logging.getLogger("control")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


@dataclass(slots=True)
class CompileProgress:
    """Kernels ready, by worker. ``clock`` gives seconds; a terminal gets a bar, anything else a line now and then."""

    clock: Any = time.monotonic
    _begun_at: float | None = None
    _printed_at: float = 0.0
    _done: dict[int, tuple[int, int]] = field(default_factory=dict)
    _bar: Any = None
    _task: Any = None

    def hear(self, worker: int, done: int, total: int) -> None:
        """Take in how far a worker is."""
        now = self.clock()
        self._begun_at = now if self._begun_at is None else self._begun_at
        self._done[worker] = (done, total)
        if now - self._begun_at >= PATIENCE_S:
            self._show(now)

    def finish(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _show(self, now: float) -> None:
        done, total = (sum(numbers) for numbers in zip(*self._done.values(), strict=True))
        if sys.stderr.isatty():
            self._draw(done, total)
        elif now - self._printed_at >= PLAIN_LINE_EVERY_S:
            self._printed_at = now
            print(f"tapestry: compiling kernels, {done} of {total} (once a version)", file=sys.stderr, flush=True)

    def _draw(self, done: int, total: int) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("compiling kernels (once a version)"), BarColumn(), TextColumn("{task.completed}"))
            self._bar = Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("", total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total)
