"""Whose an address is: the pod behind it, here or at another node."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from control.model import Address, Configuration, Peer
from control.policy.model import Labels, Pod


@dataclass(frozen=True)
class Directory:
    """Pods by their addresses, and those of this node by their ports."""

    pods: dict[Address, Pod] = field(default_factory=dict)
    at_ports: dict[str, Pod] = field(default_factory=dict)

    @classmethod
    def of(cls, pods: Iterable[Pod]) -> "Directory":
        """Return the directory of ``pods``."""
        everyone = tuple(pods)
        by_address = {address: pod for pod in everyone for address in pod.addresses}
        return cls(by_address, {pod.port: pod for pod in everyone if pod.port})

    def pod_of(self, address: Address) -> Pod | None:
        """Return the pod that has an address, None if nobody known has it."""
        return self.pods.get(address)

    def pod_at(self, port: str) -> Pod | None:
        """Return the pod at a port of this node."""
        return self.at_ports.get(port)


def pods_of(configuration: Configuration, peers: Iterable[Peer]) -> Iterator[Pod]:
    """Yield the endpoints of this node, and of the others as far as they are known one by one."""
    for port in configuration.ports:
        if port.endpoint:
            addresses = tuple(interface.ip for interface in port.addresses)
            yield Pod(port.name, port.namespace, port.labels, port.named_ports, addresses, port.name)
    for peer in peers:
        for endpoint in peer.endpoints:
            name = f"{peer.node}/{endpoint.address}"
            yield Pod(name, endpoint.namespace, endpoint.labels, addresses=(endpoint.address,))


def labels_text(labels: Labels) -> str:
    """Return labels as people write them."""
    return ",".join(f"{key}={value}" for key, value in labels)
