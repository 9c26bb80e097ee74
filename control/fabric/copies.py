"""Writes what a plan says into one copy of every table that has two: the copy that is not in force."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from control.errors import UserError
from control.fabric.plan import Plan
from control.fabric.rows import admit_row, forward_row, interface_row, overlay_rows, services_row, vtep_row
from control.fabric.translation import plan_translation
from control.model import Timeouts
from dataplane.admit.build import TooManyAddressesError, TooManyVlanSetsError, write_admit
from dataplane.fdb.build import (
    StaticEntry,
    TooManyStaticEntriesError,
    allow_macs,
    require_room_for_statics,
    write_rules,
)
from dataplane.flow.build import write_flow_rules
from dataplane.forward.build import TooManyMembersError, write_forward
from dataplane.interfaces.build import write_interfaces
from dataplane.neighbour.build import write_neighbour_rules
from dataplane.vector import MAX_PORTS
from encap.build import TooManyVnisError, write_overlay
from nat.build import UnusableNatPlanError, translates, write_nat

CAPACITY_ERRORS = (
    TooManyVlanSetsError,
    TooManyMembersError,
    TooManyStaticEntriesError,
    TooManyAddressesError,
    TooManyVnisError,
)


class Learning(NamedTuple):
    """What the FDB is told: each port's epoch by index, and the static entries with the stamp that tells them from
    those of before."""

    epochs: dict[int, int]
    statics: Sequence[StaticEntry]
    stamp: int


def write_copy(state: Any, copy: int, plan: Plan, learning: Learning) -> None:
    """Write it all. UserError, with nothing in force, if the tables cannot hold it."""
    try:
        _write_switch(state, copy, plan, learning)
    except CAPACITY_ERRORS as error:
        raise UserError(f"{error}; use fewer") from error
    try:
        _write_router(state, copy, plan)
    except UnusableNatPlanError as error:
        raise UserError(f"translation: {error}") from error


def _write_switch(state: Any, copy: int, plan: Plan, learning: Learning) -> None:
    ports = plan.ports.values()
    write_admit(state.admit[copy], {p.index: admit_row(p) for p in ports})
    write_forward(
        state.forward[copy],
        {p.index: forward_row(p) for p in ports},
        {number: (domain.vlan, domain.members) for number, domain in plan.domains.items()},
    )
    epochs, statics, stamp = learning
    require_room_for_statics(len(statics), len(state.fdb_buckets))
    max_macs = {p.index: p.port.max_macs for p in ports}
    rows = {index: (max_macs.get(index, 0), epoch) for index, epoch in epochs.items()}
    write_rules(state.fdb_rules[copy], plan.configuration.timeouts.fdb_s, rows, statics, stamp)
    remote = plan.configuration.limits.macs_per_port if plan.configuration.overlay is not None else 0
    allow_macs(state.fdb_rules[copy], MAX_PORTS, remote)
    groups = {port.index: port.port.group for port in ports if port.port.group}
    write_overlay(state.overlay[copy], vtep_row(plan), overlay_rows(plan), groups)


def _write_router(state: Any, copy: int, plan: Plan) -> None:
    configuration = plan.configuration
    translation = plan_translation(configuration)
    write_nat(state.nat_rules[copy], translation)
    rows = {interface.number: interface_row(interface) for interface in plan.interfaces.values()}
    tracks = translates(translation) or configuration.manifests is not None
    write_interfaces(state.interfaces[copy], rows, services_row(plan), tracks=tracks)
    write_flow_rules(state.flow_rules[copy], seconds_of(configuration.timeouts))
    write_neighbour_rules(state.neighbour_rules[copy], configuration.timeouts.neighbour_s)


def seconds_of(timeouts: Timeouts) -> dict[str, int]:
    """Return timeouts by name, without their unit."""
    return {name.removesuffix("_s"): seconds for name, seconds in asdict(timeouts).items()}
