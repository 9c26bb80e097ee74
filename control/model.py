"""The desired state of one node's fabric, frozen: what configuration and the API produce and the tables are built from.

Nothing here reads files or touches the system. Two configurations compare equal when they mean the same, so that
applying a new one is applying the difference.
"""

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from control.policy.model import Manifests

Address = IPv4Address | IPv6Address
Subnet = IPv4Network | IPv6Network
Interface = IPv4Interface | IPv6Interface

DEFAULT_MTU = 1500

OVERLAY_OVERHEAD = {4: 50, 6: 70}
"""What VXLAN puts around a packet, by the underlay's version, in bytes of the underlay's MTU: outer IP, UDP, VXLAN and
the inner Ethernet header (RFC 7348 section 5)."""

VXLAN_PORT = 4789

TUNNEL = "overlay"
"""The name of the port that stands for all other nodes."""

ROUTED_GATEWAYS: tuple[Address, ...] = (IPv4Address("169.254.1.1"), IPv6Address("fe80::1"))
"""The router's in routed networks besides their gateways: the next hop of endpoints that know of no subnet."""


@dataclass(frozen=True, slots=True)
class Network:
    """One network, with the subnets its endpoints get their addresses from and the gateway's address in each.

    ``bridge``: one bridge domain. ``overlay``: a bridge domain that goes on at other nodes, where ``vni`` names it;
    ``inner_vlan`` says whether frames with a VLAN tag may go there. ``routed``: every endpoint alone behind the router.
    ``masquerade``: what leaves through the uplink takes the uplink's address; ``internal``: there is no way out.
    """

    name: str
    mode: Literal["bridge", "overlay", "routed", "none"] = "bridge"
    subnets: tuple[Subnet, ...] = ()
    gateway: tuple[Address, ...] = ()
    masquerade: bool = False
    internal: bool = False
    icc: bool = True
    mtu: int = DEFAULT_MTU
    vni: int | None = None
    inner_vlan: Literal["discard", "keep"] = "discard"

    @property
    def is_bridged(self) -> bool:
        """Whether frames go from port to port by MAC, with a gateway among them."""
        return self.mode in ("bridge", "overlay")


@dataclass(frozen=True, slots=True)
class Tap:
    """A TAP device named ``ifname``; ``netns`` is a name, a path such as /proc/1/ns/net, or None for the agent's
    own. ``offloads``: its kernel may hand over superframes, and checksums still to be computed."""

    ifname: str
    netns: str | None = None
    make_netns: bool = False
    offloads: bool = True


@dataclass(frozen=True, slots=True)
class Nic:
    """An existing interface of the agent's own namespace, reached through AF_PACKET."""

    ifname: str


@dataclass(frozen=True, slots=True)
class Pcap:
    """A port that only `tapestry replay` opens: fed from captures, recorded to captures."""


@dataclass(frozen=True, slots=True)
class Vtep:
    """The port that stands for all other nodes: ``socket``, UDP in the host's stack; ``raw``, frames of our own making
    that leave by the uplink, so that it has no device."""

    transport: Literal["socket", "raw"]


Attachment = Tap | Nic | Pcap | Vtep


@dataclass(frozen=True, slots=True)
class Vlan:
    """How a port takes part in a VLAN-aware network: ``access`` alone, or ``trunk`` with an optional ``native``."""

    access: int | None = None
    trunk: frozenset[int] = frozenset()
    native: int | None = None

    @property
    def is_trunk(self) -> bool:
        return self.access is None


@dataclass(frozen=True, slots=True)
class Storm:
    """Limits in frames a second for what a port may make the fabric flood; None is unlimited."""

    broadcast: int | None = None
    multicast: int | None = None
    unknown_unicast: int | None = None


@dataclass(frozen=True, slots=True)
class Publish:
    """Ports ``first`` … ``last`` of the uplink's addresses (of ``host`` alone, if given) lead to the endpoint's own
    ports from ``target`` on. ``protocol`` is tcp, udp or sctp."""

    first: int
    last: int
    target: int
    protocol: str = "tcp"
    host: Address | None = None


