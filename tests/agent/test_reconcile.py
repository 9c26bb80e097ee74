"""Plans lead from any applied state to any desired one, by whatever way the desired state was reached."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.model import Configuration, Network, Nic, Overlay, Pcap, Port, Route, Tap
from control.reconcile import (
    Action,
    ClosePort,
    Committed,
    Device,
    MakeNamespace,
    OpenPort,
    ReconfigurePort,
    RemoveNamespace,
    commit_to,
    device_of,
    namespaces_of,
    plan_actions,
)

NAMES = ("a", "b", "c", "d")
NAMESPACES = ("n1", "n2")
IFNAMES = ("eth0", "eth1")


@st.composite
def committed_states(draw: st.DrawFn) -> Committed:
    """Any state a valid configuration can ask for: no two devices in one place."""
    places = st.tuples(st.sampled_from((None, *NAMESPACES)), st.sampled_from(IFNAMES))
    chosen = draw(st.lists(places, max_size=len(NAMES), unique=True))
    made = draw(st.sets(st.sampled_from(NAMESPACES)))
    devices = {}
    for name, (netns, ifname) in zip(draw(st.permutations(NAMES)), chosen, strict=False):
        mtu = draw(st.sampled_from((1500, 9000)))
        devices[name] = Device(name, "tap", ifname, netns, make_netns=netns in made, mtu=mtu)
    return Committed(devices, namespaces_of(devices.values()))


def carry_out(applied: Committed, plan: tuple[Action, ...]) -> Committed:
    """Take the plan's steps on a model of the machine that refuses what the real one would."""
    devices, namespaces = dict(applied.devices), set(applied.namespaces)
    for action in plan:
        match action:
            case ClosePort(device):
                assert devices.pop(device.port) == device
            case RemoveNamespace(name):
                assert name not in {device.netns for device in devices.values()}
                namespaces.remove(name)
            case MakeNamespace(name):
                assert name not in namespaces
                namespaces.add(name)
            case ReconfigurePort(before, after):
                assert devices[before.port] == before
                devices[after.port] = after
            case OpenPort(device):
                assert device.port not in devices
                assert device.place not in {other.place for other in devices.values()}
                assert not device.make_netns or device.netns in namespaces
                devices[device.port] = device
    return Committed(devices, frozenset(namespaces))


@given(committed_states(), committed_states())
def test_a_plan_leads_to_the_desired_state_without_breaking_anything_on_the_way(old: Committed, new: Committed) -> None:
    reached = carry_out(old, plan_actions(old, new))
    assert reached.devices == new.devices
    assert reached.namespaces >= new.namespaces
    assert reached.namespaces - new.namespaces <= {device.netns for device in new.devices.values()}


@given(committed_states())
def test_everything_can_be_let_go_of(state: Committed) -> None:
    assert carry_out(state, plan_actions(state, Committed())) == Committed()


@given(committed_states())
def test_what_is_applied_already_needs_no_step(state: Committed) -> None:
    assert plan_actions(state, state) == ()


@given(committed_states(), committed_states())
def test_a_port_that_stays_as_it_is_is_not_touched(old: Committed, new: Committed) -> None:
    same = {name for name, device in old.devices.items() if new.devices.get(name) == device}
    touched = {
        action.after.port if isinstance(action, ReconfigurePort) else action.device.port
        for action in plan_actions(old, new)
        if isinstance(action, ClosePort | OpenPort | ReconfigurePort)
    }
    assert not same & touched


@given(st.lists(committed_states(), min_size=1, max_size=4))
def test_many_steps_end_where_one_does(states: list[Committed]) -> None:
    stepwise = Committed()
    for state in states:
        stepwise = carry_out(stepwise, plan_actions(stepwise, state))
    at_once = carry_out(Committed(), plan_actions(Committed(), states[-1]))
    assert stepwise.devices == at_once.devices
    assert carry_out(stepwise, plan_actions(stepwise, Committed())) == Committed()


@given(committed_states(), st.randoms(use_true_random=False))
def test_the_order_in_which_ports_are_listed_changes_no_plan(state: Committed, random: object) -> None:
    names = list(state.devices)
    random.shuffle(names)  # type: ignore[attr-defined]
    reordered = replace(state, devices={name: state.devices[name] for name in names})
    assert plan_actions(Committed(), reordered) == plan_actions(Committed(), state)
    assert plan_actions(reordered, Committed()) == plan_actions(state, Committed())


