"""Who is asked about a packet: the pods at its ends, and what their policies say of it.

The source of a packet is the pod behind the port that it came in at, whatever address it uses; who comes by another
port is known by address. So is the destination, unless it is known by which port the packet leaves. Only pods of this
node are asked; what another node's pods may, that node decides.

Nobody asks about the node's own talk to its pods, about DHCP between pods and whoever is no pod, nor about ARP and
neighbour discovery.
"""

from control.model import Address, Configuration, Port
from control.policy.model import Decision, Direction, Manifests, Pod
from tests.naive.domains import leads_out
from tests.naive.flows import Flow
from tests.naive.packet import Packet, Tuple
from tests.naive.policy import Cluster, End, decide, is_isolated
from tests.naive.wire import ICMPV6, SCTP, TCP, UDP

PROTOCOLS = {TCP: "tcp", UDP: "udp", SCTP: "sctp"}
ASKS_FOR_ADDRESSES = {4: (68, 67), 6: (546, 547)}
"""Source and destination ports of DHCP's clients (RFC 2131 section 4.1, RFC 8415 section 7.2)."""
LINK_MESSAGES = {130, 131, 132, 133, 134, 135, 136, 143}
"""ICMPv6 types of multicast listener discovery and neighbour discovery."""


class Judge:
    """The policies of a node. ``stamp`` grows with every change of them."""

    def __init__(self, configuration: Configuration, stamp: int = 1) -> None:
        self.manifests: Manifests | None = configuration.manifests
        self.stamp = stamp
        self.services = configuration.services
        self.pods = {port.name: pod_of(port) for port in configuration.ports if is_pod(configuration, port)}
        uplink = configuration.uplink if configuration.uplink and configuration.uplink.mode == "host" else None
        self.host_port = uplink.port if uplink else ""
        self.host_links = [interface.network for interface in uplink.addresses] if uplink else []
        self.cluster = Cluster((*self.pods.values(), *remote_pods(configuration)))

    @property
    def is_on(self) -> bool:
        """Whether there are policies at all, if only an empty folder of them."""
        return self.manifests is not None

    def end(self, port: Port | None, address: Address) -> End:
        """Return who is behind a port, or has the address. A pod that uses none of its own counts as at its first."""
        pod = self.pods.get(port.name) if port else None
        if pod is None:
            return self.cluster.at(address)
        return End(pod, address if address in pod.addresses else next(iter(pod.addresses), None))

    def allows(self, source: End, destination: End, packet: Tuple, is_nodes: bool) -> bool:
        """Whether policies let ``source`` send ``destination`` a packet whose ports are those of ``packet``."""
        may_leave = self.may_leave(source, destination, packet)
        return may_leave and (is_nodes or self.may_enter(source, destination, packet))

    def may_leave(self, source: End, destination: End, packet: Tuple) -> bool:
        """Whether the source's egress allows it."""
        return source.pod is None or self._ask("egress", source.pod, source, destination, packet).allowed

    def may_enter(self, source: End, destination: End, packet: Tuple) -> bool:
        """Whether the destination's ingress allows it."""
        return destination.pod is None or self._ask("ingress", destination.pod, source, destination, packet).allowed

    def allows_on(
        self,
        flow: Flow,
        direction: int,
        source: End,
        destination: End,
        is_nodes: bool,
        entered: str,
        left: str | None = None,
    ) -> bool:
        """Whether policies allow, or have allowed since they changed, the conversation of a packet between two ends,
        and between those ports, if it is bridged; if it is routed, between that which it enters by and any."""
        between = (entered, flow.between[1] if left is None else left)
        begins, answers = source, destination
        if direction:
            between = (flow.between[0] if left is None else left, entered)
            begins, answers, is_nodes = destination, source, flow.is_nodes
        if (flow.judged, flow.between) == (self.stamp, between):
            return True
        if not self.allows(begins, answers, flow.original._replace(dport=flow.reply.sport), is_nodes):
            return False
        flow.judged, flow.between = self.stamp, between
        return True

    def is_nodes(self, port: Port, source: End) -> bool:
        """Whether it is this node itself: its services, or the host, which is on the uplink's link; who comes by way of
        the host, or uses one of the node's addresses elsewhere, is not."""
        is_host = port.name == self.host_port and any(source.address in link for link in self.host_links)
        return port.name == self.services or is_host

    def is_dhcp(self, port: Port, packet: Packet) -> bool:
        """Whether a pod asks for its address, or somebody else gives it one."""
        ends = packet.tuple
        ports = (ends.sport, ends.dport) if port.name in self.pods else (ends.dport, ends.sport)
        is_whole = packet.fragment == "whole" and ends.protocol == UDP
        return is_whole and ports == ASKS_FOR_ADDRESSES[packet.version]

    def is_isolated(self, pod: Pod | None, direction: Direction) -> bool:
        """Whether any policy has a say in what comes to a pod of this node, or from it."""
        assert self.manifests
        return pod is not None and bool(pod.port) and is_isolated(self.manifests, direction, pod)

    def _ask(self, direction: Direction, pod: Pod, source: End, destination: End, packet: Tuple) -> Decision:
        assert self.manifests
        if not pod.port:
            return Decision(True)
        protocol = PROTOCOLS.get(packet.protocol, "")
        port = packet.dport if protocol else 0
        return decide(self.cluster, self.manifests, direction, source, destination, protocol, port)


def is_pod(configuration: Configuration, port: Port) -> bool:
    """Whether a port leads to an endpoint."""
    return port.endpoint and port.network != "" and not leads_out(configuration, port)


def pod_of(port: Port) -> Pod:
    """Return the pod behind a port of this node."""
    addresses = tuple(address.ip for address in port.addresses)
    return Pod(port.name, port.namespace, port.labels, port.named_ports, addresses, port.name)


def remote_pods(configuration: Configuration) -> list[Pod]:
    """Return the pods of other nodes."""
    return [
        Pod(f"{peer.node}/{each.network}/{each.address}", each.namespace, each.labels, (), (each.address,))
        for peer in (configuration.overlay.peers if configuration.overlay else ())
        for each in peer.endpoints
    ]


def keeps_link(packet: Packet) -> bool:
    """Whether it is what stations need to find each other."""
    return packet.version == 6 and packet.tuple.protocol == ICMPV6 and packet.icmp_type in LINK_MESSAGES
