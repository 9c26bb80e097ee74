"""What is read of the router's tables, in the configuration's words, is what kernels find there."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from random import Random

import pytest

from control.fabric import Fabric, RouteEntry, RouteHop
from control.model import Route
from tests.configurations import port
from tests.dataplane.fabrics import OUT, WAY_OUT, as_number, blue, find, node, red
from tests.generate.routers import SMALL, random_addresses, random_router
from tests.scale import scaled

pytestmark = pytest.mark.kernel


@pytest.fixture
def fabric() -> Iterator[Fabric]:
    made = Fabric(SMALL, shared=True)
    yield made
    made.close()


def test_routes_say_where_they_lead_and_why(fabric: Fabric) -> None:
    hops = ((ip_address("10.10.0.7"), 2), (ip_address("10.20.0.2"), 1))
    routes = (Route(ip_network("10.0.0.0/8"), blackhole=True), Route(ip_network("10.50.0.0/16"), via=hops))
    endpoint = port("b", "red", addresses=(ip_interface("10.20.0.2/24"),))
    networks = (replace(blue(), subnets=blue().subnets[:1], gateway=blue().gateway[:1]), red(mode="routed"))
    fabric.apply(node(port("a"), endpoint, OUT, networks=networks, routes=routes, **WAY_OUT))
    to_gateway = RouteHop("uplink", "out", ip_address("192.0.2.1"))
    expected = {
        "0.0.0.0/0": ("via", "uplink", (to_gateway,)),
        "10.0.0.0/8": ("blackhole", "static", ()),
        "10.10.0.0/24": ("connected", "connected", (RouteHop("blue"),)),
        "10.10.0.1/32": ("local", "local", (RouteHop("blue"),)),
        "10.20.0.0/24": ("unreachable", "connected", ()),
        "10.20.0.1/32": ("local", "local", (RouteHop("red"),)),
        "10.20.0.2/32": ("connected", "connected", (RouteHop("red", "b"),)),
        "10.50.0.0/16": ("via", "static", (RouteHop("blue", "", *hops[0]), RouteHop("red", "b", *hops[1]))),
        "169.254.1.1/32": ("local", "local", (RouteHop("red"),)),
        "192.0.2.0/24": ("connected", "connected", (RouteHop("uplink", "out"),)),
        "192.0.2.10/32": ("local", "local", (RouteHop("uplink", "out"),)),
    }
    found = [entry for entry in fabric.routes() if entry.to.version == 4]
    assert found == [RouteEntry(ip_network(to), *what) for to, what in expected.items()]


def longest(entries: list[RouteEntry], address: object) -> RouteEntry | None:
    covering = [entry for entry in entries if address in entry.to]
    return max(covering, key=lambda entry: entry.to.prefixlen, default=None)


def test_the_routes_that_are_read_are_those_that_are_found(fabric: Fabric, seed: int) -> None:
    random = Random(seed)
    for _ in range(scaled(20, jit_off=4)):
        configuration = random_router(random)
        fabric.apply(configuration)
        entries = fabric.routes()
        for address in random_addresses(random, configuration, 20):
            entry, found = longest(entries, address), find(fabric, address)
            assert {each.kind for each in found} == {entry.kind if entry else "none"}
            ways = (
                {(hop.network, hop.port, as_number(hop.via) if hop.via else 0) for hop in entry.hops} if entry else ()
            )
            assert {(each.interface, each.domain[2] if each.domain else "", each.via) for each in found} == (
                ways or {("", "", 0)}
            )
