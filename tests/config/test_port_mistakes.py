"""Mistakes in what a port is called and how it is attached: rows of a file and every line said of it."""

import pytest

from tests.config.phrases import IFNAME, NAME, NETNS
from tests.config.read import BLUE, mistakes, port, ports

A, B = "name: a, network: blue", "name: b, network: blue"

ROWS = {
    "port without anything": (
        ports(""),
        f"3: ports[0].name: expected {NAME}, found nothing",
        "3: ports[0]: expected one of tap, nic and pcap, found none of them",
        "3: ports[0].network: expected one of the networks blue, found nothing",
    ),
    "port name twice": (
        ports(f"{A}, pcap: {{}}", f"{A}, pcap: {{}}"),
        "4: ports[1].name: expected a name that nothing else has, found a, which port a (line 3) has",
    ),
    "port name too long": (
        ports(f"name: {'x' * 64}, network: blue, pcap: "),
        f"3: ports[0].name: expected {NAME}, found '{'x' * 58}…",
    ),
    "unknown network, one near": (
        ports("name: a, network: bleu, pcap: "),
        "3: ports[0].network: expected a network that is known (did you mean blue?), found 'bleu'",
    ),
    "unknown network": (
        ports("name: a, network: red, pcap: "),
        "3: ports[0].network: expected one of the networks blue, found 'red'",
    ),
    "no networks at all": (
        "ports:\n- {name: a, network: red, pcap: }\n",
        "2: ports[0].network: expected a network of the file (it has none), found 'red'",
    ),
    "two attachments": (
        port("pcap: {}, tap: {ifname: t0}"),
        "3: ports[0]: expected one of tap, nic and pcap, found tap, pcap",
    ),
    "three attachments, one of them wrong": (
        port("pcap: {}, tap: {}, nic: {ifname: e0}"),
        f"3: ports[0].tap.ifname: expected {IFNAME}, found nothing",
        "3: ports[0]: expected one of tap, nic and pcap, found tap, nic, pcap",
    ),
    "tap left empty": (
        BLUE + "ports:\n- name: p\n  network: blue\n  tap:\n",
        "3: ports[0]: expected one of tap, nic and pcap, found none of them",
    ),
    "pcap with something in it": (
        port("pcap: {file: x}"),
        "3: ports[0].pcap.file: expected an empty mapping, found 'file'",
    ),
    "interface name too long": (
        port("tap: {ifname: sixteen-letters-}"),
        f"3: ports[0].tap.ifname: expected {IFNAME}, found 'sixteen-letters-' (16 characters)",
    ),
    "interface name with a slash": (
        port("nic: {ifname: a/b}"),
        f"3: ports[0].nic.ifname: expected {IFNAME}, found 'a/b'",
    ),
    "interface name that is a template": (
        port("tap: {ifname: 'tap%d'}"),
        f"3: ports[0].tap.ifname: expected {IFNAME}, found 'tap%d'",
    ),
    "interface of Linux itself": (
        port("tap: {ifname: lo}"),
        "3: ports[0].tap.ifname: expected an interface name that Linux does not keep for itself, found 'lo'",
    ),
    "namespace that is a relative path": (
        port("tap: {ifname: t0, netns: run/netns/x}"),
        f"3: ports[0].tap.netns: expected {NETNS}, found 'run/netns/x'",
    ),
    "namespace to make, without a name": (
        port("tap: {ifname: t0, make_netns: true}"),
        "3: ports[0].tap.make_netns: expected netns beside it, found none",
    ),
    "namespace to make, at a path": (
        port("tap: {ifname: t0, netns: /proc/1/ns/net, make_netns: true}"),
        "3: ports[0].tap.make_netns: expected a netns that is a name, not a path, found '/proc/1/ns/net'",
    ),
    "interface twice in a namespace, written in two ways": (
        ports(f"{A}, tap: {{netns: x, ifname: e}}", f"{B}, tap: {{netns: /run/netns/x, ifname: e}}"),
        (
            "4: ports[1].tap.ifname: expected an interface that nothing else has, found e in namespace /run/netns/x, "
            "which port a (line 3) has"
        ),
    ),
    "interface twice, tap and nic": (
        ports(f"{A}, tap: {{ifname: e}}", f"{B}, nic: {{ifname: e}}"),
        "4: ports[1].nic.ifname: expected an interface that nothing else has, found e, which port a (line 3) has",
    ),
}


@pytest.mark.parametrize(("text", "expected"), [(row[0], list(row[1:])) for row in ROWS.values()], ids=ROWS)
def test_a_wrong_file_is_told_all_its_mistakes(text: str, expected: list[str]) -> None:
    assert mistakes(text) == expected
