"""Which addresses ports get that state none, and that they keep them."""

import random
from dataclasses import replace

import pytest

from control.model import Configuration
from tests.config.read import BLUE, addresses, find, load, mistakes


def taps(*names: str, subnets: str = "10.10.0.0/24", stated: dict[str, str] | None = None) -> str:
    """Return a file with one network and a TAP in a namespace for each name; ``stated`` are addresses by name."""
    lines = [f"networks: [{{name: blue, subnets: [{subnets}]}}]", "ports:"]
    for name in names:
        address = f", addresses: [{stated[name]}]" if stated and name in stated else ""
        lines.append(f"- {{name: {name}, network: blue, tap: {{netns: {name}, ifname: eth0}}{address}}}")
    return "\n".join(lines) + "\n"


def ipv4(configuration: Configuration) -> dict[str, str]:
    return {name: found[0].removesuffix("/24") for name, found in addresses(configuration).items()}


def test_ports_get_the_next_free_address_of_every_subnet_in_the_order_of_the_file() -> None:
    assert addresses(load(taps("a", "b", subnets="10.10.0.0/24, 'fd00:10::/64'"))) == {
        "a": ["10.10.0.2/24", "fd00:10::2/64"],
        "b": ["10.10.0.3/24", "fd00:10::3/64"],
    }


def test_a_stated_address_is_never_given_away_wherever_it_is_stated() -> None:
    stated = {"c": "10.10.0.2"}
    assert ipv4(load(taps("a", "b", "c", stated=stated))) == {"a": "10.10.0.3", "b": "10.10.0.4", "c": "10.10.0.2"}


def test_a_gateway_in_the_middle_is_left_out() -> None:
    text = taps("a", "b").replace("24]", "24], gateway: 10.10.0.2")
    assert ipv4(load(text)) == {"a": "10.10.0.1", "b": "10.10.0.3"}


def test_a_network_without_a_gateway_gives_its_first_address_too() -> None:
    assert ipv4(load(taps("a").replace("name: blue,", "name: blue, mode: none,"))) == {"a": "10.10.0.1"}


def test_a_network_without_subnets_gives_none() -> None:
    assert addresses(load(taps("a", subnets=""))) == {"a": []}


def test_a_full_subnet_is_a_mistake_of_each_port_that_gets_nothing() -> None:
    assert mistakes(taps("a", "b", "c", subnets="10.10.0.0/30")) == [
        "4: ports[1].addresses: expected a free address in 10.10.0.0/30 of network blue, found all of them taken",
        "5: ports[2].addresses: expected a free address in 10.10.0.0/30 of network blue, found all of them taken",
    ]


def test_the_last_address_is_given_too() -> None:
    names = [f"p{number}" for number in range(253)]
    given = ipv4(load(taps(*names)))
    assert set(given.values()) == {f"10.10.0.{number}" for number in range(2, 255)}


def test_what_is_in_force_keeps_its_addresses_when_the_file_changes_around_it() -> None:
    before = load(taps("a", "b", "c"))
    after = load(taps("new", "c", "a"), previous=before)
    assert ipv4(after) == {"new": "10.10.0.3", "c": "10.10.0.4", "a": "10.10.0.2"}


def test_ports_keep_their_addresses_under_any_order_and_addition(seed: int) -> None:
    order = random.Random(seed)
    configuration = load(taps("p0"))
    names = ["p0"]
    for number in range(1, 25):
        names.insert(order.randrange(len(names) + 1), f"p{number}")
        order.shuffle(names)
        after = load(taps(*names), previous=configuration)
        assert ipv4(configuration).items() <= ipv4(after).items()
        assert len(set(ipv4(after).values())) == len(names)
        configuration = after


def test_reading_the_same_file_again_changes_nothing() -> None:
    text = taps("a", "b", subnets="10.10.0.0/24, 'fd00:10::/64'")
    assert load(text, previous=load(text)) == load(text)


