"""The shape of the configuration file: its parts, their fields, and which reader of ``values.py`` each field has.

A field that is not written, or left empty, is None here; defaults are filled in by ``resolve.py``, because many depend
on other fields. Fields of the interface that this version does not put in force are read as well: see ``notyet.py``.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from control.config import kubernetes, overlay_values, router_values, values
from control.config.sections import Part, Section, one_or_many, reads, reads_each, required
from control.model import Address, Publish, Subnet

MAX_WORKERS = 4
MIN_MTU = 68
MIN_MTU_IPV6 = 1280
MAX_MTU = 9216 - 14 - 4
"""The fabric's largest frame, less an Ethernet header and one VLAN tag."""

_MAX_UNDERLAY_MTU = 65535

_MAX_SECONDS = 100_000_000
"""Three years: clocks of 2**32 ticks compare what is less than half of that apart, which is nine."""

_MAX_FDB_SECONDS = 1_000_000
_MAX_RATE = 10_000_000
_MAX_TABLE = 1 << 22
_MAX_FLOWS = 1 << 26
_MAX_FRAGMENTS = 1 << 16
_MAX_GROUP = 0xFFFF
_MAX_VNI = (1 << 24) - 1
_MAX_UDP_PORT = 0xFFFF
_MAX_TTL = 255

_whole = values.whole

Mapping = Annotated[dict[str, Any], reads(values.mapping)]
Sequence = Annotated[list[Any], reads(values.sequence)]
Paths = Annotated[list[str | None], reads_each(values.path)]
Bool = Annotated[bool, reads(values.boolean)]
Rate = Annotated[int, reads(_whole(1, _MAX_RATE))]
Seconds = Annotated[int, reads(_whole(1, _MAX_SECONDS))]
TableSize = Annotated[int, reads(_whole(1, _MAX_TABLE))]

Name = Annotated[str | None, reads(values.name)]
Ifname = Annotated[str, reads(values.ifname)]
Mac = Annotated[bytes, reads(values.mac)]
Macs = Annotated[list[bytes | None], reads_each(values.mac)]
Subnets = Annotated[list[Subnet | None], reads_each(values.subnet)]
Gateways = Annotated[list[Address | None], reads_each(values.plain_address)]
Addresses = Annotated[list[tuple[Address, int | None] | None], reads_each(values.address)]

Publications = Annotated[list[Publish | None], reads_each(router_values.publish)]
NextHops = Annotated[list[tuple[Address, int] | None], reads_each(router_values.next_hop)]
Destination = Annotated[Subnet | None, reads(router_values.destination)]
PlainAddress = Annotated[Address | None, reads(values.plain_address)]

VlanId = Annotated[int, reads(values.vlan)]
VlanRanges = Annotated[list[Annotated[range, reads(values.vlans)]], BeforeValidator(one_or_many)]

Labels = Annotated[
    dict[Annotated[str, reads(kubernetes.label_key)], Annotated[str, reads(kubernetes.label_value)]],
    BeforeValidator(values.mapping),
]
NamedPorts = Annotated[
    dict[Annotated[str, reads(kubernetes.port_name)], Annotated[tuple[int, str], reads(kubernetes.named_port)]],
    BeforeValidator(values.mapping),
]


class TapFields(Section):
    ifname: Ifname = required()
    netns: Annotated[str, reads(values.netns)] | None = None
    make_netns: Bool | None = None
    offloads: Bool | None = None


class NicFields(Section):
    ifname: Ifname = required()


class PcapFields(Section):
    """Nothing to say about it: ``pcap: {}``."""


class VlanFields(Section):
    access: VlanId | None = None
    trunk: VlanRanges | None = None
    native: VlanId | None = None


class StormFields(Section):
    broadcast: Rate | None = None
    multicast: Rate | None = None
    unknown_unicast: Rate | None = None


class TimeoutFields(Section):
    fdb_s: Annotated[int, reads(_whole(1, _MAX_FDB_SECONDS))] | None = None
    tcp_syn_sent_s: Seconds | None = None
    tcp_syn_received_s: Seconds | None = None
    tcp_established_s: Seconds | None = None
    tcp_fin_wait_s: Seconds | None = None
    tcp_close_wait_s: Seconds | None = None
    tcp_last_ack_s: Seconds | None = None
    tcp_time_wait_s: Seconds | None = None
    tcp_close_s: Seconds | None = None
    udp_s: Seconds | None = None
    udp_stream_s: Seconds | None = None
    icmp_s: Seconds | None = None
    sctp_s: Seconds | None = None
    sctp_established_s: Seconds | None = None
    generic_s: Seconds | None = None
    fragment_s: Seconds | None = None
    neighbour_s: Seconds | None = None