@dataclass(frozen=True, slots=True)
class Port:
    """One attachment to a network, or, where ``network`` is empty, to none: the uplink, the agent's own services, and
    the tunnel to other nodes, which is in every network that has a VNI.

    ``mac`` is six bytes, big-endian on the wire; empty where nobody told us.
    ``mac_known`` says that frames must carry ``mac`` when ``spoof_check`` is on: it was written down, or the device is
    ours and we set it.
    """

    name: str
    network: str
    attachment: Attachment
    addresses: tuple[Interface, ...] = ()
    mac: bytes = b""
    mac_known: bool = False
    namespace: str = "default"
    labels: tuple[tuple[str, str], ...] = ()
    named_ports: tuple[tuple[str, int, str], ...] = ()
    endpoint: bool = True
    spoof_check: bool = False
    hairpin: bool = False
    vlan: Vlan | None = None
    storm: Storm = field(default_factory=Storm)
    static_macs: tuple[bytes, ...] = ()
    max_macs: int = 1024
    publish: tuple[Publish, ...] = ()
    group: int = 0
    """Of group-based policy: what frames from here carry to other nodes."""


@dataclass(frozen=True, slots=True)
class RemoteEndpoint:
    """An endpoint at another node. ``mac`` is six bytes, big-endian on the wire; empty where nobody told us."""

    network: str
    address: Address
    mac: bytes = b""
    namespace: str = "default"
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Peer:
    """Another node: its VTEP's ``address``, the ``subnets`` whose addresses are all there, single ``endpoints``.

    ``networks``: those that it takes part in; empty for all. ``lease_s``: for how long it is true unless it is told
    again; None for ever.
    """

    node: str
    address: Address
    subnets: tuple[Subnet, ...] = ()
    endpoints: tuple[RemoteEndpoint, ...] = ()
    networks: tuple[str, ...] = ()
    lease_s: int | None = None


@dataclass(frozen=True, slots=True)
class Overlay:
    """This node's end of the tunnels (VTEP): frames of overlay networks go to other nodes by VXLAN (RFC 7348).

    ``learning``: addresses behind other nodes are learned from frames too. ``group``: broadcast goes to this multicast
    address, joined at ``group_interface``, instead of to each peer. ``checksum``: the outer UDP checksum is written.
    ``dscp``: of the outer header; None: the inner packet's. ``gbp``: group-based policy is read and written.
    ``uncut``: superframes go uncut where the host can carry them so. ``mtu``: of the underlay, in bytes.
    ``subnets``: this node's own parts of overlay networks' subnets, which ports get their addresses of.
    """

    address: Address
    port: int = VXLAN_PORT
    transport: Literal["socket", "raw"] = "socket"
    learning: bool = False
    group: Address | None = None
    group_interface: str = ""
    checksum: bool = False
    ttl: int = 64
    dscp: int | None = None
    gbp: bool = False
    uncut: bool = True
    mtu: int = DEFAULT_MTU
    subnets: tuple[Subnet, ...] = ()
    peers: tuple[Peer, ...] = ()

    @property
    def inner_mtu(self) -> int:
        """The largest packet that the tunnel carries whole, in bytes."""
        return self.mtu - OVERLAY_OVERHEAD[self.address.version]


@dataclass(frozen=True, slots=True)
class Uplink:
    """How packets leave the fabric.

    ``host``: the TAP ``ifname`` in the agent's own network namespace, which routes further; ``nic``: the interface
    ``ifname``; ``port``: a port that the configuration names. In every mode ``port`` is one of the configuration's
    ports, which is on no network. ``addresses``: the fabric's own there, which source translation uses; those of a NIC
    are asked for by DHCP when empty, and ``leased`` then, had or not. ``gateway``: one a family.
    """

    mode: Literal["host", "nic", "port"]
    addresses: tuple[Interface, ...] = ()
    gateway: tuple[Address, ...] = ()
    port: str = ""
    ifname: str = ""
    mtu: int = DEFAULT_MTU
    leased: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """A static route: ``via`` next hops with weights, or straight into ``network``, or ``blackhole``."""

    to: Subnet
    via: tuple[tuple[Address, int], ...] = ()
    network: str = ""
    blackhole: bool = False


