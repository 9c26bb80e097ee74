"""What the router says unasked as time passes: its addresses, when interfaces or links have come or changed."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_RA, ICMPv6NDOptPrefixInfo
from scapy.layers.l2 import ARP, Ether

from control.fabric import Fabric
from control.model import Configuration
from dataplane.fdb.tables import TICK_SHIFT
from dataplane.pipeline import begin_burst, carry_vector, rest
from dataplane.vector import make_arena, make_egress, make_vector
from tests.rows.router.world import B1, R1, WORLD, G, gateway

pytestmark = pytest.mark.kernel


class Idle:
    """A fabric to which nothing comes."""

    def __init__(self, configuration: Configuration) -> None:
        self.fabric = Fabric(configuration.limits, seed=1)
        self.fabric.apply(configuration)
        self.vector, self.arena, self.egress = make_vector(), make_arena(1), make_egress()
        self.ticks = 1000

    def hears(self) -> set[tuple[str, str]]:
        """Return the ports and addresses that the router announces in the next tick."""
        self.ticks += 1
        vector, egress, state = self.vector, self.egress, self.fabric.state
        vector.count = 0
        vector.timestamp_ns[0] = np.uint64(self.ticks << TICK_SHIFT)
        generation = begin_burst(state, 0)
        carry_vector(vector, self.arena, state, generation, 0, egress)
        rest(state, 0)
        said = set(self.take())
        egress.ports = 0
        egress.count[:] = 0
        return said

    def take(self) -> Iterator[tuple[str, str]]:
        for port in map(int, self.egress.active[: self.egress.ports]):
            for i in map(int, self.egress.queue[port, : self.egress.count[port]]):
                at = int(self.vector.head_at[i])
                frame = Ether(self.arena.heads[at : at + int(self.vector.length[i])].tobytes())
                if ICMPv6ND_RA in frame:
                    says = f"router for {frame[ICMPv6NDOptPrefixInfo].prefix}"
                else:
                    says = frame[ARP].psrc if ARP in frame else frame[ICMPv6ND_NA].tgt
                yield self.fabric.name_of(port), says


def test_addresses_are_announced_once_to_the_links_that_are_up() -> None:
    idle = Idle(WORLD)
    idle.fabric.set_link("b1", up=True)
    idle.fabric.set_link("wan", up=True)
    said = idle.hears()
    assert ("b1", gateway(B1)) in said
    assert ("b1", gateway(B1, 6)) in said
    assert ("wan", gateway(G)) in said
    assert ("b1", "router for fd00:1::") in said
    assert not any(port == "wan" and says.startswith("router") for port, says in said)
    assert {port for port, _ in said} == {"b1", "wan"}
    assert not idle.hears()


def test_all_is_said_again_before_it_expires() -> None:
    idle = Idle(WORLD)
    idle.fabric.set_link("b1", up=True)
    idle.hears()
    idle.ticks += 4096
    assert ("b1", "router for fd00:1::") in idle.hears()


def test_a_link_that_comes_up_hears_them() -> None:
    idle = Idle(WORLD)
    idle.fabric.set_link("b1", up=True)
    idle.hears()
    idle.fabric.set_link("r1", up=True)
    assert ("r1", gateway(R1)) in idle.hears()


def test_another_node_name_is_another_mac_that_is_announced() -> None:
    idle = Idle(WORLD)
    idle.fabric.set_link("b1", up=True)
    idle.hears()
    idle.fabric.apply(replace(WORLD, node="renamed"))
    assert ("b1", gateway(B1)) in idle.hears()