class LimitFields(Section):
    flows: Annotated[int, reads(_whole(1, _MAX_FLOWS))] | None = None
    fdb: TableSize | None = None
    macs_per_port: TableSize | None = None
    neighbours: TableSize | None = None
    routes: TableSize | None = None
    fragments: Annotated[int, reads(_whole(1, _MAX_FRAGMENTS))] | None = None


class NetworkFields(Part):
    name: Name = required()
    mode: Annotated[str, reads(values.mode)] | None = None
    subnets: Subnets | None = None
    gateway: Gateways | None = None
    masquerade: Bool | None = None
    internal: Bool | None = None
    icc: Bool | None = None
    mtu: Annotated[int, reads(_whole(MIN_MTU, MAX_MTU))] | None = None
    vni: Annotated[int, reads(_whole(0, _MAX_VNI))] | None = None
    inner_vlan: Annotated[str, reads(overlay_values.inner_vlan)] | None = None


class PortFields(Part):
    name: Name = required()
    network: Name = None
    tap: TapFields | None = None
    nic: NicFields | None = None
    pcap: PcapFields | None = None
    vlan: VlanFields | None = None
    addresses: Addresses | None = None
    mac: Mac | None = None
    namespace: Annotated[str, reads(kubernetes.namespace)] | None = None
    labels: Labels | None = None
    named_ports: NamedPorts | None = None
    publish: Publications | None = None
    spoof_check: Bool | None = None
    endpoint: Bool | None = None
    hairpin: Bool | None = None
    storm: StormFields | None = None
    static_macs: Macs | None = None
    max_macs: Annotated[int, reads(_whole(0, _MAX_TABLE))] | None = None
    group: Annotated[int, reads(_whole(0, _MAX_GROUP))] | None = None

    @model_validator(mode="before")
    @classmethod
    def _pcap_alone_is_enough(cls, data: object) -> object:
        """Read ``pcap:`` as ``pcap: {}``: there is nothing to fill in."""
        if isinstance(data, dict) and "pcap" in data and data["pcap"] is None:
            return {**data, "pcap": {}}
        return data


class UplinkFields(Part):
    mode: Annotated[str | None, reads(values.uplink_mode)] = required()
    addresses: Addresses | None = None
    gateway: Gateways | None = None
    port: Name = None
    ifname: Ifname | None = None
    mtu: Annotated[int, reads(_whole(MIN_MTU, MAX_MTU))] | None = None


class RouteFields(Part):
    to: Destination = required()
    via: NextHops | None = None
    network: Name = None
    blackhole: Bool | None = None


class StaticFields(Part):
    outside: PlainAddress = required()
    inside: PlainAddress = required()


class NatFields(Part):
    endpoint_independent: Bool | None = None
    static: Sequence | None = None


class OverlayFields(Part):
    address: PlainAddress | None = None
    port: Annotated[int, reads(_whole(1, _MAX_UDP_PORT))] | None = None
    transport: Annotated[str, reads(overlay_values.transport)] | None = None
    learning: Bool | None = None
    group: PlainAddress | None = None
    group_interface: Ifname | None = None
    checksum: Bool | None = None
    ttl: Annotated[int, reads(_whole(1, _MAX_TTL))] | None = None
    dscp: Annotated[int | str, reads(overlay_values.dscp)] | None = None
    gbp: Bool | None = None
    uncut: Bool | None = None
    mtu: Annotated[int, reads(_whole(MIN_MTU, _MAX_UNDERLAY_MTU))] | None = None
    subnets: Subnets | None = None
    peers: Sequence | None = None


class PeerFields(Part):
    node: Name = required()
    address: PlainAddress = required()
    networks: Annotated[list[str | None], reads_each(values.name)] | None = None
    subnets: Subnets | None = None
    endpoints: Sequence | None = None
    lease_s: Seconds | None = None


class RemoteEndpointFields(Part):
    network: Name = required()
    address: PlainAddress = required()
    mac: Mac | None = None
    namespace: Annotated[str, reads(kubernetes.namespace)] | None = None
    labels: Labels | None = None


class FileFields(Part):
    node: Name = None
    workers: Annotated[int, reads(_whole(1, MAX_WORKERS))] | None = None
    networks: Sequence | None = None
    ports: Sequence | None = None
    timeouts: TimeoutFields | None = None
    limits: LimitFields | None = None
    uplink: Mapping | None = None
    routes: Sequence | None = None
    nat: Mapping | None = None
    overlay: Mapping | None = None
    manifests: Paths | None = None