@dataclass(frozen=True, slots=True)
class Nat:
    """``endpoint_independent``: an inside address and port keeps one outside port for all destinations (RFC 4787).
    ``static``: pairs of an outside and an inside address that stand for each other."""

    endpoint_independent: bool = False
    static: tuple[tuple[Address, Address], ...] = ()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. Those of conversations have the defaults of Linux."""

    fdb_s: int = 300
    tcp_syn_sent_s: int = 120
    tcp_syn_received_s: int = 60
    tcp_established_s: int = 432_000
    tcp_fin_wait_s: int = 120
    tcp_close_wait_s: int = 60
    tcp_last_ack_s: int = 30
    tcp_time_wait_s: int = 120
    tcp_close_s: int = 10
    udp_s: int = 30
    udp_stream_s: int = 120
    icmp_s: int = 30
    sctp_s: int = 30
    sctp_established_s: int = 210
    generic_s: int = 600
    fragment_s: int = 30
    neighbour_s: int = 30


@dataclass(frozen=True, slots=True)
class Limits:
    """Capacities that shape the shared memory: a change of these needs a restart."""

    fdb: int = 65536
    macs_per_port: int = 1024
    flows: int = 1_048_576
    neighbours: int = 16_384
    routes: int = 65_536
    fragments: int = 1024


@dataclass(frozen=True, slots=True)
class Configuration:
    """One configuration file, validated and with every default filled in."""

    node: str
    workers: int = 1
    networks: tuple[Network, ...] = ()
    ports: tuple[Port, ...] = ()
    uplink: Uplink | None = None
    overlay: Overlay | None = None
    services: str = ""
    """The port behind which the agent's own services live: the answerer of names."""
    routes: tuple[Route, ...] = ()
    nat: Nat = field(default_factory=Nat)
    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: Limits = field(default_factory=Limits)
    manifests: "Manifests | None" = None
    """Policies and what they select by. None: the file says nothing of them, and nobody is judged."""
    manifest_paths: tuple[str, ...] = ()
    """The files and folders that they are read from."""

    def mtu_of(self, port: Port) -> int:
        """Return the MTU of the network, the uplink or the underlay that ``port`` is at, in bytes."""
        if port.network:
            return self.network(port.network).mtu
        if self.overlay is not None and isinstance(port.attachment, Vtep):
            return self.overlay.mtu
        return self.uplink.mtu if self.uplink is not None and self.uplink.port == port.name else DEFAULT_MTU

    def network(self, name: str) -> Network:
        """Return the network of that name; KeyError if there is none (validation rules that out for ports'
        networks)."""
        for network in self.networks:
            if network.name == name:
                return network
        raise KeyError(name)


def without_peers(configuration: Configuration) -> Configuration:
    """Return the configuration as if there were no other nodes."""
    overlay = configuration.overlay
    return replace(configuration, overlay=None if overlay is None else replace(overlay, peers=()))


def without_policies(configuration: Configuration) -> Configuration:
    """Return the configuration with no object of its manifests, which stay on if they are."""
    manifests = configuration.manifests
    return replace(configuration, manifests=None if manifests is None else type(manifests)())


def only_peers_differ(before: Configuration, after: Configuration) -> bool:
    """Whether there is an overlay, and nothing but its peers is another, if anything is."""
    return before.overlay is not None and without_peers(before) == without_peers(after)


def only_policies_differ(before: Configuration, after: Configuration) -> bool:
    """Whether there are manifests, and nothing but their objects are others, if anything is."""
    if before.manifests is None or after.manifests is None:
        return False
    return replace(before, manifests=None) == replace(after, manifests=None)
