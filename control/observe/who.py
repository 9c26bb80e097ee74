"""Whose an address is: the pod behind it, here or at another node."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from control.model import Address
from control.policy.model import Pod


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