def test_a_port_gives_way_when_another_states_its_address() -> None:
    before = load(taps("a", "b"))
    after = load(taps("a", "b", "c", stated={"c": "10.10.0.2"}), previous=before)
    assert ipv4(after) == {"a": "10.10.0.4", "b": "10.10.0.3", "c": "10.10.0.2"}


def test_a_port_that_no_longer_states_its_address_keeps_it() -> None:
    before = load(taps("a", stated={"a": "10.10.0.99"}))
    assert ipv4(load(taps("a"), previous=before)) == {"a": "10.10.0.99"}


def test_addresses_of_a_subnet_that_is_gone_are_replaced_and_the_others_kept() -> None:
    before = load(taps("x", "a", subnets="10.10.0.0/24, 'fd00:10::/64'"))
    after = load(taps("a", subnets="10.20.0.0/24, 'fd00:10::/64'"), previous=before)
    assert addresses(after) == {"a": ["10.20.0.2/24", "fd00:10::3/64"]}


def test_a_port_that_moved_to_another_network_gets_new_addresses() -> None:
    text = "networks: [{name: n, subnets: [10.0.0.0/24]}, {name: m, subnets: [10.1.0.0/24]}]\nports:\n"
    row = "- {name: NAME, network: NET, tap: {netns: NAME, ifname: eth0}}\n"
    before = load(text + row.replace("NAME", "x").replace("NET", "n") + row.replace("NAME", "a").replace("NET", "n"))
    after = load(text + row.replace("NAME", "a").replace("NET", "m"), previous=before)
    assert addresses(before)["a"] == ["10.0.0.3/24"]
    assert addresses(after)["a"] == ["10.1.0.2/24"]


@pytest.fixture
def attached() -> Configuration:
    """A configuration with one port, run, that was attached while running."""
    return load(taps("run"))


def test_attached_ports_stay_and_their_addresses_with_them(attached: Configuration) -> None:
    after = load(taps("a"), previous=attached, attached=attached.ports)
    assert ipv4(after) == {"a": "10.10.0.3", "run": "10.10.0.2"}
    assert after.ports[-1] == attached.ports[0]


def test_a_file_cannot_take_what_an_attached_port_has(attached: Configuration) -> None:
    mac = find(attached, "run").mac.hex(":")
    text = (
        BLUE
        + f"""ports:
- {{name: run, network: blue, pcap: }}
- {{name: a, network: blue, pcap: , addresses: 10.10.0.2}}
- {{name: b, network: blue, pcap: , mac: "{mac}"}}
- {{name: c, network: blue, tap: {{netns: run, ifname: eth0}}}}
"""
    )
    assert mistakes(text, attached=attached.ports) == [
        "3: ports[0].name: expected a name that nothing else has, found run, which the attached port run has",
        (
            "4: ports[1].addresses[0]: expected an address that nothing else has, found 10.10.0.2, "
            "which the attached port run has"
        ),
        f"5: ports[2].mac: expected a MAC that nothing else has, found {mac}, which the attached port run has",
        (
            "6: ports[3].tap.ifname: expected an interface that nothing else has, found eth0 in namespace run, "
            "which the attached port run has"
        ),
    ]


def test_a_file_cannot_drop_the_network_of_an_attached_port(attached: Configuration) -> None:
    assert mistakes("networks:\n- name: red\n", attached=attached.ports) == [
        (
            "1: networks: expected network blue, which the attached port run is on, "
            "found none of that name (detach it first, "
            "or keep the network)"
        )
    ]


def test_a_file_cannot_move_a_network_away_from_under_an_attached_port(attached: Configuration) -> None:
    assert mistakes(taps(subnets="10.20.0.0/24"), attached=attached.ports) == [
        "1: networks: expected an address in 10.20.0.0/24 of network blue, found 10.10.0.2 at the attached port run"
    ]


def test_an_attached_port_of_a_network_without_a_mistake_elsewhere_is_no_mistake(attached: Configuration) -> None:
    port = replace(attached.ports[0], network="a b")
    (mistake,) = mistakes("networks: [{name: a b}]\n", attached=[port])
    assert mistake.startswith("1: networks[0].name: expected a name ")
