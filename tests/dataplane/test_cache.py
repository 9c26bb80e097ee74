"""The cache of compiled kernels: never stale, hit when nothing changed, bounded, and not needed.

Each test runs copies of the packages, with two kernels of its own in two files: one calls the other.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from dataplane import jit
from dataplane.jit import DIGEST_BYTES, KEPT_CACHES
from tests.scale import JIT_OFF
from tests.sources import ROOT

pytestmark = pytest.mark.skipif(JIT_OFF, reason="nothing is compiled with the JIT off")

PACKAGES = ("dataplane", "encap", "nat")
CALLER = """
from dataplane.jit import kernel
from dataplane.callee import answer

@kernel
def ask(numbers, at):
    return answer(numbers[at])
"""
CALLEE = """
from dataplane.jit import inlined

@inlined
def answer(number):
    return number + {summand}
"""
RUN = """
import json, sys
import numpy as np
from dataplane import jit
from dataplane.caller import ask
try:
    found = int(ask(np.arange(4), int(sys.argv[1])))
except IndexError:
    found = "IndexError"
print(json.dumps({
    "found": found,
    "loaded": sum(ask.stats.cache_hits.values()),
    "compiled": sum(ask.stats.cache_misses.values()),
    "folder": str(jit.CACHE_FOLDER),
}))
"""
PATIENCE_S = 120


@dataclass
class Project:
    """A copy of the packages at ``root``, whose caches are below ``home``."""

    root: Path
    home: Path

    def write_callee(self, summand: int) -> None:
        """Edit the callee; its file is the only one that changes."""
        (self.root / "dataplane" / "callee.py").write_text(CALLEE.format(summand=summand))

    def ask(self, at: int = 3, **environment: str) -> dict[str, object]:
        """Run the caller in a process of its own."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
        done = subprocess.run(
            [sys.executable, "-c", RUN, str(at)],
            cwd=self.root,
            env=clean | {"TAPESTRY_CACHE_DIR": str(self.home), "PYTHONPATH": str(self.root)} | environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "dataplane" / "caller.py").write_text(CALLER)
    made = Project(tmp_path, tmp_path / "caches")
    made.write_callee(summand=1)
    return made


def test_a_second_run_compiles_nothing(project: Project) -> None:
    first, second = project.ask(), project.ask()
    assert (first["found"], first["loaded"], first["compiled"]) == (4, 0, 1)
    assert (second["found"], second["loaded"], second["compiled"]) == (4, 1, 0)


def test_an_edit_of_a_callee_in_another_file_is_seen(project: Project) -> None:
    assert project.ask()["found"] == 4
    project.write_callee(summand=10)
    assert project.ask()["found"] == 13
    project.write_callee(summand=1)
    again = project.ask()
    assert (again["found"], again["loaded"]) == (4, 1), "what was compiled from these sources before is still there"


def test_without_a_folder_that_can_be_written_everything_works_and_nothing_is_stale(project: Project) -> None:
    nowhere = {"TAPESTRY_CACHE_DIR": "/proc/version/kernels"}
    assert project.ask(**nowhere)["found"] == 4
    project.write_callee(summand=10)
    assert project.ask(**nowhere)["found"] == 13
    assert not [path for pattern in ("*.nbi", "*.nbc") for path in project.root.rglob(pattern)]


def test_bounds_checks_have_a_cache_of_their_own_and_mean_something(project: Project) -> None:
    """A kernel that was compiled without them is not taken for one with them."""
    assert isinstance(project.ask(at=4)["found"], int), "what lies behind the array"
    assert project.ask(at=4, NUMBA_BOUNDSCHECK="1")["found"] == "IndexError"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for caches; numba's own choice is as before when the test ends."""
    monkeypatch.setattr(jit.OPTIONS_OF_NUMBA, "CACHE_DIR", jit.OPTIONS_OF_NUMBA.CACHE_DIR)
    return tmp_path


def cache_folder(home: Path, number: int) -> Path:
    return home / f"{number:0{2 * DIGEST_BYTES}x}"


def test_caches_not_used_for_long_go_and_nothing_else_does(home: Path) -> None:
    old = [cache_folder(home, number) for number in range(1, KEPT_CACHES + 3)]
    strangers = [home / "letters", home / "0123"]
    for age, folder in enumerate([*old, *strangers]):
        folder.mkdir()
        os.utime(folder, (1e9 - age, 1e9 - age))
    new = cache_folder(home, 0)
    assert jit.use_cache(new)
    assert set(home.iterdir()) == {new, *old[: KEPT_CACHES - 1], *strangers}


def test_a_cache_in_use_is_no_old_one(home: Path) -> None:
    own = cache_folder(home, 0)
    own.mkdir()
    os.utime(own, (0, 0))
    assert jit.use_cache(own)
    for number in range(1, KEPT_CACHES):
        assert jit.use_cache(cache_folder(home, number))
    assert own.exists()
