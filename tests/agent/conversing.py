"""A fabric with conversations in its flow table, written there as workers would."""

from ipaddress import ip_address
from time import monotonic_ns
from typing import NamedTuple

from control.fabric import Fabric
from control.fabric.entries import tick_of
from control.fabric.rows import address_number
from dataplane.flow.tables import LIVE, TCP_ESTABLISHED, TCP_SYN_SENT
from dataplane.neighbour.tables import DOMAIN_SHIFT, REACHABLE, SINCE_SHIFT
from tests.config.read import load

ROUTER = """
node: n
networks:
  - {name: blue, subnets: [10.10.0.0/24, "fd00:10::/64"]}
  - {name: red, subnets: [10.20.0.0/24], masquerade: false}
ports:
  - {name: wan, pcap: {}}
  - {name: web, network: blue, pcap: {}, addresses: [10.10.0.2, "fd00:10::2"], mac: "02:00:00:00:00:02"}
  - {name: db, network: red, pcap: {}, addresses: 10.20.0.2, mac: "02:00:00:00:00:03"}
uplink: {mode: port, port: wan, addresses: [192.0.2.10/24, "2001:db8::10/64"], gateway: [192.0.2.1, "2001:db8::1"]}
routes:
  - {to: 10.50.0.0/16, via: [10.10.0.9, {address: 10.10.0.8, weight: 3}]}
  - {to: 10.60.0.0/16, blackhole: true}
"""


class Tuple(NamedTuple):
    """One direction, as people write it."""

    source: str
    source_port: int
    destination: str
    destination_port: int


OUT = Tuple("10.10.0.2", 4000, "198.51.100.7", 443), Tuple("198.51.100.7", 443, "192.0.2.10", 4000)
BETWEEN = Tuple("10.10.0.2", 4001, "10.20.0.2", 5432), Tuple("10.20.0.2", 5432, "10.10.0.2", 4001)
IPV6 = Tuple("fd00:10::2", 4002, "2001:db8:7::7", 53), Tuple("2001:db8:7::7", 53, "2001:db8::10", 4002)
PING = Tuple("10.20.0.2", 7, "198.51.100.7", 8), Tuple("198.51.100.7", 8, "10.20.0.2", 7)


def conversing_fabric() -> Fabric:
    """Return a fabric with flows 1 to 4 (OUT, BETWEEN, IPV6, PING), and two neighbours."""
    fabric = Fabric(load(ROUTER).limits, seed=1)
    fabric.apply(load(ROUTER))
    for number, (tuples, protocol, state) in enumerate(
        ((OUT, 6, TCP_ESTABLISHED), (BETWEEN, 6, TCP_SYN_SENT), (IPV6, 17, 1), (PING, 1, 1)), start=1
    ):
        write_flow(fabric, number, tuples, protocol, state)
    write_neighbour(fabric, 1, "wan", "192.0.2.1", bytes.fromhex("020000000009"))
    write_neighbour(fabric, 2, "web", "fd00:10::2", bytes.fromhex("020000000002"))
    return fabric


def write_neighbour(fabric: Fabric, slot: int, port: str, address: str, mac: bytes) -> None:
    """Put a neighbour into the table that was heard just now."""
    number, domain = address_number(ip_address(address)), fabric.plan.ports[port].native_domain
    buckets = fabric.state.neighbour_buckets
    buckets["high"][slot, 0], buckets["low"][slot, 0] = number >> 64, number & (1 << 64) - 1
    buckets["link"][slot, 0] = domain << int(DOMAIN_SHIFT) | int.from_bytes(mac, "little")
    buckets["state"][slot, 0] = tick_of(monotonic_ns()) << int(SINCE_SHIFT) | int(REACHABLE)


def write_flow(fabric: Fabric, number: int, tuples: tuple[Tuple, Tuple], protocol: int, state: int) -> None:
    """Put a flow into the table that began now and lives for 100 ticks."""
    tick = tick_of(monotonic_ns())
    record = fabric.state.flow_records[number]
    for half, ends in zip((record.original, record.reply), tuples, strict=True):
        source, destination = (address_number(ip_address(each)) for each in (ends.source, ends.destination))
        half.key.source_high, half.key.source_low = source >> 64, source & (1 << 64) - 1
        half.key.destination_high, half.key.destination_low = destination >> 64, destination & (1 << 64) - 1
        half.key.word = ends.source_port << 48 | ends.destination_port << 32 | protocol << 24
        half.packets, half.bytes = 10 * number, 1000 * number
    record.state, record.status[0], record.created, record.expires = state, LIVE, tick, tick + 100
    fabric.state.flow_head[0].unused[0] = number + 1
