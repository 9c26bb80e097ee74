"""What ports here have in the index of what other nodes have: that no peer may speak for it."""

import json
import os
from dataclasses import replace
from ipaddress import ip_interface

import pytest

from control.errors import UserError
from control.fabric import Fabric
from encap.build import Key, TableFullError
from tests.configurations import port
from tests.dataplane.peered import (
    SMALL,
    WEB,
    check,
    endpoint,
    expected_here,
    node,
    peer,
)

pytestmark = [pytest.mark.kernel, pytest.mark.limits(SMALL)]


def test_ports_that_come_change_and_go_take_what_is_theirs_with_them(fabric: Fabric) -> None:
    told = peer(2, endpoint("red", "10.20.2.5", "020000000205"))
    fabric.apply(node(told))
    check(fabric)
    assert len(expected_here(fabric)) == 2
    base = fabric.configuration
    more = port("more", "red", addresses=(ip_interface("10.20.0.3/16"), ip_interface("fd00:20::3/48")))
    for one in (more, replace(more, mac=WEB), replace(more, mac=bytes(5) + b"\3", addresses=more.addresses[1:])):
        fabric.apply(replace(base, ports=(*base.ports, one)))
        check(fabric)
    snapshot = json.loads(json.dumps(fabric.snapshot()))
    heir = Fabric.attach(os.dup(fabric.memory_fd), fabric.configuration, snapshot)
    heir.apply(base)
    check(heir)
    heir.close()


def test_what_a_port_here_gives_up_a_peer_can_have_and_the_other_way_round(fabric: Fabric) -> None:
    moving = endpoint("red", "10.20.0.2", WEB.hex())
    here, there = node(peer(2)), node(peer(2, moving))
    there = replace(there, ports=tuple(each for each in there.ports if each.name != "web"))
    for configuration in (here, there, here):
        fabric.apply(configuration)
        check(fabric)


def test_ports_for_which_there_is_no_room_change_nothing(fabric: Fabric, monkeypatch: pytest.MonkeyPatch) -> None:
    fabric.apply(node(peer(2)))
    writer, base = fabric.others.tables.writer, fabric.configuration
    room, put = [1], writer.put

    def put_while_there_is_room(key: Key, value: int) -> None:
        if not room:
            raise TableFullError("full")
        room.pop()
        put(key, value)

    monkeypatch.setattr(writer, "put", put_while_there_is_room)
    addresses = tuple(ip_interface(f"10.20.0.{n}/16") for n in (7, 8))
    with pytest.raises(UserError, match="ports: full; use fewer"):
        fabric.apply(replace(base, ports=(*base.ports, port("more", "red", addresses=addresses))))
    check(fabric)
