"""Workers that begin at once: one compiles, the others wait."""

import subprocess
import sys
from pathlib import Path

from dataplane.worker.compiling import first_alone

HOLD = """
import sys
from pathlib import Path
from dataplane.worker.compiling import first_alone
with first_alone(Path(sys.argv[1]), lambda: None):
    print("inside", flush=True)
    sys.stdin.read()
"""


def hold(folder: Path) -> subprocess.Popen[str]:
    """Return a process that has begun to do what is done for the first time, and goes on until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "inside\n"
    return process


def test_others_wait_while_one_works(tmp_path: Path) -> None:
    first = hold(tmp_path)
    waited = []

    def wait() -> None:
        waited.append(first.poll())
        first.communicate()

    with first_alone(tmp_path, wait):
        assert waited == [None], "asked once, while the other was there"
        assert first.returncode == 0


def test_whoever_dies_makes_room(tmp_path: Path) -> None:
    first = hold(tmp_path)

    def wait() -> None:
        first.kill()
        first.communicate()

    with first_alone(tmp_path, wait):
        assert first.returncode != 0


def test_nobody_waits_for_what_is_done(tmp_path: Path) -> None:
    def never() -> None:
        raise AssertionError("waits")

    with first_alone(tmp_path, never):
        pass
    with first_alone(tmp_path, never), first_alone(tmp_path, never):
        pass
