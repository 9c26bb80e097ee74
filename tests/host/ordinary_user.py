"""Run Python as an ordinary user: the command line that root turns into one (see as_ordinary_user.py)."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.netns import PATIENCE_S

HERE = Path(__file__).resolve().parent
BECOME = [sys.executable, str(HERE / "as_ordinary_user.py")]
AGENT = [*BECOME, sys.executable, "-W", "error", str(HERE / "rootless_agent.py")]


def run_as_user(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``python ARGUMENTS`` as an ordinary user, in the tree's root."""
    command = [*BECOME, sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE.parents[1], timeout=PATIENCE_S)


@contextmanager
def rootless_agent() -> Iterator[dict[str, Any]]:
    """Run the agent of rootless_agent.py while the block lasts; yield what it said of itself."""
    with subprocess.Popen(AGENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, "the agent without root ended before it was ready"
            yield json.loads(line)
        finally:
            process.communicate(timeout=PATIENCE_S)
