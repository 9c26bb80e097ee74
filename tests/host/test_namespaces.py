"""Namespaces: found by name or path, made and removed as `ip netns` does, entered by a thread of its own."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from control.errors import UserError
from control.host.namespaces import (
    find_namespace,
    identify_namespace,
    make_namespace,
    open_namespace,
    remove_namespace,
    run_in_namespace,
)
from tests.netns import require_root, require_tools, unused_name


@pytest.fixture
def name() -> Iterator[str]:
    """A name that no namespace has yet; whatever gets it is removed."""
    require_root()
    name = unused_name("made")
    yield name
    remove_namespace(name)


def namespace_of_this_thread() -> int:
    return os.stat("/proc/thread-self/ns/net").st_ino


def test_a_function_runs_inside_and_the_calling_thread_stays_outside(name: str) -> None:
    make_namespace(name)
    outside = namespace_of_this_thread()
    assert run_in_namespace(name, namespace_of_this_thread) == identify_namespace(name).inode
    assert namespace_of_this_thread() == outside


def test_none_is_the_agents_own_namespace() -> None:
    assert run_in_namespace(None, namespace_of_this_thread) == namespace_of_this_thread()
    assert identify_namespace(None).inode == namespace_of_this_thread()


def test_an_exception_comes_out_of_the_namespace(name: str) -> None:
    make_namespace(name)
    with pytest.raises(ZeroDivisionError):
        run_in_namespace(name, lambda: 1 / 0)


@pytest.mark.netns
def test_name_and_path_are_the_same_namespace(name: str) -> None:
    make_namespace(name)
    assert identify_namespace(name) == identify_namespace(f"/run/netns/{name}")


def test_ip_netns_uses_what_we_made_with_loopback_up(name: str) -> None:
    require_tools("ip")
    make_namespace(name)
    done = subprocess.run(["ip", "netns", "exec", name, "ip", "link"], capture_output=True, text=True, check=True)
    assert "LOOPBACK,UP" in done.stdout


def test_making_says_whether_it_was_made(name: str) -> None:
    assert make_namespace(name) is True
    identity = identify_namespace(name)
    assert make_namespace(name) is False
    assert identify_namespace(name) == identity


def test_removing_takes_the_name_and_may_be_repeated(name: str) -> None:
    make_namespace(name)
    remove_namespace(name)
    assert find_namespace(name) is None
    assert not os.path.lexists(f"/run/netns/{name}")
    remove_namespace(name)


def test_a_file_left_over_is_named_and_used_again(name: str) -> None:
    make_namespace(name)
    remove_namespace(name)
    with open(f"/run/netns/{name}", "w", encoding="ascii"):
        pass
    with pytest.raises(UserError, match=f"left over .* `ip netns del {name}`"):
        open_namespace(name)
    assert make_namespace(name) is True


def test_a_namespace_made_anew_under_its_name_is_another_one_while_the_old_is_held(name: str) -> None:
    make_namespace(name)
    held = open_namespace(name)
    try:
        old = identify_namespace(name)
        remove_namespace(name)
        make_namespace(name)
        assert identify_namespace(name) != old
    finally:
        os.close(held)


@pytest.mark.parametrize(
    ("netns", "sentence"),
    [
        ("tapestry-no-such", r"does not exist: make it with `ip netns add tapestry-no-such`, or set make_netns: true"),
        ("/proc/4194305/ns/net", r"does not exist: .*process or container ended"),
        ("/etc/hostname", r"is not a network namespace: expected a file such as"),
        ("/proc/self/ns/user", r"is not a network namespace: expected a file such as"),
        ("..", r"'..' cannot name a namespace"),
        ("", r"cannot name a namespace"),
    ],
)
def test_what_is_no_namespace_gets_a_sentence(netns: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        open_namespace(netns)
    assert find_namespace(netns) is None


def test_a_path_cannot_be_made() -> None:
    with pytest.raises(UserError, match="cannot make a namespace at the path"):
        make_namespace("/proc/self/ns/net")
