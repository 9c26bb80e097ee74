"""An agent without root: namespaces and TAPs of its own, or a sentence that says what to type."""

import errno
import json
import os
import subprocess

import pytest

from control.host.rootless import explain_refusal, find_obstacle
from tests.host.ordinary_user import AGENT, rootless_agent
from tests.netns import require_tools

FREE = {
    "user.max_user_namespaces": "95000",
    "kernel.unprivileged_userns_clone": "1",
    "kernel.apparmor_restrict_unprivileged_userns": None,
}


@pytest.mark.netns
def test_an_ordinary_user_gets_namespaces_whose_taps_reach_each_other() -> None:
    require_tools("ping", "nsenter")
    done = subprocess.run([*AGENT, "--ping"], input="", capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["uid"] == facts["outside_uid"] == 65534
    assert (facts["uid_inside"], facts["lacking"]) == (0, [])
    assert facts["named"] == ["left", "right"]
    assert "1 received" in facts["ping"]


@pytest.mark.netns
def test_the_rest_of_run_stays_and_nothing_of_the_agent_shows_outside() -> None:
    before = set(os.listdir("/run"))
    with rootless_agent() as facts:
        assert set(facts["run"]) >= before - {"netns"}
        assert not {"left", "right"} & set(os.listdir("/run/netns") if os.path.isdir("/run/netns") else ())


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("user.max_user_namespaces", "0"),
        ("kernel.unprivileged_userns_clone", "0"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1"),
    ],
)
def test_a_setting_that_forbids_is_named_with_the_command_that_allows(setting: str, value: str) -> None:
    sysctls = FREE | {setting: value}
    assert find_obstacle(sysctls) == setting
    sentence = explain_refusal(errno.EPERM, sysctls)
    assert f"{setting} = {value}" in sentence
    assert f"`sudo sysctl -w {setting}=" in sentence
    assert "run the same command as root" in sentence


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOSPC, errno.EINVAL, errno.EIO])
def test_every_other_refusal_says_what_to_do(number: int) -> None:
    assert find_obstacle(FREE) is None
    assert "run the same command as root (sudo)" in explain_refusal(number, FREE)
