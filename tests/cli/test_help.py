"""Help answers for every verb, quickly enough to be asked for, with an example; mistakes of typing are one line."""

import subprocess
import sys

import pytest

from control.cli import VERBS
from tests.agent.daemon import TAPESTRY


def tapestry(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*TAPESTRY, *arguments], capture_output=True, text=True)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_says_what_it_does_and_shows_an_example(verb: str) -> None:
    done = tapestry(verb, "--help")
    assert done.returncode == 0
    assert f"Example: tapestry {verb}" in done.stdout


def test_help_lists_every_verb() -> None:
    listed = tapestry("--help").stdout
    assert [verb for verb in VERBS if f"\n  {verb} " not in listed] == []


def test_help_imports_no_verb_and_nothing_heavy() -> None:
    code = (
        "import sys; from control.cli import build_app; from typer.main import get_command\n"
        "get_command(build_app(None))\n"
        "heavy = {'numpy', 'numba', 'aiohttp', 'pydantic', 'pyroute2', 'rich'}\n"
        "print([m for m in sys.modules if m.split('.')[0] in heavy or m.startswith('control.cli.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("verb", VERBS)
def test_a_verbs_module_loads_nothing_heavy_before_it_runs(verb: str) -> None:
    code = (
        f"import sys; from control.cli import build_app; build_app({verb!r});"
        "print([m for m in ('numba', 'aiohttp', 'pydantic', 'pyroute2', 'rich', 'asyncio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_verb_that_is_none_is_refused_with_exit_status_2() -> None:
    done = tapestry("weave")
    assert done.returncode == 2
    assert "No such command 'weave'" in done.stderr


def test_the_version_is_the_distributions() -> None:
    from importlib.metadata import version

    assert tapestry("--version").stdout == f"tapestry {version('tapestry')}\n"
    assert f"tapestry {version('tapestry')}\n" in tapestry("version").stdout
