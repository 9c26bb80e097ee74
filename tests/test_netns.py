"""The helpers for namespaces: they connect, and they leave nothing behind."""

import os
from collections.abc import Callable

import pytest

from tests.netns import Namespace, connect, namespaces, require_tools, set_up


def remains(namespace: Namespace) -> bool:
    """Return whether the namespace still has its name."""
    return os.path.exists(namespace.path)


@pytest.mark.netns
def test_connected_namespaces_reach_each_other() -> None:
    require_tools("ping")
    with namespaces("left", "right") as (left, right):
        connect(left, "eth0", right, "eth0")
        set_up(left, "eth0", "10.0.0.1/24")
        set_up(right, "eth0", "10.0.0.2/24", "fd00::2/64")
        assert "1 received" in left.run("ping", "-c1", "-W5", "10.0.0.2").stdout


@pytest.mark.netns
def test_namespaces_are_removed_after_a_failure() -> None:
    with pytest.raises(ZeroDivisionError), namespaces("left", "right") as made:
        raise ZeroDivisionError
    assert not any(map(remains, made))


@pytest.mark.netns
def test_processes_end_with_their_block() -> None:
    with namespaces("only") as (only,), only.running("sleep", "1000") as process:
        assert process.poll() is None
    assert process.poll() is not None


@pytest.mark.netns
def test_a_failing_command_shows_what_it_said(make_namespace: Callable[[str], Namespace]) -> None:
    with pytest.raises(AssertionError, match="no-such-file"):
        make_namespace("only").run("cat", "no-such-file")


def test_a_missing_tool_is_named() -> None:
    with pytest.raises(pytest.skip.Exception, match="needs the tool no-such-tool"):
        require_tools("sh", "no-such-tool")
