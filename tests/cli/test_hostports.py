"""Which ports a command on the host's own network cannot have."""

from typing import Any

import pytest

from control.cli.hostports import published_at_host, require_free_ports
from control.errors import UserError

PUBLISHED = {"web": ["8080-8090:80-90/tcp", "127.0.0.1:53:53/udp", "[2001:db8::1]:443:443/tcp"]}


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ("8085:8085", "8080-8090:80-90/tcp"),
        ("8079-8080:8079-8080", "8080-8090:80-90/tcp"),
        ("127.0.0.1:8090:8090", "8080-8090:80-90/tcp"),
        ("53:53/udp", "127.0.0.1:53:53/udp"),
        ("8085:8085/udp", None),
        ("8091:8091", None),
        ("192.0.2.1:53:53/udp", None),
        ("[2001:db8::2]:443:443", None),
    ],
)
def test_what_a_port_publishes_is_not_the_hosts(asked: str, taken: str | None) -> None:
    if taken is None:
        require_free_ports([asked], "/nowhere", PUBLISHED)
        return
    with pytest.raises(UserError) as error:
        require_free_ports([asked], "/nowhere", PUBLISHED)
    assert str(error.value) == f"-p {asked}: port web publishes {taken}, which leads there; choose another"


@pytest.mark.parametrize(
    ("uplink", "expected"),
    [(None, {}), ({"mode": "nic"}, {}), ({"mode": "host"}, {"web": ["8080:80/tcp"]})],
)
def test_published_ports_are_the_hosts_own_behind_a_host_uplink_alone(uplink: Any, expected: dict[str, Any]) -> None:
    ports = [{"name": "web", "publish": ["8080:80/tcp"]}, {"name": "db", "publish": []}]
    assert published_at_host({"uplink": uplink, "ports": ports}) == expected
