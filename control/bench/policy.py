"""Policy: conversations of UDP between pods on one link, bridged from port to port, that policies let pass.

All pods are isolated in both directions. Of the policies that select a pod the first lets others' UDP through; the
others are about other ports, of some pods or of blocks of addresses, so that they are all in the rows that are asked.
"""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_interface, ip_network
from typing import Any

import numpy as np

from control.bench.packets import udp4
from control.bench.routed import CALM, INSIDE, make_fabric, pcap_port, station_mac
from control.bench.routes import repeated
from control.bench.translated import EXPIRED_NS, FIRST_PORT
from control.bench.workload import Parameters, Workload, lay_out_frames
from control.fabric import Fabric
from control.model import Port, Timeouts
from control.policy.model import (
    BlockPeer,
    Manifests,
    NetworkPolicy,
    Peer,
    PodPeer,
    PortMatch,
    Requirement,
    Rule,
    Selector,
)

PODS = 64
ROLES = 8
FIRST_ADDRESS = 0x0A01_0100
SERVED = 5000
OTHER_PORTS = 10_000
BLOCKS = 200
NAMESPACE = "default"


def policy(parameters: Parameters) -> Workload:
    """Return conversations that are all established by the rounds that warm up."""
    return between_pods("policy", parameters, some_policies(parameters.rules), CALM)


def policy_none(parameters: Parameters) -> Workload:
    """Return the same where no policy selects anybody: what tracking costs."""
    return between_pods("policy_none", parameters, (), CALM)


def policy_first(parameters: Parameters) -> Workload:
    """Return the same, each round so late that all its conversations are new: every packet is judged."""
    timeouts = replace(CALM, udp_s=1, udp_stream_s=1)
    workload = between_pods("policy_first", parameters, some_policies(parameters.rules), timeouts)
    return replace(workload, round_ns=EXPIRED_NS)


def between_pods(
    name: str, parameters: Parameters, policies: tuple[NetworkPolicy, ...], timeouts: Timeouts
) -> Workload:
    """Return conversations of every pod with every other one."""
    manifests = Manifests(policies=policies)
    fabric = make_fabric((INSIDE,), pods_of(parameters.rules), parameters, timeouts=timeouts, manifests=manifests)
    return Workload(name, fabric, [frames_between_pods(fabric, parameters)])


def frames_between_pods(fabric: Fabric, parameters: Parameters) -> tuple[Any, Any]:
    """Return one frame of each conversation."""
    flow = repeated(parameters.flows)
    source, apart = flow % PODS, flow // PODS % (PODS - 1)
    destination = (source + 1 + apart) % PODS
    ports = FIRST_PORT + flow // (PODS * (PODS - 1)), np.full(len(flow), SERVED)
    headers = udp4(bytes(12), FIRST_ADDRESS + source, FIRST_ADDRESS + destination, ports, parameters.frame_bytes)
    macs = np.array([list(station_mac(pod)) for pod in range(PODS)], np.uint8)
    headers[:, :6], headers[:, 6:12] = macs[destination], macs[source]
    indices = np.array([fabric.index_of(name_of(pod)) for pod in range(PODS)], np.uint16)
    return lay_out_frames(headers, indices[source], parameters.frame_bytes)


def pods_of(rules: int) -> tuple[Port, ...]:
    """Return the pods; each has a role, and is one of the few or many that the same policies select."""
    sets = sets_of(rules)
    return tuple(
        replace(
            pcap_port(name_of(pod), INSIDE.name, addresses=(ip_interface((FIRST_ADDRESS + pod, 16)),)),
            mac=station_mac(pod),
            static_macs=(station_mac(pod),),
            endpoint=True,
            namespace=NAMESPACE,
            labels=(("role", str(pod % ROLES)), ("set", str(pod % sets))),
        )
        for pod in range(PODS)
    )


def name_of(pod: int) -> str:
    """Return the name of a pod's port."""
    return f"pod{pod}"


def sets_of(rules: int) -> int:
    """Return how many sets of pods have policies of their own, if there are as many rules."""
    return max(1, min(PODS, rules // 2))


def some_policies(rules: int) -> tuple[NetworkPolicy, ...]:
    """Return policies of one rule for each direction; there are at least two rules."""
    return tuple(
        NetworkPolicy(NAMESPACE, f"policy{number}", selecting("set", number % sets_of(rules)), rule, rule)
        for number, rule in enumerate(some_rules(rules))
    )


def some_rules(rules: int) -> Iterator[tuple[Rule, ...]]:
    """Yield the rules of each policy."""
    for number in range(max(1, rules // 2)):
        if number < sets_of(rules):
            yield (Rule((PodPeer(),), (PortMatch("udp", SERVED, SERVED),)),)
            continue
        peer: Peer = PodPeer(selecting("role", number // PODS % ROLES))
        if number // PODS % 2:
            peer = BlockPeer(ip_network(f"10.{number % BLOCKS}.0.0/16"), (ip_network(f"10.{number % BLOCKS}.9.0/24"),))
        yield (Rule((peer,), (PortMatch("udp", OTHER_PORTS + number, OTHER_PORTS + number),)),)


def selecting(key: str, value: int) -> Selector:
    """Return a selector of what has a label."""
    return Selector((Requirement(key, "In", frozenset({str(value)})),))
