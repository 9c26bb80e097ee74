"""Writing what admission knows of a port."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dataplane.admit.tables import ADDRESSES_PER_PORT, ADMIT_PORT_DTYPE, STORM_CLASSES, VLAN_ROWS, VLANS

NANOSECONDS_PER_SECOND = 1_000_000_000
STORM_BURST_PER_SECOND = 10
"""A burst may be a tenth of a second's worth of frames."""


@dataclass(frozen=True)
class AdmitPort:
    """One port's row. Addresses are 16 bytes, IPv4 mapped; the storm rates are frames a second, None unlimited."""

    mac: int = 0
    addresses: tuple[bytes, ...] = ()
    checks: int = 0
    vlan_mode: int = 0
    native_domain: int = 0
    domain_of_vlan: tuple[tuple[int, int], ...] = ()
    storm_rates: tuple[int | None, ...] = (None,) * STORM_CLASSES


class TooManyVlanSetsError(Exception):
    """More different sets of trunk VLANs than the table has rows."""


class TooManyAddressesError(Exception):
    """More addresses of one port than its row holds."""


def assign_vlan_rows(rows: dict[int, AdmitPort]) -> dict[tuple[tuple[int, int], ...], int]:
    """Give each different set of trunk VLANs a row; row 0 is the empty one."""
    sets = {row.domain_of_vlan for row in rows.values()} - {()}
    if len(sets) >= VLAN_ROWS:
        raise TooManyVlanSetsError(f"{len(sets)} different sets of trunk VLANs, at most {VLAN_ROWS - 1} fit")
    return {(): 0} | {vlans: number for number, vlans in enumerate(sorted(sets), start=1)}


def write_admit(table: Any, rows: dict[int, AdmitPort]) -> None:
    """Write the rows, by port index, into a copy of the table that is not in force.

    All other ports belong nowhere: what a device of theirs still receives has no receiver.
    """
    vlan_rows = assign_vlan_rows(rows)
    table.domain_of_vlan[: len(vlan_rows)] = 0
    for vlans, number in vlan_rows.items():
        for vid, domain in vlans:
            if not 0 < vid < VLANS - 1:
                raise ValueError(f"VLAN {vid} is not one")
            table.domain_of_vlan[number, vid] = domain
    table.ports[:] = np.zeros((), ADMIT_PORT_DTYPE)
    for index, row in rows.items():
        write_port(table.ports[index], row, vlan_rows[row.domain_of_vlan])


def write_port(port: Any, row: AdmitPort, vlan_row: int) -> None:
    """Write one port's record."""
    if len(row.addresses) > ADDRESSES_PER_PORT:
        raise TooManyAddressesError(f"{len(row.addresses)} addresses of one port, at most {ADDRESSES_PER_PORT} fit")
    port.mac = row.mac
    port.checks = row.checks
    port.vlan_mode = row.vlan_mode
    port.vlan_row = vlan_row
    port.native_domain = row.native_domain
    port.addresses = len(row.addresses)
    for k, address in enumerate(row.addresses):
        port.address_high[k] = int.from_bytes(address[:8], "big")
        port.address_low[k] = int.from_bytes(address[8:], "big")
    for k, rate in enumerate(row.storm_rates):
        port.storm_cost_ns[k] = 0 if rate is None else NANOSECONDS_PER_SECOND // rate
        port.storm_burst_ns[k] = 0 if rate is None else storm_burst_ns(rate)


def storm_burst_ns(rate: int) -> int:
    """Return how much time's worth of frames may come at once: a tenth of a second's, one frame at least."""
    return max(1, rate // STORM_BURST_PER_SECOND) * NANOSECONDS_PER_SECOND // rate