def test_new_addresses_are_set_without_closing_the_device() -> None:
    before = Device("web", "tap", "eth0", "n1", addresses=("10.0.0.2/24",))
    after = replace(before, addresses=("10.0.0.3/24",))
    plan = plan_actions(Committed({"web": before}), Committed({"web": after}))
    assert plan == (ReconfigurePort(before, after),)


def test_a_namespace_made_for_a_port_stays_as_long_as_the_port_does() -> None:
    before = Device("web", "tap", "eth0", "n1", make_netns=True)
    after = replace(before, make_netns=False)
    held = carry_out(Committed({"web": before}, frozenset({"n1"})), (ReconfigurePort(before, after),))
    assert plan_actions(held, Committed({"web": after})) == ()
    assert plan_actions(held, Committed()) == (ClosePort(after), RemoveNamespace("n1"))


def test_two_ports_swap_interfaces_by_closing_both_first() -> None:
    a, b = Device("a", "tap", "eth0", "n1"), Device("b", "tap", "eth1", "n1")
    swapped = {"a": replace(a, ifname="eth1"), "b": replace(b, ifname="eth0")}
    kinds = [type(action) for action in plan_actions(Committed({"a": a, "b": b}), Committed(swapped))]
    assert kinds == [ClosePort, ClosePort, OpenPort, OpenPort]


def test_a_device_whose_offloads_change_is_opened_anew() -> None:
    before = Device("web", "tap", "eth0", "n1")
    after = replace(before, offloads=False)
    plan = plan_actions(Committed({"web": before}), Committed({"web": after}))
    assert plan == (ClosePort(before), OpenPort(after))


@pytest.mark.parametrize(
    ("transport", "mode", "offloads"),
    [("raw", "overlay", False), ("raw", "bridge", True), ("socket", "overlay", True)],
)
def test_what_the_fabric_wraps_itself_comes_as_it_is_on_a_wire(transport: str, mode: str, offloads: bool) -> None:
    port = Port("a", "red", Tap("eth0", "na"))
    overlay = Overlay(ip_address("192.0.2.1"), transport=transport)  # type: ignore[arg-type]
    network = Network("red", mode=mode)  # type: ignore[arg-type]
    assert device_of(port, Configuration("n", networks=(network,), ports=(port,), overlay=overlay)).offloads == offloads


def test_a_configuration_commits_to_its_devices_and_to_the_namespaces_it_asks_for() -> None:
    configuration = Configuration(
        "node",
        networks=(Network("blue", mtu=9000),),
        ports=(
            Port(
                "web",
                "blue",
                Tap("eth0", "web", make_netns=True),
                addresses=(ip_interface("10.0.0.2/24"),),
                mac=bytes.fromhex("020000000002"),
            ),
            Port("found", "blue", Tap("eth0", "found", offloads=False)),
            Port("lan", "blue", Nic("eth1")),
            Port("p0", "blue", Pcap()),
        ),
    )
    committed = commit_to(configuration)
    assert committed.namespaces == {"web"}
    assert committed.devices == {
        "web": Device("web", "tap", "eth0", "web", True, "02:00:00:00:00:02", 9000, ("10.0.0.2/24",)),
        "found": Device("found", "tap", "eth0", "found", mtu=9000, offloads=False),
        "lan": Device("lan", "nic", "eth1"),
    }


@pytest.mark.parametrize(
    ("routes", "gateways"),
    [
        ((), ()),
        ((Route(ip_network("10.9.0.0/16"), via=((ip_address("192.0.2.1"), 1),)),), ()),
        ((Route(ip_network("10.1.0.0/24"), blackhole=True),), ()),
        ((Route(ip_network("10.1.0.0/24"), network="shut"),), ("10.1.0.1",)),
        ((Route(ip_network("10.9.0.0/16"), via=((ip_address("10.0.0.9"), 1),)),), ("10.1.0.1",)),
    ],
)
def test_an_internal_network_leads_out_where_routes_lead_between_networks(
    routes: tuple[Route, ...], gateways: tuple[str, ...]
) -> None:
    configuration = Configuration(
        node="n1",
        networks=(
            Network("open", subnets=(ip_network("10.0.0.0/24"),), gateway=(ip_address("10.0.0.1"),)),
            Network("shut", subnets=(ip_network("10.1.0.0/24"),), gateway=(ip_address("10.1.0.1"),), internal=True),
        ),
        ports=(Port("db", "shut", Tap("eth0", "db"), addresses=(ip_interface("10.1.0.2/24"),)),),
        routes=routes,
    )
    assert commit_to(configuration).devices["db"].gateways == gateways
