"""Writing the router's interfaces."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from dataplane.interfaces.tables import INTERFACE_DTYPE, PREFIXES

_HALF = (1 << 64) - 1


@dataclass(frozen=True)
class InterfaceRow:
    """One interface. Addresses are numbers of 128 bits, IPv4 mapped, 0 where there is none; the MAC is as columns hold
    it; ``prefixes`` are pairs of an address and a length; ``domains`` are all those that the interface is found by."""

    domain: int
    domains: tuple[int, ...]
    mac: int
    mtu: int
    traits: int = 0
    address4: int = 0
    address6: int = 0
    link_local: int = 0
    prefixes: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Services:
    """Where the agent's services are: the domain to send to, and the MAC."""

    domain: int = 0
    mac: int = 0


def write_interfaces(table: Any, rows: Mapping[int, InterfaceRow], services: Services, tracks: bool) -> None:
    """Write interfaces by number, from 1 on, into a copy of the table that is not in force.

    ``tracks``: whether there is anything to translate, so that conversations must be known.
    """
    table.of_domain[:] = 0
    table.interface[:] = np.zeros((), INTERFACE_DTYPE)
    for number, row in rows.items():
        table.of_domain[list(row.domains)] = number
        write_interface(table.interface[number], row)
    table.routes = bool(rows)
    table.tracks = tracks
    table.service_domain = services.domain
    table.service_mac = services.mac
    table.stamp = crc32(table.interface.tobytes(), crc32(table.of_domain.tobytes()))


def write_interface(record: Any, row: InterfaceRow) -> None:
    """Write one interface's record."""
    if len(row.prefixes) > PREFIXES:
        raise ValueError(f"{len(row.prefixes)} prefixes of one interface, at most {PREFIXES} fit")
    record.domain = row.domain
    record.mac = row.mac
    record.mtu = row.mtu
    record.traits = row.traits
    record.address4 = row.address4 & _HALF
    record.address6_high, record.address6_low = row.address6 >> 64, row.address6 & _HALF
    record.link_local_low = row.link_local & _HALF
    record.prefixes = len(row.prefixes)
    for n, (address, length) in enumerate(row.prefixes):
        record.prefix_high[n], record.prefix_low[n] = address >> 64, address & _HALF
        record.prefix_length[n] = length
