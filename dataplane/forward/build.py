"""Writing what forwarding knows of ports and filtering domains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dataplane.forward.tables import FLOOD_MEMBERS, FORWARD_PORT_DTYPE


@dataclass(frozen=True)
class ForwardPort:
    """One port's row."""

    native_domain: int = 0
    traits: int = 0


class TooManyMembersError(Exception):
    """More memberships of ports in domains than the table holds."""


def write_forward(
    table: Any, ports: Mapping[int, ForwardPort], domains: Mapping[int, tuple[int, Sequence[int]]]
) -> None:
    """Write ports by index, and domains (VLAN, member indices) by number, into a copy that is not in force."""
    table.ports[:] = np.zeros((), FORWARD_PORT_DTYPE)
    for index, row in ports.items():
        table.ports[index].native_domain = row.native_domain
        table.ports[index].traits = row.traits
    memberships = sum(len(members) for _, members in domains.values())
    if memberships > FLOOD_MEMBERS:
        raise TooManyMembersError(f"{memberships} memberships of ports in VLANs, at most {FLOOD_MEMBERS} fit")
    table.flood_count[:] = 0
    first = 0
    for number, (vlan, members) in domains.items():
        table.vlan[number] = vlan
        table.flood_first[number] = first
        table.flood_count[number] = len(members)
        table.flood_members[first : first + len(members)] = members
        first += len(members)
